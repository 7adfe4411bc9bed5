"""Gallery management pages: recent changes, people, reference photos and rejected faces."""

from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from app import text
from app.errors import LibraryUnavailable
from app.gallery.people import LARGEST_ID
from app.web.admin.blueprint import blueprint, form_id, form_ids, record_fields, show_message
from app.web.admin.person_erasure import erase
from app.web.portraits import portrait_response
from app.web.recognizer_loading import current_gallery
from app.web.uploads import current_settings

MAX_CHANGES = 20

MAX_ALIASES = 8
"""Aliases in a message, which has to fit into a cookie."""

MAX_ERASED = 8
"""Erased people in a message, which has to fit into a cookie."""

MAX_REMOVED = 20
"""Removed people shown before the visitor asks for the others."""

NOT_SELECTED = "No reference photo was selected."
UNDO_HINT = "To undo the change, open Manage."

MAX_SUGGESTIONS = 2000
"""Largest gallery whose names a form suggests."""


@blueprint.get("")
def history() -> str:
    """Show the actions, the recent changes and the removed people."""
    gallery = current_gallery()
    changes = gallery.history(MAX_CHANGES)
    return render_template(
        "admin/history.html",
        changes=changes,
        latest=next((change.id for change in changes if change.reversible and change.undone is None), None),
        removed=gallery.removed_people(),
        merged=gallery.merged_people(),
        shown=MAX_REMOVED,
        recovery=timedelta(days=gallery.recovery_days),
        has_library=current_settings().library is not None,
    )


@blueprint.post("/undo")
def undo() -> Response:
    """Undo the change of the form, if it is still the latest."""
    return show_message(f"Undone: {current_gallery().undo(form_id('change'))}.")


@blueprint.post("/restore")
def restore() -> Response:
    """Restore a removed person."""
    person = current_gallery().restore(form_id("person"), request.form.get("expires"))
    return show_message(f"{person.name} restored with {text.count(person.anchors, 'reference photo')}.")


@blueprint.post("/purge")
def purge() -> Response:
    """Erase a removed person permanently."""
    if "confirm" not in request.form:
        return show_message("Nothing was purged. Confirm it on the page.", kind="problem")
    return _erase(form_id("person"))


@blueprint.get("/people/<int:person_id>")
def person(person_id: int) -> str:
    """Show a person."""
    gallery = current_gallery()
    found = gallery.find(person_id)
    if found is None:
        raise NotFound
    return render_template(
        "admin/person.html",
        person=found,
        anchors=gallery.anchors(person_id),
        rejected=gallery.rejected_faces(person_id),
        names=suggestions(found.name),
        days=gallery.recovery_days,
        record=found.record.fields(),
        opted_out=gallery.rights.has_opted_out(found.name),
        has_library=current_settings().library is not None,
    )


@blueprint.get("/anchors/<int:anchor_id>.webp")
def crop(anchor_id: int) -> Response:
    """Send the stored face crop of an anchor. Browsers may keep it, and ask before each use."""
    data = current_gallery().crop(anchor_id) if anchor_id <= LARGEST_ID else None
    if data is None:
        raise NotFound
    return portrait_response(data, version="")


@blueprint.post("/people/<int:person_id>/rename")
def rename(person_id: int) -> Response:
    """Rename a person."""
    gallery = current_gallery()
    renamed = gallery.rename(person_id, request.form.get("name", ""), "keep_alias" in request.form)
    warning = gallery.name_warning(renamed.name)
    sentence = f"Renamed to {renamed.name}. {warning or ''}".rstrip()
    return show_message(sentence, kind="problem" if warning else "done")


@blueprint.post("/people/<int:person_id>/aliases")
def replace_aliases(person_id: int) -> Response:
    """Replace the aliases of a person by the lines of the form."""
    gallery = current_gallery()
    lines = [line for line in request.form.get("aliases", "").splitlines() if line.strip()]
    person = gallery.replace_aliases(person_id, lines)
    warning = next(filter(None, map(gallery.name_warning, person.aliases)), "")
    more = len(person.aliases) - MAX_ALIASES
    listed = ", ".join(person.aliases[:MAX_ALIASES]) + (f" and {text.count(more, 'other name')}" if more > 0 else "")
    known = f"{person.name} is also known as {listed}." if listed else f"{person.name} has no alias."
    return show_message(f"{known} {warning}".rstrip(), kind="problem" if warning else "done")


