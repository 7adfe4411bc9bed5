"""Error pages: every HTTP error and every exception of the program, without tracebacks."""

from flask import Response, make_response, render_template

from app.web.http_errors import HttpError
from app.web.pages.routes import form_with_problem

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

_NO_ACCESS = ("account_required", "insufficient_scope")


def page(error: HttpError) -> Response:
    """Return the error page, or the form with the problem if the photos or fields of a form are the cause."""
    if error.status in (413, 422) or (error.status == 400 and error.code != "bad_request"):
        return form_with_problem(error.message, error.status)
    title, sentence = PAGES.get(error.status) or PAGES[500 if error.status >= 500 else 400]
    if error.status == 503:
        title, sentence = "Service unavailable", error.message
    elif error.status == 429:
        sentence = error.message
    elif error.code in _NO_ACCESS:
        title, sentence = "No access", error.message
    page = render_template("error.html", title=title, sentence=sentence)
    return make_response(page, error.status, {"Cache-Control": "no-store", **error.headers})
