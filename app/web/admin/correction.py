"""Correction of a verdict by an administrator: add the face to the right person, or reject the wrong one."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.enrollment.enroll import DEBATABLE, compare, confirm
from app.enrollment.photo_review import ExaminedPhoto, choose_face
from app.recognition.recognizer import Recognizer
from app.recognition.results import IdentifiedFace, Probe
from app.web import auth, inline_images
from app.web.admin.blueprint import blueprint, show_message
from app.web.admin.sealed_photos import SealedPhoto, seal, unseal
from app.web.recognizer_loading import current_recognizer

CLOSEST = 4
"""People with a button of their own."""


@dataclass(frozen=True)
class Correction:
    """Choices for a face: `sealed` is the face for the form.

    `closest` are people to add it to, and `named` are the people of its verdict, who can be rejected.
    """

    sealed: str
    closest: Sequence[str]
    named: Sequence[str]


def find_corrections(recognizer: Recognizer, file: str, faces: Sequence[IdentifiedFace]) -> dict[int, Correction]:
    """Return corrections by the index of the face: none for visitors and for faces of low quality."""
    if not auth.signed_in():
        return {}
    usable = ((index, face) for index, face in enumerate(faces) if face.verdict.kind != "low_quality")
    return {index: _correction(recognizer, file, face) for index, face in usable if face.embedding is not None}


def _correction(recognizer: Recognizer, file: str, face: IdentifiedFace) -> Correction:
    verdict = face.verdict
    others = [row.person for row in verdict.ranking[: CLOSEST + 1] if row.person != verdict.person]
    named = (verdict.person,) if verdict.person else verdict.candidates
    examined = ExaminedPhoto(file, (Probe(face.face, face.crop, face.embedding, None),))
    return Correction(seal(recognizer, SealedPhoto(examined)), others[:CLOSEST], named)


@blueprint.post("/faces")
def correct_face() -> ResponseReturnValue:
    """Add the face to `person`, or to the typed `name`; or mark it as not the person in `reject`."""
    recognizer, form = current_recognizer(), request.form
    photo = choose_face(unseal(recognizer, form.get("photo", "")).examined)
    face = photo.face
    if face is None:
        return show_message(f"The face was not added. {photo.reason}", kind="problem")
    if "reject" in form:
        person = recognizer.gallery.reject_faces(form["reject"], face.embedding[None], [photo.file])
        sentence = f"The face is marked as not {person.name}. Similar faces get this name less often."
        return show_message(sentence, url_for("admin.person", person_id=person.id))
    review = compare(recognizer, form.get("person") or form.get("name", ""), [photo])
    photo = review.photos[0]
    if not photo.accepted and form.get("reviewed") != photo.outcome:
        return render_template(
            "admin/confirm_correction.html",
            name=review.name,
            person=recognizer.gallery.find(review.name),
            review=photo,
            face=inline_images.crop(face.crop),
            photo=form["photo"],
        )
    report = confirm(recognizer, review.allow(DEBATABLE))
    if report.person is None:
        return show_message(report.photos[0].reason, kind="problem")
    sentence = " ".join(filter(None, [f"Face added to {report.name}.", report.warning, str(report.check)]))
    return show_message(sentence, url_for("admin.person", person_id=report.person.id))
