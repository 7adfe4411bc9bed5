"""Gallery management page: recent changes, undo, and removed people to restore or purge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import request
from werkzeug.wrappers import Response

from app import text
from app.web.admin.blueprint import blueprint, form_id, render, show_message
from app.web.recognizer_loading import current_recognizer

MAX_CHANGES = 20

MAX_REMOVED = 20
"""Removed people shown before the visitor asks for the others."""


@dataclass(frozen=True)
class RemovedView:
    """A removed person, and until when an administrator can restore them."""

    id: int
    name: str
    until: datetime


@blueprint.get("")
def history() -> str:
    """Show the actions, the recent changes and the removed people."""
    gallery = current_recognizer().gallery
    changes, days = gallery.history(MAX_CHANGES), timedelta(days=gallery.recovery_days)
    return render(
        "history.html",
        changes=changes,
        latest=next((change.id for change in changes if change.reversible and change.undone is None), None),
        removed=[RemovedView(person.id, person.name, person.removed + days) for person in gallery.removed_people()],
        shown=MAX_REMOVED,
        days=gallery.recovery_days,
    )


@blueprint.post("/undo")
def undo() -> Response:
    """Undo the change of the form, if it is still the latest."""
    gallery = current_recognizer().gallery
    return show_message(f"Undone: {gallery.undo(form_id('change'))}.")


@blueprint.post("/restore")
def restore() -> Response:
    """Restore a removed person."""
    person = current_recognizer().gallery.restore(form_id("person"))
    return show_message(f"{person.name} restored with {text.count(person.anchors, 'reference photo')}.")


@blueprint.post("/purge")
def purge() -> Response:
    """Erase a removed person permanently."""
    if "confirm" not in request.form:
        return show_message("Nothing was purged. Select “Permanently” to confirm.")
    person = current_recognizer().gallery.remove(form_id("person"), purge=True)
    return show_message(f"{person.name} purged.")
