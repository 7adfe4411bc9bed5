"""Enrollment page: review a person's photos, then add the selected faces in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from flask import flash, make_response, redirect, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from app import text
from app.enrollment.enroll import DEBATABLE, MAX_PHOTOS, confirm
from app.enrollment.photo_review import examine_photo
from app.errors import FileTooLarge, InvalidName, ReviewExpired
from app.gallery import names
from app.recognition.recognizer import Recognizer
from app.web import wording
from app.web.admin import review
from app.web.admin.blueprint import blueprint, render
from app.web.admin.review import PhotoChoice
from app.web.admin.sealed_photos import SealedPhoto, with_preview
from app.web.progress_stream import Page, Steps, prevent_caching, respond
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import Upload, allow_photos, check_size, current_settings, upload_limits

FIELDS_PER_PHOTO = 4

NONE_SELECTED = "No photo is selected. Select at least one photo, or a face in it."
CHECK_AGAIN = "Not saved yet. Check the marked photo."


@blueprint.get("/add")
def add_form() -> str:
    """Show the form for a new person, or for more photos of the person `name`."""
    return _form(request.args.get("name", "").strip())


@blueprint.post("/add")
def review_photos() -> Response:
    """Review photos; with `enroll`, add the selected faces."""
    allow_photos(MAX_PHOTOS)
    settings = current_settings()
    request.max_form_parts = FIELDS_PER_PHOTO * MAX_PHOTOS + settings.max_fields
    request.max_form_memory_size = settings.max_request_bytes
    recognizer = current_recognizer()
    name = request.form.get("name", "")
    files = [Upload(file.filename, file.read()) for file in request.files.getlist("image") if file.filename]
    try:
        name = names.clean(name)
        choices = review.read_choices(recognizer, request.form)
    except (InvalidName, ReviewExpired) as error:
        return _problem(name, str(error), 422)
    if len(choices) + len(files) > MAX_PHOTOS:
        sentence = f"You sent {len(choices) + len(files)} photos. The limit is {MAX_PHOTOS}. Add some of them first."
        return _problem(name, sentence, 422)
    if not choices and not files:
        return _problem(name, "No photo was sent. Choose at least one.", 400)
    if "enroll" in request.form and not files:
        return _enroll(recognizer, name, choices)
    return respond(_examine(recognizer, name, choices, files))


def _examine(recognizer: Recognizer, name: str, reviewed: Sequence[PhotoChoice], uploads: Sequence[Upload]) -> Steps:
    choices = list(reviewed)
    for number, upload in enumerate(uploads, start=1):
        yield wording.step(wording.photo_prefix(number, len(uploads)), "finding faces")
        file = _unique(upload.name, {choice.photo.examined.file for choice in choices})
        choices.append(PhotoChoice(_examine_photo(recognizer, replace(upload, name=file))))
    yield "Comparing photos with each other and the gallery…"
    return _review_page(recognizer, name, choices)


def _unique(name: str, taken: Collection[str]) -> str:
    """Return the name, with a number if another photo has the same."""
    number, unique = 2, name
    while unique in taken:
        number, unique = number + 1, f"{name} ({number})"
    return unique


def _examine_photo(recognizer: Recognizer, upload: Upload) -> SealedPhoto:
    try:
        check_size(upload)
    except FileTooLarge as error:
        return with_preview(examine_photo(recognizer, upload.name, error))
    return with_preview(examine_photo(recognizer, upload.name, upload.data))


def _review_page(recognizer: Recognizer, name: str, choices: Sequence[PhotoChoice], problem: str | None = None) -> Page:
    photos = review.views(recognizer, name, choices)
    person = recognizer.gallery.find(name)
    title = person.name if person else name
    return render("review.html", name=title, person=person, photos=photos, problem=problem, limits=_limits()), 200


def _enroll(recognizer: Recognizer, name: str, choices: Sequence[PhotoChoice]) -> Response:
    selected = [choice for choice in choices if choice.selected]
    if not selected:
        return prevent_caching(make_response(_review_page(recognizer, name, choices, NONE_SELECTED)))
    reviewed = review.compare_choices(recognizer, name, selected)
    outcomes = zip(selected, reviewed.photos, strict=True)
    if any(photo.outcome not in ("accepted", choice.allowed) for choice, photo in outcomes):
        return prevent_caching(make_response(_review_page(recognizer, name, choices, CHECK_AGAIN)))
    report = confirm(recognizer, reviewed.allow(DEBATABLE))
    if report.person is None or report.check is None:
        raise BadRequest(NONE_SELECTED)
    sentence = f"{text.count(report.accepted, 'photo')} of {report.person.name} enrolled. {report.check}"
    flash(sentence, "done" if report.check.good else "problem")
    return redirect(url_for("admin.person", person_id=report.person.id), 303)


def _problem(name: str, problem: str, status: int) -> Response:
    return prevent_caching(make_response(_form(name, problem), status))


def _form(name: str, problem: str | None = None) -> str:
    return render("add_person.html", name=name, problem=problem, limits=_limits())


def _limits() -> dict[str, object]:
    return upload_limits() | {"max_photos": MAX_PHOTOS}