@blueprint.post("/people/<int:person_id>/record")
def change_record(person_id: int) -> Response:
    """Change the record of a person."""
    person = current_gallery().change_record(person_id, record_fields())
    return show_message(f"The record of {person.name} was saved.")


@blueprint.post("/people/<int:person_id>/remove")
def remove(person_id: int) -> Response:
    """Remove a person, or erase them for good."""
    if "purge" in request.form:
        return _erase(person_id)
    gallery = current_gallery()
    days = text.count(gallery.recovery_days, "day")
    sentence = f"{gallery.remove(person_id).name} removed. You can restore them here for {days}."
    return show_message(sentence, url_for("admin.history"))


def _erase(person_id: int) -> Response:
    """Erase a person for good, and show the proof."""
    try:
        erased = erase(person_id, "sidecars" in request.form)
    except LibraryUnavailable as error:
        return show_message(str(error), kind="problem")
    sentences = [f"{person.name} was erased." for person in erased.people[:MAX_ERASED]]
    if (more := len(erased.people) - MAX_ERASED) > 0:
        sentences.append(f"{text.count(more, 'more person')} erased.")
    sentences += erased.proof(show_folders=False)
    flash(" ".join(sentences), "done")
    if problems := erased.problems(show_folders=False):
        flash(" ".join(problems), "problem")
    return redirect(url_for("admin.history"), 303)


@blueprint.post("/people/<int:person_id>/anchors")
def remove_anchors(person_id: int) -> Response:
    """Remove the selected anchors, or purge them."""
    ids, purge = form_ids("anchor"), "purge" in request.form
    if not ids:
        return show_message(NOT_SELECTED, kind="problem")
    changed = current_gallery().remove_anchors(person_id, ids, purge=purge)
    photos, action = text.count(len(ids), "reference photo"), "purged" if purge else "removed"
    notice = current_gallery().erasing_notice if purge else ""
    return show_message(f"{photos} of {changed.name} {action}. {changed.anchors} remaining. {notice}".strip())


@blueprint.post("/anchors/remove")
def remove_selected_anchors() -> Response:
    """Remove the selected anchors of any people in one change."""
    ids = _selected_anchors()
    if not ids:
        return show_message(NOT_SELECTED, kind="problem")
    people = current_gallery().remove_anchors_by_id(ids)
    owners = people[0].name if len(people) == 1 else text.count(len(people), "person")
    return show_message(f"{text.count(len(ids), 'reference photo')} of {owners} removed. {UNDO_HINT}")


@blueprint.post("/anchors/move")
def move_selected_anchors() -> Response:
    """Move the selected anchors of any people to the person that the form names."""
    ids, into = _selected_anchors(), request.form.get("into", "").strip()
    if not ids or not into:
        return show_message(NOT_SELECTED if into else "Enter the name of the right person.", kind="problem")
    person = current_gallery().move_anchors(ids, into)
    return show_message(f"{text.count(len(ids), 'reference photo')} moved to {person.name}. {UNDO_HINT}")


def _selected_anchors() -> list[int]:
    """Return the selected anchors, each once: those of a selected group can be selected themselves."""
    return list(dict.fromkeys(form_ids("anchor")))


@blueprint.get("/rejected")
def rejected_faces() -> str:
    """Show the rejected faces of all people."""
    ids = {person.name: person.id for person in current_gallery().people()}
    return render_template("admin/rejected_faces.html", faces=current_gallery().rejected_faces(), ids=ids)


@blueprint.post("/rejected")
def unreject() -> Response:
    """Remove the selected rejected faces, so that they no longer raise distances."""
    ids = form_ids("face")
    if not ids:
        return show_message("No face was selected.")
    current_gallery().remove_rejected_faces(ids)
    return show_message(f"{text.count(len(ids), 'rejected face')} removed.")


def suggestions(exclude: str | None = None) -> list[str]:
    """Return the names that a form suggests, none for a very large gallery."""
    names = [found.name for found in current_gallery().people() if found.name != exclude]
    return names if len(names) <= MAX_SUGGESTIONS else []
