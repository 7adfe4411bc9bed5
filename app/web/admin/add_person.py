"""Adding a person: photos are looked at, each gets its line, and what the administrator confirms enters at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from flask import Response, flash, make_response, redirect, request, url_for
from werkzeug.exceptions import BadRequest

from app import text
from app.enrollment.enroll import DEBATABLE, MOST_PHOTOS, confirm
from app.enrollment.photo_review import examine_photo
from app.errors import FileTooLarge, InvalidName, ReviewExpired
from app.gallery import names
from app.recognition.recognizer import Recognizer
from app.web import progress_stream, wording
from app.web.admin import review
from app.web.admin.blueprint import blueprint, page
from app.web.admin.review import Line
from app.web.admin.sealed_photos import SealedPhoto, carried
from app.web.progress_stream import Page, Work
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import Upload, allow_photos, check_size, current_settings, intake

FIELDS = 4
"""Fields of the form for each photo."""

NOTHING = "No photo is chosen to be learnt. Tick at least one, or pick a face in it."


@blueprint.get("/add")
def add_form() -> str:
    """The form for a new person, or for more photos of the one called `name`."""
    return _form(request.args.get("name", "").strip())


@blueprint.post("/add")
def review_photos() -> Response:
    """Look at photos and show what would become of them; with `enter`, let the chosen faces enter."""
    allow_photos(MOST_PHOTOS)
    settings = current_settings()
    request.max_form_parts = FIELDS * MOST_PHOTOS + settings.max_fields
    request.max_form_memory_size = settings.max_request_bytes
    recognizer = current_recognizer()
    name = request.form.get("name", "")
    files = [Upload(file.filename, file.read()) for file in request.files.getlist("image") if file.filename]
    try:
        name = names.clean(name)
        known = review.read(recognizer, request.form)
        if len(known) + len(files) > MOST_PHOTOS:
            raise ReviewExpired(f"{MOST_PHOTOS} photos of a person at once are the most. Confirm some of them first.")
    except (InvalidName, ReviewExpired) as error:
        return progress_stream.unkept(make_response(_form(name, str(error)), 422))
    if not known and not files:
        return progress_stream.unkept(make_response(_form(name, "No photo was sent. Choose some first."), 400))
    if "enter" in request.form and not files:
        return _enter(recognizer, name, known)
    return progress_stream.answer(_look(recognizer, name, known, files))


def _look(recognizer: Recognizer, name: str, known: Sequence[Line], files: Sequence[Upload]) -> Work:
    found = list(known)
    for number, upload in enumerate(files, start=1):
        yield f"{wording.which(number, len(files)) or 'The photo: '}finding faces…"
        name_on_page = _distinct(upload.name, {line.of.sighting.file for line in found})
        found.append(Line(_seen(recognizer, replace(upload, name=name_on_page))))
    yield "Comparing them with each other and the gallery…"
    return _review(recognizer, name, found)


def _distinct(name: str, taken: Collection[str]) -> str:
    """Return the name, or with a number behind it if another photo of the person has the same."""
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name} ({number})"
    return free


def _seen(recognizer: Recognizer, upload: Upload) -> SealedPhoto:
    try:
        check_size(upload)
    except FileTooLarge as error:
        return carried(examine_photo(recognizer, upload.name, error))
    return carried(examine_photo(recognizer, upload.name, upload.data))


def _review(recognizer: Recognizer, name: str, found: Sequence[Line], problem: str | None = None) -> Page:
    reviewed = review.compared(recognizer, name, found, [not line.left_out for line in found])
    views = review.views(recognizer, found, reviewed)
    known = recognizer.gallery.find(name)
    title = known.name if known else name
    return page("review.html", name=title, known=known, lines=views, problem=problem, intake=_intake()), 200


def _enter(recognizer: Recognizer, name: str, found: Sequence[Line]) -> Response:
    wanted = [line.wanted for line in found]
    if not any(wanted):
        return progress_stream.unkept(make_response(_review(recognizer, name, found, NOTHING)))
    reviewed = review.compared(recognizer, name, found, wanted)
    chosen = [line for line, takes in zip(found, wanted, strict=True) if takes]
    photos = [photo for photo in reviewed if photo is not None]
    changed = [
        photo.report.outcome not in ("accepted", line.allowed) for line, photo in zip(chosen, photos, strict=True)
    ]
    if any(changed):
        problem = "Nothing has entered yet: about what you chose there is something to say. Please look once more."
        return progress_stream.unkept(make_response(_review(recognizer, name, found, problem)))
    also = [place for place, photo in enumerate(photos) if photo.report.outcome in DEBATABLE]
    done = confirm(recognizer, review.as_review(name, photos), also)
    if done.person is None:
        raise BadRequest(NOTHING)
    enrolled = f"{text.count(done.accepted, 'photo')} of {done.person.name} enrolled."
    flash(f"{enrolled} {done.check}", "done" if done.check.good else "problem")
    return redirect(url_for("admin.person", person_id=done.person.id), 303)


def _form(name: str, problem: str | None = None) -> str:
    return page("add_person.html", name=name, problem=problem, intake=_intake())


def _intake() -> dict[str, object]:
    return intake() | {"max_images": MOST_PHOTOS}
