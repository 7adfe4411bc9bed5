"""Enrollment page: review a person's photos, then add the selected faces in one transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app import text
from app.enrollment.enroll import DEBATABLE, MAX_PHOTOS, Enrollment, compare, confirm
from app.enrollment.photo_review import OutcomeCode, PhotoOutcome, choose_face, examine_photo
from app.errors import BasisRequired, FileTooLarge, InvalidName, InvalidRecord, OptedOut, PhotoError, ReviewExpired
from app.gallery import names
from app.recognition.recognizer import Recognizer
from app.web import inline_images, wording
from app.web.admin.blueprint import blueprint, entered_record, show_message
from app.web.admin.sealed_photos import SealedPhoto, seal, unseal, with_preview
from app.web.progress_stream import Page, Step, Steps, respond
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.uploads import Upload, accepts_photos, check_size, upload_limits

FIELDS_PER_PHOTO = 4

NONE_SELECTED = "No photo is selected. Select at least one photo, or a face in it."
CHECK_AGAIN = "Not saved yet. Check the marked photo."

LABELS: dict[OutcomeCode, tuple[str, str, str]] = {
    "accepted": ("match", "Accepted", "Ready to add."),
    "several_faces": ("ambiguous", "Several faces", "Select the face to add."),
    "duplicate": ("ambiguous", "Duplicate", ""),
    "unlike": ("ambiguous", "Unlike the other photos", ""),
    "look_alike": ("ambiguous", "Looks like another person", ""),
    "low_quality": ("low_quality", "Low quality", ""),
    "opted_out": ("low_quality", "On the opt-out list", ""),
    "no_face": ("low_quality", "No face", ""),
    "unreadable": ("low_quality", "Unreadable", ""),
}
"""Color, label and sentence of each outcome. "" keeps the review's sentence."""


@dataclass(frozen=True, eq=False)
class PhotoChoice:
    """A photo and the administrator's choices: `face` counts from the left, from 1; `outcome` is its last review."""

    photo: SealedPhoto
    face: int | None = None
    outcome: str | None = None
    included: bool = False

    @property
    def deselected(self) -> bool:
        """Whether the administrator deselected an accepted photo."""
        return self.outcome == "accepted" and not self.included and not self.several_faces

    @property
    def selected(self) -> bool:
        """Whether the photo is to be enrolled."""
        if self.several_faces and self.outcome not in DEBATABLE:
            return self.face is not None
        return self.included

    @property
    def allowed(self) -> str | None:
        """The objection that the administrator saw and overruled."""
        return self.outcome if self.included and self.outcome in DEBATABLE else None

    @property
    def several_faces(self) -> bool:
        """Whether the administrator has to select a face."""
        return len(self.photo.examined.probes) > 1


@dataclass(frozen=True, eq=False)
class PhotoView:
    """A photo on the review page, with its outcome. `crop` is a data URI, `checkbox` a label or None."""

    choice: PhotoChoice
    result: PhotoOutcome
    kind: str
    label: str
    reason: str
    sealed: str
    crop: str | None
    checkbox: str | None
    included: bool


@blueprint.get("/add")
def add_form() -> str:
    """Show the form for a new person, or for more photos of the person `name`."""
    return _form(request.args.get("name", "").strip())


@blueprint.post("/add")
@accepts_photos(MAX_PHOTOS, FIELDS_PER_PHOTO)
def review_photos() -> ResponseReturnValue:
    """Review photos; with `enroll`, add the selected faces."""
    recognizer = current_recognizer()
    name = request.form.get("name", "")
    files = [Upload(file.filename, file.read()) for file in request.files.getlist("image") if file.filename]
    try:
        name = names.clean(name)
        choices = _read_choices(recognizer, request.form)
        current_gallery().rights.check_name(name)
    except (InvalidName, OptedOut, ReviewExpired) as error:
        return _form(name, str(error)), 422
    if (count := len(choices) + len(files)) > MAX_PHOTOS:
        return _form(name, f"You sent {count} photos. The limit is {MAX_PHOTOS}. Add some of them first."), 422
    if not choices and not files:
        return _form(name, "No photo was sent. Choose at least one."), 400
    if "enroll" in request.form and not files:
        return _enroll(recognizer, name, choices)
    return respond(_examine(recognizer, name, choices, files))


def _read_choices(recognizer: Recognizer, form: MultiDict[str, str]) -> list[PhotoChoice]:
    """Read the photos and choices of a form, or raise ReviewExpired."""
    choices = []
    for number, sealed in enumerate(form.getlist("photo")):
        photo = unseal(recognizer, sealed)
        chosen = form.get(f"face-{number}", 0, type=int)
        face = chosen if 1 <= chosen <= len(photo.examined.probes) else None
        reviewed_face, _, outcome = form.get(f"reviewed-{number}", "").partition(":")
        # The outcome of another face of the photo says nothing about this one.
        reviewed = outcome if reviewed_face == str(face or "") else None
        choices.append(PhotoChoice(photo, face, reviewed, f"include-{number}" in form))
    return choices


