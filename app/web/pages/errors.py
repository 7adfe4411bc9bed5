"""Errors as pages in the look of the others; a visitor never sees a traceback."""

from __future__ import annotations

from flask import Flask, Response, make_response, render_template
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.web import http_errors
from app.web.http_errors import HttpError, describe
from app.web.pages.routes import refused
from app.web.uploads import upload_too_large

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
    http_errors.register(app, _page)
    app.register_error_handler(RequestEntityTooLarge, lambda _error: _page(describe(upload_too_large())))
    app.register_error_handler(HTTPException, _http_page)


def _page(error: HttpError) -> Response:
    if error.status in (400, 413, 422):
        return refused(error.message, error.status)
    title, sentence = PAGES.get(error.status, ("One moment, please", error.message))
    page = render_template("error.html", title=title, sentence=sentence)
    return make_response(page, error.status, {"Cache-Control": "no-store", **error.headers})


def _http_page(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < 400:
        return error
    title, sentence = PAGES.get(error.code) or PAGES[500 if error.code >= 500 else 400]
    response = make_response(render_template("error.html", title=title, sentence=sentence), error.code)
    # A 405 has to name the methods that are allowed; the error knows them.
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response
