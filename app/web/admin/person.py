"""Person page for administrators: reference photos, rejected faces, rename, merge and removal."""

from __future__ import annotations

from flask import Response as FlaskResponse
from flask import current_app, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from app import text
from app.gallery.people import LARGEST_ID
from app.web.admin.blueprint import blueprint, form_ids, render, show_message
from app.web.portraits import tile
from app.web.recognizer_loading import current_recognizer

MAX_SUGGESTIONS = 2000
"""Largest gallery whose names a form suggests."""


@blueprint.get("/people/<int:person_id>")
def person(person_id: int) -> str:
    """Show a person."""
    gallery = current_recognizer().gallery
    found = gallery.find(person_id)
    if found is None:
        raise NotFound
    return render(
        "person.html",
        person=found,
        tile=tile(found),
        anchors=gallery.anchors(person_id),
        rejected=gallery.rejected_faces(person_id),
        names=suggestions(found.name),
        days=gallery.recovery_days,
    )


@blueprint.get("/anchors/<int:anchor_id>.webp")
def crop(anchor_id: int) -> FlaskResponse:
    """Send the stored face crop of an anchor."""
    data = current_recognizer().gallery.crop(anchor_id) if anchor_id <= LARGEST_ID else None
    if data is None:
        raise NotFound
    return current_app.response_class(data, mimetype="image/webp")


@blueprint.post("/people/<int:person_id>/rename")
def rename(person_id: int) -> Response:
    """Rename a person."""
    renamed = current_recognizer().gallery.rename(person_id, request.form.get("name", ""))
    return show_message(f"Renamed to {renamed.name}.")


@blueprint.post("/people/<int:person_id>/merge")
def merge(person_id: int) -> Response:
    """Merge a person into the person that the form names."""
    merged = current_recognizer().gallery.merge(person_id, request.form.get("into", ""))
    sentence = f"Merged. {merged.name} has {text.count(merged.anchors, 'reference photo')}."
    return show_message(sentence, url_for("admin.person", person_id=merged.id))


@blueprint.post("/people/<int:person_id>/remove")
def remove(person_id: int) -> Response:
    """Remove a person, or purge them."""
    gallery, purge = current_recognizer().gallery, "purge" in request.form
    removed = gallery.remove(person_id, purge=purge)
    days = text.count(gallery.recovery_days, "day")
    outcome = "purged." if purge else f"removed. You can restore them here for {days}."
    return show_message(f"{removed.name} {outcome}", url_for("admin.history"))


@blueprint.post("/people/<int:person_id>/anchors")
def remove_anchors(person_id: int) -> Response:
    """Remove the selected anchors, or purge them."""
    ids, purge = form_ids("anchor"), "purge" in request.form
    if not ids:
        return show_message("No reference photo was selected.")
    changed = current_recognizer().gallery.remove_anchors(person_id, ids, purge=purge)
    action = "purged" if purge else "removed"
    return show_message(
        f"{text.count(len(ids), 'reference photo')} of {changed.name} {action}. {changed.anchors} remaining."
    )


def suggestions(exclude: str | None = None) -> list[str]:
    """Return the names that a form suggests, none for a very large gallery."""
    names = [found.name for found in current_recognizer().gallery.people() if found.name != exclude]
    return names if len(names) <= MAX_SUGGESTIONS else []
