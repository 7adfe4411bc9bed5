"""Sign-in and sign-out of administrators: the token of the settings for a session cookie."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app.web import auth
from app.web.admin.blueprint import requested_page
from app.web.progress_stream import prevent_caching

blueprint = Blueprint("sign_in", __name__)

blueprint.after_request(prevent_caching)

WRONG_TOKEN = "Wrong token. Use the value of the server's setting FACES_ADMIN_TOKEN."


@blueprint.get("/sign-in")
def form() -> ResponseReturnValue:
    """Show the sign-in form, or that the server has no token."""
    if auth.signed_in():
        return redirect(requested_page("next"), 303)
    return _page(None if auth.is_enabled() else auth.DISABLED)


@blueprint.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Check the token, set the cookie and go to the requested page."""
    if not auth.is_enabled():
        return _page(auth.DISABLED), 403
    if not auth.is_token(request.form.get("token", "").strip()):
        return _page(WRONG_TOKEN), 401, {"WWW-Authenticate": 'Bearer realm="faces"'}
    auth.sign_in()
    return redirect(requested_page("next"), 303)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """Delete the cookie, and the pictures and results that the browser keeps."""
    auth.sign_out()
    answer = redirect(url_for("pages.upload"), 303)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _page(problem: str | None) -> str:
    enabled, target = auth.is_enabled(), requested_page("next")
    return render_template("admin/sign_in.html", problem=problem, enabled=enabled, target=target)
