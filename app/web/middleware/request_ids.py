"""Request IDs in the header X-Request-ID, the log and error messages."""

from __future__ import annotations

import re
import uuid
from typing import cast

from flask import Flask, Response, g, request

HEADER = "X-Request-ID"

_VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def install(app: Flask) -> None:
    """Add the request ID to every response."""
    app.after_request(_add_header)


def request_id() -> str:
    """Return the client's request ID if it is valid, else a generated one."""
    if "request_id" not in g:
        sent = request.headers.get(HEADER, "")
        g.request_id = sent if _VALID.fullmatch(sent) else uuid.uuid4().hex
    return cast(str, g.request_id)


def _add_header(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    return response
