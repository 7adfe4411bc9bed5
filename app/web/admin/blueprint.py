"""Blueprint of the pages for administrators: requires a session, forbids caching, and shows gallery errors."""

import re

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response as Redirect

from app.errors import GalleryError, ReviewExpired
from app.gallery.people import LARGEST_ID
from app.web import auth, http_errors
from app.web.progress_stream import prevent_caching

blueprint = Blueprint("admin", __name__, url_prefix="/manage")


@blueprint.after_request
def forbid_caching(response: Response) -> Response:
    """Forbid caches to store pages. Face crops have their own rule."""
    return response if response.cache_control.private else prevent_caching(response)


@blueprint.before_request
def require_session() -> Redirect | None:
    """Redirect visitors without a session to the sign-in page, and reject their forms."""
    if auth.signed_in():
        return None
    if request.method != "GET":
        raise Unauthorized
    return redirect(url_for("sign_in.form", next=request.full_path.rstrip("?")), 303)


def show_message(sentence: str, address: str | None = None, kind: str = "done") -> Redirect:
    """Go to a page, by default that of the form, with a message of the kind done or problem."""
    flash(sentence, kind)
    return redirect(address or requested_page("return"), 303)


# Errors that the administrator can correct are shown on the page of the form.
for _error, _status in http_errors.STATUSES.items():
    if issubclass(_error, (GalleryError, ReviewExpired)) and _status < 500:
        blueprint.register_error_handler(_error, lambda error: show_message(str(error), kind="problem"))


def requested_page(field: str) -> str:
    """Return the address in a field if it is a page of this site, which links from elsewhere may not be."""
    home, address = url_for("admin.history"), request.values.get(field, "")
    own = address.startswith((f"{home}/", "/people/", "/library")) and address.isprintable() and "\\" not in address
    return address if own else home


def form_ids(field: str) -> list[int]:
    """Return the valid IDs of a form field, whose values can be lists with commas."""
    texts = ",".join(request.form.getlist(field)).split(",")
    numbers = [int(text) for text in texts if re.fullmatch("[0-9]{1,10}", text)]
    return [number for number in numbers if number <= LARGEST_ID]


def form_id(field: str) -> int:
    """Return the ID of a form field, 0 without one."""
    return next(iter(form_ids(field)), 0)
