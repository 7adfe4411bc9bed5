"""Decisions of an administrator about photos of the library: confirm, reject, name, forget and draw faces, and tags."""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from app import text
from app.errors import LibraryError
from app.gallery import names
from app.library import browsing, decisions, tags
from app.vision.faces import Box
from app.web.admin.blueprint import form_ids
from app.web.library.blueprint import blueprint, current_library, return_address, show_message
from app.web.library.name_choices import allowed_name, find_choices
from app.web.recognizer_loading import current_gallery

NONE_SELECTED = "No face was selected."

LEAST_SIDE = 8
"""Least width and height of a drawn box, in pixels of the photo."""

_SIDES = ("x", "y", "width", "height")


@blueprint.get("/names")
def suggest_names() -> str:
    """Show buttons for the people whom the typed `name` may mean, and for a new person."""
    name = request.args.get("name", "")[: names.MAX_LENGTH]
    choices = find_choices(current_library(), current_gallery(), name)
    return render_template("library/name_choices.html", choices=choices)


@blueprint.post("/faces")
def decide() -> ResponseReturnValue:
    """Record a decision about the selected faces, as one change.

    `confirm` and `person` name a person, `reject` one whom the faces do not show, `forget` deletes the decisions, and
    `name` is a typed name, which may need a question.
    """
    faces, form, library = list(dict.fromkeys(form_ids("face"))), request.form, current_library()
    if not faces:
        return show_message(NONE_SELECTED, "problem")
    counted = text.count(len(faces), "face")
    if "forget" in form:
        decisions.take_back(library, faces)
        return show_message(f"Decisions about {counted} forgotten. The next naming judges {_them(faces)}.")
    if "reject" in form:
        decisions.reject(library, faces, form["reject"])
        return show_message(f"{counted} marked as not {form['reject']}. The next naming can choose another person.")
    name = form.get("confirm") or form.get("person") or names.clean(form.get("name", ""))
    known = allowed_name(library, current_gallery(), name)
    if known is None and "person" not in form:
        choices = find_choices(library, current_gallery(), name)
        if choices.people:
            return ask_person(name, [("face", str(face)) for face in faces])
    decisions.confirm(library, faces, known or name)
    return show_message(f"{counted} confirmed as {known or names.clean(name)}{'' if known else ', a new person'}.")


@blueprint.post("/photos/<int:photo_id>/faces")
def draw(photo_id: int) -> ResponseReturnValue:
    """Add a face that the detector missed, by its box in pixels of the photo, and a name."""
    library, form = current_library(), request.form
    with library.reading() as connection:
        photo = browsing.find_photo(connection, photo_id)
    if photo is None:
        raise NotFound
    box = _read_box(photo.width or 0, photo.height or 0)
    name = form.get("person") or names.clean(form.get("name", ""))
    known = allowed_name(library, current_gallery(), name)
    if known is None and "person" not in form and find_choices(library, current_gallery(), name).people:
        return ask_person(name, [(side, form[side]) for side in _SIDES])
    decisions.draw(library, photo_id, box, known or name)
    return show_message(f"Face of {known or names.clean(name)} added.")


@blueprint.post("/photos/<int:photo_id>/tags")
def tag(photo_id: int) -> ResponseReturnValue:
    """Add a person without a face to a photo, or remove the one that `remove` names."""
    library, form = current_library(), request.form
    with library.reading() as connection:
        if browsing.find_photo(connection, photo_id) is None:
            raise NotFound
    if "remove" in form:
        tags.untag(library, photo_id, form["remove"])
        return show_message(f"{form['remove']} removed from the photo.")
    name = form.get("person") or names.clean(form.get("name", ""))
    known = allowed_name(library, current_gallery(), name)
    if known is None and "person" not in form and find_choices(library, current_gallery(), name).people:
        return ask_person(name, [])
    tags.tag(library, photo_id, known or name)
    return show_message(f"{known or names.clean(name)} added to the photo, without a face.")


def ask_person(name: str, fields: list[tuple[str, str]]) -> str:
    """Ask whom a new name means that resembles others."""
    choices = find_choices(current_library(), current_gallery(), name)
    return render_template(
        "library/choose_name.html", name=name, choices=choices, fields=fields, address=return_address()
    )


def _read_box(width: int, height: int) -> Box:
    """Read the box of the form, and raise `LibraryError` unless it is inside a photo of `width` x `height` pixels."""
    try:
        box = Box(*(round(float(request.form.get(side, ""))) for side in _SIDES))
    except (ValueError, OverflowError):
        raise LibraryError("The box is incomplete. Drag over the face, or enter four numbers.") from None
    if min(box.width, box.height) < LEAST_SIDE:
        raise LibraryError(f"The box is too small. Each side needs {LEAST_SIDE} pixels of the photo or more.")
    if min(box.x, box.y) < 0 or box.x + box.width > width or box.y + box.height > height:
        raise LibraryError(f"The box is partly outside the photo, which has {width} x {height} pixels.")
    return box


def _them(faces: list[int]) -> str:
    return "it" if len(faces) == 1 else "them"
