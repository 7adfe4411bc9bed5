"""Errors as pages in the look of the others; a visitor never sees a traceback."""

from __future__ import annotations

import logging

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.errors import GalleryError, GalleryUnavailable, ServiceUnavailable
from app.web.pages.routes import refused
from app.web.recognizer_loading import RETRY_SECONDS
from app.web.uploads import current_settings, drain, form_limits

log = logging.getLogger(__name__)

PAGES = {
    400: ("That did not work", "The request could not be understood. Please start again from the first page."),
    401: ("Please sign in again", "The sign-in is over, so nothing was changed. Sign in, then send it once more."),
    403: ("That is not allowed", "The request came from a page of another site. Please start from the first page."),
    404: ("There is no such page", "The address may be mistyped, or what was here has been removed."),
    405: ("That does not work here", "This address cannot be used in that way. Please start from the first page."),
    408: ("That took too long", "The photo did not arrive in time. Please try again, perhaps with a smaller one."),
    421: ("There is no such site", "This server is not known by that name. Please use the address you were given."),
    429: ("One moment, please", "That was a lot in a short time. Please try again in a minute."),
    500: ("Something went wrong", "The fault is ours, not your photo's. Please try again."),
}
"""Title and sentence of each error page; other codes are shown as 400 or 500."""


def install(app: Flask) -> None:
    """Answer errors outside the API with pages."""
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(ServiceUnavailable, _not_ready)
    app.register_error_handler(GalleryError, _gallery_away)
    app.register_error_handler(HTTPException, _page)


def _too_large(error: RequestEntityTooLarge) -> Response:
    drain()
    if sentence := form_limits():
        return refused(sentence, 413)
    one = current_settings().max_file_bytes
    sentence = f"The file is too large: {one / 1e6:g} MB are the most that can be sent"
    if request.max_content_length and request.max_content_length > one:
        sentence += f", and {request.max_content_length / 1e6:g} MB for several together"
    return refused(f"{sentence}.", 413)


def _not_ready(error: ServiceUnavailable) -> Response:
    drain()
    page = render_template("error.html", title="One moment, please", sentence=str(error))
    return make_response(page, 503, {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"})


def _gallery_away(error: GalleryError) -> Response:
    log.error("%s", error)
    return _not_ready(GalleryUnavailable())


def _page(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < 400:
        return error
    drain()
    title, sentence = PAGES.get(error.code) or PAGES[500 if error.code >= 500 else 400]
    response = make_response(render_template("error.html", title=title, sentence=sentence), error.code)
    # A 405 has to name the methods that are allowed; the error knows them.
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response
