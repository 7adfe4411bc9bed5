"""The desk: what was changed last, taking it back, and who was removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Response, request

from app import text
from app.gallery.change_history import PastChange
from app.gallery.store import with_names
from app.web.admin.blueprint import blueprint, done, numbers, page
from app.web.recognizer_loading import current_recognizer

CHANGES = 20
"""Changes shown."""


REMOVED = 20
"""Removed people shown before the visitor asks for the others."""


@dataclass(frozen=True)
class RemovedView:
    """Somebody who can be restored, and until when."""

    id: int
    name: str
    anchors: int
    until: datetime


@blueprint.get("")
def history() -> str:
    """The first page: what can be done, and what was done last."""
    gallery = current_recognizer().gallery
    past, days = gallery.history(CHANGES), timedelta(days=gallery.recovery_days)
    return page(
        "history.html",
        changes=past,
        named=with_names(gallery),
        newest=_newest(past),
        removed=[RemovedView(one.id, one.name, one.anchors, one.removed + days) for one in gallery.removed()],
        shown=REMOVED,
        days=gallery.recovery_days,
    )


@blueprint.post("/undo")
def undo() -> Response:
    """Take back the change that the form shows, if it is still the newest."""
    gallery = current_recognizer().gallery
    named = with_names(gallery)
    shown = numbers("change")
    return done(f"Taken back: {named(gallery.undo(shown[0] if shown else 0))}.")


@blueprint.post("/restore")
def restore() -> Response:
    """Bring a removed person back."""
    back = current_recognizer().gallery.restore(next(iter(numbers("person")), 0))
    return done(f"{back.name} is back with {text.count(back.anchors, 'anchor')}.")


@blueprint.post("/erase")
def purge() -> Response:
    """Erase a removed person for good, before their time."""
    if "sure" not in request.form:
        return done("Nothing was erased: the box beside it was not ticked.")
    gone = current_recognizer().gallery.remove(next(iter(numbers("person")), 0), for_good=True)
    return done(f"{gone.name} was erased.")


def _newest(past: list[PastChange]) -> int | None:
    """The number of the change that can be undone now."""
    return next((one.id for one in past if one.reversible and one.undone is None), None)
