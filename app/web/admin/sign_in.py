"""Signing in and out: the token of the settings for a cookie."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from app.web import auth
from app.web.progress_stream import unkept

blueprint = Blueprint("sign_in", __name__)

WRONG = "That is not the token. It is the server's setting FACES_ADMIN_TOKEN; its operator knows it."


@blueprint.get("/sign-in")
def form() -> Response:
    """The page that asks for the token, or says that there is none."""
    if auth.signed_in():
        return redirect(_target(), 303)
    return _page(None if auth.is_enabled() else auth.DISABLED, 200)


@blueprint.post("/sign-in")
def sign_in() -> Response:
    """Take the token and go on to where the visitor was going."""
    if not auth.is_enabled():
        return _page(auth.DISABLED, 403)
    if not auth.is_token(request.form.get("token", "").strip()):
        response = _page(WRONG, 401)
        response.headers["WWW-Authenticate"] = 'Bearer realm="faces"'
        return response
    auth.sign_in()
    return redirect(_target(), 303)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """Take the cookie back."""
    auth.sign_out()
    return redirect(url_for("pages.upload"), 303)


def _target() -> str:
    """Where to go on: a page for administrators, and nothing that somebody else may have written into the link."""
    home = url_for("admin.history")
    wanted = request.values.get("next", "")
    return wanted if wanted.startswith((f"{home}/", "/people/")) and "\\" not in wanted else home


def _page(problem: str | None, status: int) -> Response:
    page = render_template("admin/sign_in.html", problem=problem, on=auth.is_enabled(), target=_target())
    return unkept(make_response(page, status))
