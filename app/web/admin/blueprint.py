"""The blueprint of the pages for administrators: nobody else gets in."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import Unauthorized

from app.errors import GalleryError
from app.gallery.people import LARGEST_ID
from app.web import auth, http_errors
from app.web.progress_stream import unkept

blueprint = Blueprint("admin", __name__, url_prefix="/manage")


@blueprint.before_request
def let_in() -> Response | None:
    """Send whoever is not signed in to the page for that; what they sent with a form is not taken."""
    if auth.signed_in():
        return None
    if request.method != "GET":
        raise Unauthorized
    return redirect(url_for("sign_in.form", next=request.full_path.rstrip("?")), 303)


@blueprint.after_request
def keep_nothing(response: Response) -> Response:
    """Let no cache keep what only administrators may see."""
    return unkept(response)


def refuse(error: GalleryError) -> Response:
    """Go back to the page that the form was on, with the gallery's sentence."""
    flash(str(error), "problem")
    return redirect(back(), 303)


for _exception in http_errors.STATUSES:
    if issubclass(_exception, GalleryError) and _exception is not GalleryError:
        blueprint.register_error_handler(_exception, refuse)


def done(sentence: str, where: str | None = None) -> Response:
    """Say what was done on the page that comes next."""
    flash(sentence, "done")
    return redirect(where or back(), 303)


def back() -> str:
    """The page that the form was on, as the form says; the desk if it does not."""
    wanted = request.form.get("back", "")
    home = url_for("admin.history")
    return wanted if wanted.startswith(home) and "\\" not in wanted else home


def numbers(field: str) -> list[int]:
    """The ids that a form's field holds; what is none is left out."""
    texts = request.form.getlist(field)
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and int(text) <= LARGEST_ID]


def page(template: str, **values) -> str:
    """A page for administrators."""
    return render_template(f"admin/{template}", **values)
