"""Blueprint of the library's pages: opens the library for a request, and shows its errors.

Every request opens a connection of its own when it needs one, and closes it at its end.
"""

from pathlib import Path
from typing import NamedTuple, cast

from flask import (
    Blueprint,
    current_app,
    flash,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Redirect

from app.errors import FacesError, LibraryError
from app.gallery.people import LARGEST_ID
from app.library.pictures import PictureMaker
from app.library.store import Library
from app.web import http_errors, progress_stream
from app.web.admin.blueprint import forbid_caching
from app.web.pages import errors
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.uploads import current_settings

blueprint = Blueprint("library", __name__, url_prefix="/library")

blueprint.after_request(forbid_caching)

EXTENSION = "library_pictures"
"""Key of the app's `PictureMaker` in `Flask.extensions`."""


class Tab(NamedTuple):
    """A page in the navigation of the library: its endpoint and title."""

    endpoint: str
    title: str


TABS = (
    Tab("library.index", "People"),
    Tab("library.photos", "Photos"),
    Tab("library.list_groups", "Unknown people"),
    Tab("library.review", "Review"),
    Tab("library.list_changes", "Changes"),
)


@blueprint.context_processor
def _tabs() -> dict[str, object]:
    return {"library_tabs": TABS}


@blueprint.before_request
def _check_ids() -> None:
    if any(isinstance(value, int) and value > LARGEST_ID for value in (request.view_args or {}).values()):
        raise NotFound


def number_argument(name: str) -> int | None:
    """Return an ID or number in the query of the address, None without a valid one."""
    number = request.args.get(name, type=int)
    return number if number is not None and 0 <= number <= LARGEST_ID else None


def current_library() -> Library:
    """Return the library of this request, which belongs to its thread.

    Raises:
        LibraryError: the folder is no library, or its faces were made with another network.
    """
    if "library" not in g:
        g.library = open_library()
    return cast(Library, g.library)


def open_library() -> Library:
    """Open a library, which the caller closes: that of a request is closed before a stream of progress.

    Raises what `current_library` raises.
    """
    library = Library.open(cast(Path, current_settings().library))
    try:
        library.check_origin_network(current_recognizer().network.card.id)
    except BaseException:
        library.close()
        raise
    library.audit = current_gallery().audit
    return library


def current_pictures() -> PictureMaker:
    """Return the maker of pictures, which all threads share."""
    return cast(PictureMaker, current_app.extensions[EXTENSION])


@blueprint.teardown_request
def close_library(_error: BaseException | None) -> None:
    """Close the library of this request."""
    library: Library | None = g.pop("library", None)
    if library is not None:
        library.close()


def show_message(sentence: str, kind: str = "done", address: str | None = None) -> Redirect:
    """Go to a page, by default that of the form, with a message.

    A button beside the message undoes the decision of this request. Scripts get the same as JSON, and those that show
    progress get a problem as an error page: they show it beside the form, and a stream cannot redirect.

    Args:
        sentence: The message.
        kind: done or problem.
        address: The page.
    """
    library: Library | None = g.get("library")
    change = library.last_change if library and kind == "done" else None
    if wants_json():
        answer = jsonify(message=sentence, change=change)
        answer.status_code = 200 if kind == "done" else 409
        return answer
    if kind == "problem" and progress_stream.is_requested():
        return make_response(render_template("error.html", title="Not saved", sentence=sentence), 409)
    flash(sentence, kind if change is None else f"{kind} {change}")
    return redirect(address or return_address(), 303)


def wants_json() -> bool:
    """Return whether a script sent the request."""
    return request.accept_mimetypes["application/json"] > request.accept_mimetypes["text/html"]


def return_address() -> str:
    """Return the page of the library that the field `return` names, by default the list of people."""
    home, address = url_for("library.index"), request.values.get("return", "")
    own = address == home or address.startswith((f"{home}/", f"{home}?"))
    return address if own and address.isprintable() and "\\" not in address else home


def _show_error(error: LibraryError) -> ResponseReturnValue:
    """Show an error of a form on the page of the form, and an unusable library as a page."""
    if request.method == "POST":
        return show_message(error.page_message, "problem")
    return unavailable_page(error)


def unavailable_page(error: FacesError) -> progress_stream.Page:
    """Return a page that says why the library cannot be used now."""
    sentence = error.page_message if isinstance(error, LibraryError) else str(error)
    return render_template("library/unavailable.html", sentence=sentence), 503


blueprint.register_error_handler(LibraryError, _show_error)


def _show_problem(error: FacesError) -> ResponseReturnValue:
    if request.method == "POST":
        return show_message(str(error), "problem")
    return errors.page(http_errors.describe(error))


for _error, _status in http_errors.STATUSES.items():
    if _status in (400, 404, 409, 413, 422):
        blueprint.register_error_handler(_error, _show_problem)
