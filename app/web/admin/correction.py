"""Correction of verdicts by an administrator: add faces to the right person, or reject the wrong one."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import text
from app.enrollment.enroll import DEBATABLE, MAX_PHOTOS, compare, confirm
from app.enrollment.photo_review import ExaminedPhoto, PhotoOutcome, choose_face
from app.errors import BasisRequired, InvalidName, InvalidRecord
from app.gallery import names
from app.gallery.store import Gallery, Person
from app.recognition.recognizer import Recognizer
from app.recognition.results import IdentifiedFace, Probe
from app.web import auth, inline_images
from app.web.admin.blueprint import blueprint, entered_record, show_message
from app.web.admin.sealed_photos import SealedPhoto, seal, unseal
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.uploads import accepts_photos

CLOSEST = 4
"""People with a button of their own."""

MAX_CHOICES = 6
"""People suggested for a typed name."""

FIELDS_PER_FACE = 2

NONE_SELECTED = "No face was selected."


@dataclass(frozen=True)
class Correction:
    """Choices for a face: `sealed` is the face for the form.

    `closest` are people to add it to, and `named` are the people of its verdict, who can be rejected.
    """

    sealed: str
    closest: Sequence[Person]
    named: Sequence[str]


@dataclass(frozen=True)
class NameChoices:
    """People whom a typed name may mean, and the name of a new person, None if it is taken or invalid."""

    people: Sequence[Person]
    new: str | None


@dataclass(frozen=True)
class ReviewedFace:
    """A face of the form with its review. `key` identifies both, and `crop` is a data URI."""

    sealed: str
    review: PhotoOutcome
    key: str
    crop: str


def find_corrections(recognizer: Recognizer, file: str, faces: Sequence[IdentifiedFace]) -> dict[int, Correction]:
    """Return corrections by the index of the face: none for visitors and for faces of low quality."""
    if not auth.may("manage"):
        return {}
    people = {person.name: person for person in recognizer.gallery.people()}
    usable = ((index, face) for index, face in enumerate(faces) if face.verdict.kind != "low_quality")
    return {index: _correction(recognizer, file, face, people) for index, face in usable if face.embedding is not None}


def _correction(recognizer: Recognizer, file: str, face: IdentifiedFace, people: dict[str, Person]) -> Correction:
    verdict = face.verdict
    others = [row.person for row in verdict.ranking[: CLOSEST + 1] if row.person != verdict.person]
    named = (verdict.person,) if verdict.person else verdict.candidates
    examined = ExaminedPhoto(file, (Probe(face.face, face.crop, face.embedding, None),))
    # A person of the ranking can be removed in the meantime.
    closest = [people[name] for name in others if name in people][:CLOSEST]
    return Correction(seal(recognizer, SealedPhoto(examined)), closest, named)


def find_choices(gallery: Gallery, name: str) -> NameChoices:
    """Return the people whose names match or resemble a typed name, and whether it can be that of a new person.

    An invalid name, such as an empty one, has no choices.
    """
    try:
        name = names.clean(name)
    except InvalidName:
        return NameChoices((), None)
    found = gallery.search(name)
    return NameChoices((found.people or found.close)[:MAX_CHOICES], None if gallery.find(name) else name)


@blueprint.get("/faces/people")
def suggest_people() -> str:
    """Show buttons for the people whom the typed `name` may mean, and for a new person."""
    name = request.args.get("name", "")[: names.MAX_LENGTH]
    return render_template("admin/name_choices.html", choices=find_choices(current_gallery(), name))


@blueprint.post("/faces")
@accepts_photos(MAX_PHOTOS, FIELDS_PER_FACE)
def correct_faces() -> ResponseReturnValue:
    """Add faces to `person`, or to the typed `name`; or mark them as not the person in `reject`.

    The fields of the person's record are optional. A required basis that is missing is a question.
    """
    recognizer, form = current_recognizer(), request.form
    faces = [(sealed, choose_face(unseal(recognizer, sealed).examined)) for sealed in form.getlist("photo")]
    if not faces:
        return show_message(NONE_SELECTED, kind="problem")
    for _, photo in faces:
        if photo.face is None:
            return show_message(f"The face was not added. {photo.reason}", kind="problem")
    if "reject" in form:
        return _reject(recognizer.gallery, form["reject"], [photo for _, photo in faces])
    name = form.get("person") or names.clean(form.get("name", ""))
    if "person" not in form and recognizer.gallery.find(name) is None:
        choices = find_choices(recognizer.gallery, name)
        if choices.people:
            return render_template("admin/choose_person.html", name=name, choices=choices, faces=faces)
    return _add(recognizer, name, faces)


def _reject(gallery: Gallery, name: str, photos: Sequence[PhotoOutcome]) -> ResponseReturnValue:
    embeddings = np.stack([photo.face.embedding for photo in photos if photo.face])
    person = gallery.reject_faces(name, embeddings, [photo.file for photo in photos])
    marked = "The face is" if len(photos) == 1 else f"{len(photos)} faces are"
    sentence = f"{marked} marked as not {person.name}. Similar faces get this name less often."
    return show_message(sentence, url_for("admin.person", person_id=person.id))


def _add(recognizer: Recognizer, name: str, faces: Sequence[tuple[str, PhotoOutcome]]) -> ResponseReturnValue:
    review = compare(recognizer, name, [photo for _, photo in faces])
    reviewed = [
        ReviewedFace(sealed, photo, _review_key(sealed, photo), inline_images.crop(photo.face.crop))
        for (sealed, _), photo in zip(faces, review.photos, strict=True)
        if photo.face
    ]
    seen, record = request.form.getlist("reviewed"), entered_record()
    problem = _record_problem(recognizer.gallery, review.name, record)
    if problem or any(not face.review.accepted and face.key not in seen for face in reviewed):
        person = recognizer.gallery.find(review.name)
        values: dict[str, object] = {"person": person, "faces": reviewed, "record": record, "problem": problem}
        return render_template("admin/confirm_correction.html", name=review.name, **values)
    report = confirm(recognizer, review.allow(DEBATABLE), record=record)
    if report.person is None:
        return show_message(report.photos[0].reason, kind="problem")
    added = "Face" if report.accepted == 1 else text.count(report.accepted, "face")
    sentence = " ".join(filter(None, [f"{added} added to {report.name}.", report.warning, str(report.check)]))
    return show_message(sentence, url_for("admin.person", person_id=report.person.id))


def _record_problem(gallery: Gallery, name: str, record: Mapping[str, str]) -> str | None:
    try:
        gallery.check_record(name, record)
    except (BasisRequired, InvalidRecord) as error:
        return str(error)
    return None


def _review_key(sealed: str, review: PhotoOutcome) -> str:
    """Return a text for the form that says which outcome of which face the administrator has seen."""
    return f"{hashlib.sha256(sealed.encode()).hexdigest()[:16]}:{review.outcome}"
