"""Faces that were marked as not a person: the list of all, and taking them back."""

from __future__ import annotations

from flask import Response

from app import plural
from app.loading import current_recognizer
from app.web.manage.blueprint import blueprint, done, numbers, page


@blueprint.get("/rejected")
def rejected() -> str:
    """Everybody's rejected faces."""
    gallery = current_recognizer().gallery
    ids = {one.name: one.id for one in gallery.people()}
    return page("rejected.html", faces=gallery.rejected(), ids=ids)


@blueprint.post("/rejected")
def take_back() -> Response:
    """Let the ticked faces weigh no longer."""
    ids = numbers("face")
    if not ids:
        return done("No face was ticked, so none was taken back.")
    current_recognizer().gallery.take_back(ids)
    return done(f"{plural.count(len(ids), 'face')} taken back.")
