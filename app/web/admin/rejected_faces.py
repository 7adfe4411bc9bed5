"""Rejected faces: the list of faces marked as not a person, and their removal."""

from __future__ import annotations

from werkzeug.wrappers import Response

from app import text
from app.web.admin.blueprint import blueprint, form_ids, render, show_message
from app.web.recognizer_loading import current_recognizer


@blueprint.get("/rejected")
def rejected_faces() -> str:
    """Show the rejected faces of all people."""
    gallery = current_recognizer().gallery
    ids = {person.name: person.id for person in gallery.people()}
    return render("rejected_faces.html", faces=gallery.rejected_faces(), ids=ids)


@blueprint.post("/rejected")
def unreject() -> Response:
    """Remove the selected rejected faces, so that they no longer raise distances."""
    ids = form_ids("face")
    if not ids:
        return show_message("No face was selected.")
    current_recognizer().gallery.remove_rejected_faces(ids)
    return show_message(f"{text.count(len(ids), 'rejected face')} removed.")
