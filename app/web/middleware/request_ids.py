"""A request's id: what a visitor can quote, what the log has, and what a proxy in front may already have given."""

from __future__ import annotations

import re
import uuid

from flask import Flask, Response, g, request

HEADER = "X-Request-ID"
"""The header it comes in and goes out by."""

_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def install(app: Flask) -> None:
    """Let every answer of the app carry its request's id."""
    app.after_request(_answered)


def request_id() -> str:
    """The id of this request: the sender's if it can be written anywhere without harm, else one made here."""
    if "request_id" not in g:
        sent = request.headers.get(HEADER, "")
        g.request_id = sent if _USABLE.fullmatch(sent) else uuid.uuid4().hex
    return g.request_id


def _answered(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    return response
