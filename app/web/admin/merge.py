"""Merge of two people: a preview, and the confirmed merge."""

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app import text
from app.enrollment.merge_preview import preview_merge
from app.gallery.people import Anchor
from app.web.admin.blueprint import blueprint, form_id, show_message
from app.web.recognizer_loading import current_gallery, current_recognizer

MAX_CROPS = 6
"""Reference photos of each person on the page."""


@blueprint.get("/people/<int:person_id>/merge")
def merge_preview(person_id: int) -> ResponseReturnValue:
    """Show both people, how alike they are, and what merging the person into `into` does."""
    recognizer = current_recognizer()
    into = request.args.get("into", "").strip()
    if not into:
        return show_message("Enter the name of the other person.", kind="problem")
    gallery, snapshot = recognizer.gallery, recognizer.gallery.snapshot()
    preview = preview_merge(gallery, snapshot, recognizer.rules(snapshot), person_id, into)

    def crops(person_id: int) -> list[Anchor]:
        return [anchor for anchor in gallery.anchors(person_id) if anchor.has_crop][:MAX_CROPS]

    return render_template("admin/merge.html", preview=preview, crops=crops)


@blueprint.post("/people/<int:person_id>/merge")
def merge(person_id: int) -> Response:
    """Merge a person into the person with the ID of the form."""
    merged = current_gallery().merge(person_id, form_id("into"))
    sentence = f"Merged. {merged.name} has {text.count(merged.anchors, 'reference photo')}."
    return show_message(sentence, url_for("admin.person", person_id=merged.id))
