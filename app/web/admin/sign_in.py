"""Sign-in and sign-out on the pages: an access key, or the token of the settings, for a session cookie."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app.errors import AuthenticationRequired
from app.gallery.actor import set_request_actor
from app.web import auth, http_errors, sessions
from app.web.admin.blueprint import is_page, requested_page
from app.web.middleware.access import ACCOUNT_REQUIRED, record_refusal
from app.web.progress_stream import prevent_caching
from app.web.uploads import current_settings

blueprint = Blueprint("sign_in", __name__)

blueprint.after_request(prevent_caching)


@blueprint.get("/sign-in")
def form() -> ResponseReturnValue:
    """Show the sign-in form, or why there is none."""
    if auth.signed_in():
        return redirect(requested_page("next"), 303)
    return _page(_why_disabled())


@blueprint.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Check the key, set the cookie and go to the requested page."""
    problem = _why_disabled()
    if problem:
        return _page(problem), 403
    try:
        auth.sign_in(request.form.get("key", "").strip())
    except AuthenticationRequired as error:
        record_refusal(error)
        return _page(str(error)), 401, http_errors.AUTHENTICATE
    return redirect(requested_page("next"), 303)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the session, and delete the cookie, and the pictures and results that the browser keeps."""
    set_request_actor(auth.current_principal().actor)
    sessions.end()
    answer = redirect(url_for("pages.upload"), 303)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _why_disabled() -> str | None:
    mode = current_settings().access_mode
    if mode == "proxy":
        return ACCOUNT_REQUIRED
    return None if mode == "keys" or auth.is_enabled() else auth.DISABLED


def _page(problem: str | None) -> str:
    target = request.values.get("next", "")
    return render_template(
        "admin/sign_in.html",
        problem=problem,
        enabled=_why_disabled() is None,
        target=target if is_page(target) else "",
        readers=current_settings().access_mode == "keys",
    )
