"""Progress of slow pages as a stream of JSON lines (`application/x-ndjson`).

The site's script reads `{"step": "Finding faces…", "photo": 1}` for each step, then
`{"status": 200, "page": "<!doctype html>…"}`. Without the script the form gets the same page as a plain response.
"""

import json
from collections.abc import Generator, Iterator
from typing import NamedTuple, cast

from flask import Response, current_app, make_response, request, stream_with_context

MEDIA_TYPE = "application/x-ndjson"

Page = tuple[str, int]
"""HTML and its status."""


class Step(NamedTuple):
    """A step that begins: a sentence about it, and the number of its photo, 0 if it is about no single photo."""

    sentence: str
    photo: int = 0


Steps = Generator[Step, None, Page]
"""Yields each step before it begins, and returns the page."""


def is_requested() -> bool:
    """Return whether the client asks for a stream of progress."""
    return request.accept_mimetypes[MEDIA_TYPE] > request.accept_mimetypes["text/html"]


def respond(steps: Steps) -> Response:
    """Run the steps and return their page, as a stream of progress if the client asks for one.

    An error before the first step has its own HTTP status. After that, status 200 is already sent and the last line
    carries the status.
    """
    if not is_requested():
        return prevent_caching(make_response(_run(steps)))
    try:
        step = next(steps)
    except StopIteration as end:
        return prevent_caching(make_response(end.value))
    lines = stream_with_context(_lines(step, steps))
    # Proxies that buffer responses would deliver all steps together with the page.
    return prevent_caching(current_app.response_class(lines, mimetype=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"}))


def prevent_caching(response: Response) -> Response:
    """Forbid caches to store a response with personal data."""
    response.cache_control.no_store = True
    return response


def _run(steps: Steps) -> Page:
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return cast(Page, end.value)


def _lines(step: Step, steps: Steps) -> Iterator[str]:
    try:
        while True:
            yield _line(step=step.sentence, photo=step.photo)
            step = next(steps)
    except StopIteration as end:
        page, status = end.value
    except Exception as error:
        response = _error_page(error)
        page, status = response.get_data(as_text=True), response.status_code
    yield _line(status=status, page=page)


def _error_page(error: Exception) -> Response:
    """Return the app's response to an error: Flask calls error handlers only before a response starts."""
    try:
        return make_response(current_app.handle_user_exception(error))
    except Exception as unexpected:
        return current_app.handle_exception(unexpected)


def _line(**fields: str | int) -> str:
    return json.dumps(fields) + "\n"