def _examine(recognizer: Recognizer, name: str, reviewed: Sequence[PhotoChoice], uploads: Sequence[Upload]) -> Steps:
    choices = list(reviewed)
    for number, upload in enumerate(uploads, start=1):
        yield Step(wording.step(wording.photo_prefix(number, len(uploads)), "finding faces"), number)
        file = _unique(upload.name, {choice.photo.examined.file for choice in choices})
        photo: bytes | PhotoError = upload.data
        try:
            check_size(upload)
        except FileTooLarge as error:
            photo = error
        choices.append(PhotoChoice(with_preview(examine_photo(recognizer, file, photo))))
    yield Step("Comparing photos with each other and the gallery…")
    return _review_page(recognizer, name, choices)


def _unique(name: str, taken: Collection[str]) -> str:
    """Return the name, with a number if another photo has the same."""
    number, unique = 2, name
    while unique in taken:
        number, unique = number + 1, f"{name} ({number})"
    return unique


def _review_page(recognizer: Recognizer, name: str, choices: Sequence[PhotoChoice], problem: str | None = None) -> Page:
    photos, person = _views(recognizer, name, choices), recognizer.gallery.find(name)
    warning = None if person else recognizer.gallery.name_warning(name)
    name, limits = person.name if person else name, upload_limits() | {"max_photos": MAX_PHOTOS}
    values: dict[str, object] = {"name": name, "person": person, "photos": photos, "limits": limits}
    values |= {"problem": problem or warning, "record": entered_record()}
    return render_template("admin/review.html", **values), 200


def _enroll(recognizer: Recognizer, name: str, choices: Sequence[PhotoChoice]) -> ResponseReturnValue:
    selected = [choice for choice in choices if choice.selected]
    if not selected:
        return _review_page(recognizer, name, choices, NONE_SELECTED)
    reviewed = _compare(recognizer, name, selected)
    outcomes = zip(selected, reviewed.photos, strict=True)
    if any(photo.outcome not in ("accepted", choice.allowed) for choice, photo in outcomes):
        return _review_page(recognizer, name, choices, CHECK_AGAIN)
    try:
        report = confirm(recognizer, reviewed.allow(DEBATABLE), record=entered_record())
    except (BasisRequired, InvalidRecord, OptedOut) as error:
        return _review_page(recognizer, name, choices, str(error))
    if report.person is None or report.check is None:
        return _review_page(recognizer, name, choices, CHECK_AGAIN)
    sentence = f"{text.count(report.accepted, 'photo')} of {report.name} enrolled. {report.check}"
    address = url_for("admin.person", person_id=report.person.id)
    return show_message(sentence, address, "done" if report.check.good else "problem")


def _form(name: str, problem: str | None = None) -> str:
    limits = upload_limits() | {"max_photos": MAX_PHOTOS}
    return render_template("admin/add_person.html", name=name, problem=problem, limits=limits, record=entered_record())


def _compare(recognizer: Recognizer, name: str, choices: Sequence[PhotoChoice]) -> Enrollment:
    return compare(recognizer, name, [choose_face(choice.photo.examined, choice.face) for choice in choices])


def _views(recognizer: Recognizer, name: str, choices: Sequence[PhotoChoice]) -> list[PhotoView]:
    """Review all photos that are not deselected, and prepare the page."""
    review = _compare(recognizer, name, [choice for choice in choices if not choice.deselected])
    outcomes = iter(review.photos)
    return [_view(recognizer, choice, None if choice.deselected else next(outcomes)) for choice in choices]


def _view(recognizer: Recognizer, choice: PhotoChoice, reviewed: PhotoOutcome | None) -> PhotoView:
    probes = choice.photo.examined.probes
    result = reviewed or choose_face(choice.photo.examined, choice.face)
    kind, label, sentence = LABELS[result.outcome]
    crop = result.face.crop if result.face else probes[0].crop if len(probes) == 1 else None
    image = None if crop is None else inline_images.crop(crop)
    checkbox = "Add photo" if result.accepted and not choice.several_faces else None
    included = result.accepted
    if result.outcome in DEBATABLE:
        checkbox, included = "Add photo anyway", choice.allowed == result.outcome
    if reviewed is None:
        kind, label, included = "unknown", "Not selected", False
    sealed, reason = seal(recognizer, choice.photo), sentence or result.reason
    return PhotoView(choice, result, kind, label, reason, sealed, image, checkbox, included)
