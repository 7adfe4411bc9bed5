"""Page of the access keys: create a key, which is shown once, revoke keys, and end all sessions."""

from datetime import timedelta

from flask import make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app import text
from app.errors import InvalidKey
from app.gallery.access_keys import AccessKey
from app.gallery.scopes import SCOPES
from app.web.admin.blueprint import blueprint, show_message
from app.web.recognizer_loading import current_gallery

LIFETIMES = {30: "30 days", 90: "90 days", 365: "1 year", 0: "never"}
"""Choices of the form: days, 0 for no expiry."""


@blueprint.get("/keys")
def list_keys() -> str:
    """Show all keys, and the form for a new one."""
    return _page()


@blueprint.post("/keys")
def create_key() -> ResponseReturnValue:
    """Create a key and show it, in this answer only."""
    days = request.form.get("days", type=int)
    if days not in LIFETIMES:
        raise InvalidKey("Choose when the key expires.")
    lifetime = timedelta(days=days) if days else None
    key, secret = current_gallery().keys.create(request.form.get("name", ""), request.form.getlist("scope"), lifetime)
    return make_response(_page(key, secret), 201)


@blueprint.post("/keys/revoke")
def revoke_key() -> Response:
    """Revoke a key."""
    key = current_gallery().keys.revoke(request.form.get("name", ""))
    return show_message(f"The key {key.name} was revoked.", url_for("admin.list_keys"))


@blueprint.post("/keys/end-sessions")
def end_sessions() -> Response:
    """End all sessions, also this one."""
    count = current_gallery().keys.end_sessions()
    return show_message(f"{text.count(count, 'session')} ended.", url_for("admin.list_keys"))


def _page(created: AccessKey | None = None, secret: str = "") -> str:
    return render_template(
        "admin/keys.html",
        keys=current_gallery().keys.list(),
        scopes=SCOPES,
        lifetimes=LIFETIMES,
        created=created,
        secret=secret,
    )
