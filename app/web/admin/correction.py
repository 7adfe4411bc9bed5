"""Correction of a verdict by an administrator: add the face to the right person, or reject the wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flask import flash, make_response, redirect, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from app.arrays import FloatArray
from app.enrollment.enroll import DEBATABLE, compare, confirm
from app.enrollment.photo_review import ExaminedPhoto, choose_face
from app.errors import ReviewExpired
from app.gallery import names
from app.recognition.recognizer import Recognizer
from app.recognition.results import IdentifiedFace, Probe
from app.web import auth, inline_images
from app.web.admin.blueprint import blueprint, render, show_message
from app.web.admin.sealed_photos import EXPIRED, SealedPhoto, seal, unseal
from app.web.progress_stream import prevent_caching
from app.web.recognizer_loading import current_recognizer

CLOSEST = 4
"""People with a button of their own."""


@dataclass(frozen=True)
class Correction:
    """Choices for a face: `sealed` is the face for the form, `closest` people to add it to, `wrong` to reject."""

    sealed: str
    closest: tuple[str, ...]
    wrong: tuple[str, ...]


def find_corrections(recognizer: Recognizer, file: str, faces: Sequence[IdentifiedFace]) -> Sequence[Correction | None]:
    """Return a correction for each face of a photo, None for visitors and for faces of low quality."""
    crops = [face.crop for face in faces if face.crop is not None and face.verdict.kind != "low_quality"]
    if not crops or not auth.signed_in():
        return [None] * len(faces)
    embeddings = iter(recognizer.network.embed(np.stack(crops)))
    return [
        None
        if face.crop is None or face.verdict.kind == "low_quality"
        else _correction(recognizer, file, face, next(embeddings))
        for face in faces
    ]


def _correction(recognizer: Recognizer, file: str, face: IdentifiedFace, embedding: FloatArray) -> Correction:
    verdict = face.verdict
    closest = [row.person for row in verdict.ranking[: CLOSEST + 1] if row.person != verdict.person][:CLOSEST]
    wrong = (verdict.person,) if verdict.person else verdict.candidates
    examined = ExaminedPhoto(file, (Probe(face.face, face.crop, embedding, None),))
    return Correction(seal(recognizer, SealedPhoto(examined)), tuple(closest), wrong)


@blueprint.post("/faces")
def correct_face() -> Response:
    """Add the face to `person`, or to the typed `name`; or mark it as not the person in `reject`."""
    request.max_form_memory_size = 2 * (request.max_form_memory_size or 0)
    recognizer = current_recognizer()
    try:
        examined = unseal(recognizer, request.form.get("photo", "")).examined
    except ReviewExpired as error:
        flash(str(error), "problem")
        return redirect(url_for("admin.history"), 303)
    if "reject" not in request.form:
        return _add(recognizer, request.form.get("person") or request.form.get("name", ""), examined)
    embedding = examined.probes[0].embedding
    if embedding is None:
        raise BadRequest(EXPIRED)
    person = recognizer.gallery.reject_faces(request.form["reject"], embedding[None], [examined.file])
    sentence = f"The face is marked as not {person.name}. Similar faces get this name less often."
    return show_message(sentence, url_for("admin.person", person_id=person.id))


def _add(recognizer: Recognizer, name: str, examined: ExaminedPhoto) -> Response:
    """Add the face to a person. If the review objects, ask for confirmation first."""
    review = compare(recognizer, names.clean(name), [choose_face(examined)])
    photo, crop = review.photos[0], examined.probes[0].crop
    if crop is not None and not photo.accepted and request.form.get("reviewed") != photo.outcome:
        page = render(
            "confirm_correction.html",
            name=review.name,
            person=recognizer.gallery.find(review.name),
            review=photo,
            face=inline_images.crop(crop),
            photo=request.form["photo"],
        )
        return prevent_caching(make_response(page))
    report = confirm(recognizer, review.allow(DEBATABLE))
    if report.person is None:
        raise BadRequest(EXPIRED)
    sentence = f"Face added to {report.person.name}. {report.check}"
    return show_message(sentence, url_for("admin.person", person_id=report.person.id))
