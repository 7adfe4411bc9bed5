"""Blueprint of the pages for administrators: requires a session, forbids caching, and shows gallery errors."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from app.errors import GalleryError
from app.gallery.people import LARGEST_ID
from app.web import auth, http_errors
from app.web.progress_stream import prevent_caching

blueprint = Blueprint("admin", __name__, url_prefix="/manage")

blueprint.after_request(prevent_caching)


@blueprint.before_request
def require_session() -> Response | None:
    """Redirect visitors without a session to the sign-in page, and reject their forms."""
    if auth.signed_in():
        return None
    if request.method != "GET":
        raise Unauthorized
    return redirect(url_for("sign_in.form", next=request.full_path.rstrip("?")), 303)


def show_problem(error: GalleryError) -> Response:
    """Return to the page of the form with an error of the gallery."""
    flash(str(error), "problem")
    return redirect(form_page(), 303)


for _exception in http_errors.STATUSES:
    if issubclass(_exception, GalleryError) and _exception is not GalleryError:
        blueprint.register_error_handler(_exception, show_problem)


def show_message(sentence: str, address: str | None = None) -> Response:
    """Go to a page, by default that of the form, with a message."""
    flash(sentence, "done")
    return redirect(address or form_page(), 303)


def form_page() -> str:
    """Return the address of the page of the form, by default the history page."""
    address, home = request.form.get("return", ""), url_for("admin.history")
    return address if address.startswith(home) and "\\" not in address else home


def form_ids(field: str) -> list[int]:
    """Return the valid IDs of a form field."""
    texts = request.form.getlist(field)
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and int(text) <= LARGEST_ID]


def form_id(field: str) -> int:
    """Return the ID of a form field, 0 without one."""
    return next(iter(form_ids(field)), 0)


def render(template: str, **values: object) -> str:
    """Render a template of the pages for administrators."""
    return render_template(f"admin/{template}", **values)
