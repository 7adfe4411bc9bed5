"""A person as administrators see them: name, anchors one by one, rejected faces, and what can be done to each."""

from __future__ import annotations

from flask import Response, current_app, request, url_for
from werkzeug.exceptions import NotFound

from app import text
from app.gallery.people import LARGEST_ID
from app.web.admin.blueprint import blueprint, done, numbers, page
from app.web.portraits import tile
from app.web.recognizer_loading import current_recognizer

SUGGESTED = 2000
"""With more people than this the names to choose from are not listed in the page."""


@blueprint.get("/people/<int:person_id>")
def person(person_id: int) -> str:
    """The person's page."""
    gallery = current_recognizer().gallery
    found = gallery.person(person_id)
    if found is None:
        raise NotFound
    return page(
        "person.html",
        person=found,
        tile=tile(found),
        anchors=gallery.anchors(person_id),
        rejected=gallery.rejected(person_id),
        names=suggestions(found.name),
        days=gallery.recovery_days,
    )


@blueprint.get("/anchors/<int:anchor_id>.webp")
def crop(anchor_id: int) -> Response:
    """The kept crop of an anchor."""
    data = current_recognizer().gallery.crop(anchor_id) if anchor_id <= LARGEST_ID else None
    if data is None:
        raise NotFound
    return current_app.response_class(data, mimetype="image/webp")


@blueprint.post("/people/<int:person_id>/rename")
def rename(person_id: int) -> Response:
    """Give the person another name."""
    renamed = current_recognizer().gallery.rename(person_id, request.form.get("name", ""))
    return done(f"The name is {renamed.name} now.")


@blueprint.post("/people/<int:person_id>/merge")
def merge(person_id: int) -> Response:
    """Give the person's anchors to another, who is named in the form."""
    merged = current_recognizer().gallery.merge(person_id, request.form.get("into", ""))
    sentence = f"{merged.name} has {text.count(merged.anchors, 'anchor')} now."
    return done(sentence, url_for("admin.person", person_id=merged.id))


@blueprint.post("/people/<int:person_id>/remove")
def remove(person_id: int) -> Response:
    """Remove the person, or with `now` erase them."""
    gallery, now = current_recognizer().gallery, "now" in request.form
    gone = gallery.remove(person_id, for_good=now)
    days = text.count(gallery.recovery_days, "day")
    fate = "was erased." if now else f"was removed. For {days} they can be brought back from here."
    return done(f"{gone.name} {fate}", url_for("admin.history"))


@blueprint.post("/people/<int:person_id>/anchors")
def remove_anchors(person_id: int) -> Response:
    """Remove the ticked anchors, or with `now` erase them."""
    ids = numbers("anchor")
    if not ids:
        return done("No anchor was ticked, so none was removed.")
    now = "now" in request.form
    left = current_recognizer().gallery.remove_anchors(person_id, ids, for_good=now)
    word = "erased" if now else "removed"
    return done(f"{text.count(len(ids), 'anchor')} of {left.name} {word}; {left.anchors} are left.")


def suggestions(besides: str | None = None) -> list[str]:
    """Names to choose from in a form; none where there are too many to put into a page."""
    listed = [one.name for one in current_recognizer().gallery.people() if one.name != besides]
    return listed if len(listed) <= SUGGESTED else []
