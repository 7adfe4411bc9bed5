"""Faces that were marked as not a person: the list of all, and taking them back."""

from __future__ import annotations

from flask import Response

from app import text
from app.web.admin.blueprint import blueprint, done, numbers, page
from app.web.recognizer_loading import current_recognizer


@blueprint.get("/rejected")
def rejected_faces() -> str:
    """Everybody's rejected faces."""
    gallery = current_recognizer().gallery
    ids = {one.name: one.id for one in gallery.people()}
    return page("rejected_faces.html", faces=gallery.rejected(), ids=ids)


@blueprint.post("/rejected")
def unreject() -> Response:
    """Let the ticked faces weigh no longer."""
    ids = numbers("face")
    if not ids:
        return done("No face was ticked, so none was taken back.")
    current_recognizer().gallery.take_back(ids)
    return done(f"{text.count(len(ids), 'face')} taken back.")
