"""A page that takes a while: with the site's script the visitor reads each step as it is taken, without it the page.

The script asks for lines of JSON (`TYPE`): `{"step": "Finding faces ..."}` as often as there is something to tell,
and at last `{"status": 200, "page": "<!doctype html> ..."}`, the very page that a plain form would have got. Nothing
is kept between the two: it is one request and one answer.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from typing import Any

from flask import Response, current_app, make_response, request, stream_with_context

TYPE = "application/x-ndjson"

Page = tuple[str, int]
"""HTML and its status."""

Work = Generator[str, None, Page]
"""Yields sentences that say what is done next, and returns the page that it leads to."""


def answer(work: Work) -> Response:
    """Do the work and answer with its page, step by step if the script asks for that.

    What goes wrong before the first step has its own status; afterwards the status has gone out, and the last line
    tells of it.
    """
    if request.accept_mimetypes[TYPE] <= request.accept_mimetypes["text/html"]:
        return unkept(make_response(_finished(work)))
    try:
        step = next(work)
    except StopIteration as end:
        return unkept(make_response(end.value))
    lines = stream_with_context(_lines(step, work))
    # A proxy that gathers answers would let all steps arrive with the page.
    return unkept(current_app.response_class(lines, mimetype=TYPE, headers={"X-Accel-Buffering": "no"}))


def unkept(response: Response) -> Response:
    """The response, marked to be kept by no cache: it is about a person."""
    response.cache_control.no_store = True
    return response


def _finished(work: Work) -> Page:
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value


def _lines(step: str, work: Work) -> Iterator[str]:
    try:
        while True:
            yield _line(step=step)
            step = next(work)
    except StopIteration as end:
        page, status = end.value
    except Exception as error:
        response = _handled(error)
        page, status = response.get_data(as_text=True), response.status_code
    yield _line(status=status, page=page)


def _handled(error: Exception) -> Response:
    """What the application answers to an error; Flask itself looks only at those before an answer begins."""
    try:
        return make_response(current_app.handle_user_exception(error))
    except Exception as unexpected:
        return current_app.handle_exception(unexpected)


def _line(**fields: Any) -> str:
    return json.dumps(fields) + "\n"
