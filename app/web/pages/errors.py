"""Error pages: every HTTP error and every exception of the program, without tracebacks."""

from __future__ import annotations

from flask import Flask, Response, make_response, render_template
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.web import http_errors
from app.web.http_errors import HttpError, describe
from app.web.pages.routes import form_with_problem
from app.web.uploads import upload_too_large

PAGES = {
    400: ("Bad request", "The server could not read the request. Start again from the home page."),
    401: ("Session expired", "Your session has expired and nothing was changed. Sign in again."),
    403: ("Request blocked", "The request came from another site. Start again from the home page."),
    404: ("Page not found", "The address may be mistyped, or the page may have been removed."),
    405: ("Method not allowed", "This address does not accept the request. Start again from the home page."),
    408: ("Request timed out", "The photo did not arrive in time. Try again, or send a smaller copy."),
    421: ("Unknown host", "The server does not answer to this name. Check the address."),
    429: ("Too many requests", "You sent too many requests. Try again in a minute."),
    500: ("Server error", "Something went wrong on the server. Try again."),
}
"""Title and sentence by status. Other statuses get the page of 400 or 500."""


def install(app: Flask) -> None:
    """Answer errors outside the API with pages."""
    http_errors.register(app, _page)
    app.register_error_handler(RequestEntityTooLarge, lambda _error: _page(describe(upload_too_large())))
    app.register_error_handler(HTTPException, _http_page)


def _page(error: HttpError) -> Response:
    if error.status in (400, 413, 422):
        return form_with_problem(error.message, error.status)
    title, sentence = PAGES.get(error.status, ("Service unavailable", error.message))
    page = render_template("error.html", title=title, sentence=sentence)
    return make_response(page, error.status, {"Cache-Control": "no-store", **error.headers})


def _http_page(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < 400:
        return error
    title, sentence = PAGES.get(error.code) or PAGES[500 if error.code >= 500 else 400]
    response = make_response(render_template("error.html", title=title, sentence=sentence), error.code)
    # A 405 has to name the allowed methods, which the error knows.
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response
