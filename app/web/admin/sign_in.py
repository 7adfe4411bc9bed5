"""Sign-in and sign-out of administrators: the token of the settings for a session cookie."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.web import auth
from app.web.progress_stream import prevent_caching

blueprint = Blueprint("sign_in", __name__)

WRONG_TOKEN = "Wrong token. Use the value of the server's setting FACES_ADMIN_TOKEN."


@blueprint.get("/sign-in")
def form() -> Response:
    """Show the sign-in form, or that the server has no token."""
    if auth.signed_in():
        return redirect(_target(), 303)
    return _page(None if auth.is_enabled() else auth.DISABLED, 200)


@blueprint.post("/sign-in")
def sign_in() -> Response:
    """Check the token, set the cookie and go to the requested page."""
    if not auth.is_enabled():
        return _page(auth.DISABLED, 403)
    if not auth.is_token(request.form.get("token", "").strip()):
        response = _page(WRONG_TOKEN, 401)
        response.headers["WWW-Authenticate"] = 'Bearer realm="faces"'
        return response
    auth.sign_in()
    return redirect(_target(), 303)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """Delete the cookie."""
    auth.sign_out()
    return redirect(url_for("pages.upload"), 303)


def _target() -> str:
    """Return the requested page if it belongs to the site: links from elsewhere may contain any address."""
    home = url_for("admin.history")
    target = request.values.get("next", "")
    return target if target.startswith((f"{home}/", "/people/")) and "\\" not in target else home


def _page(problem: str | None, status: int) -> Response:
    page = render_template("admin/sign_in.html", problem=problem, enabled=auth.is_enabled(), target=_target())
    return prevent_caching(make_response(page, status))
