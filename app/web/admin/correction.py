"""Where a results page is wrong: the face becomes an anchor of the right person, or is marked as not that person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flask import Response, flash, make_response, redirect, request, url_for

from app.enrollment.enroll import DEBATABLE, compare, confirm
from app.enrollment.photo_review import ExaminedPhoto, choose
from app.errors import ReviewExpired
from app.gallery import names
from app.recognition.recognizer import Recognizer
from app.recognition.results import IdentifiedFace, Probe
from app.web import auth, inline_images, progress_stream
from app.web.admin.blueprint import blueprint, page
from app.web.admin.sealed_photos import SealedPhoto, seal, unseal
from app.web.recognizer_loading import current_recognizer

NEAREST = 4
"""People whose names stand on buttons, to be the right one."""


@dataclass(frozen=True)
class Correction:
    """What a face's card offers: `sealed` is the face for the form, `nearest` who it may be, `wrong` who it is not."""

    sealed: str
    nearest: tuple[str, ...]
    wrong: tuple[str, ...]


class Corrector:
    """Makes the corrections of a results page, for an administrator only."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer

    def of(self, file: str, faces: Sequence[IdentifiedFace]) -> list[Correction | None]:
        """A photo's corrections: one a face, None for faces that cannot be learnt."""
        usable = [face for face in faces if face.crop is not None and face.verdict.kind != "low_quality"]
        if not usable or not auth.signed_in():
            return [None] * len(faces)
        embeddings = iter(self._recognizer.network.embed(np.stack([face.crop for face in usable])))
        return [self._one(file, face, next(embeddings)) if face in usable else None for face in faces]

    def _one(self, file: str, face: IdentifiedFace, embedding: np.ndarray) -> Correction:
        sighting = ExaminedPhoto(file, (Probe(face.face, face.crop, embedding, None),))
        verdict = face.verdict
        closest = [row.person for row in verdict.ranking[: NEAREST + 1]]
        others = [name for name in closest if name != verdict.person][:NEAREST]
        wrong = (verdict.person,) if verdict.person else verdict.candidates
        sealed = seal(self._recognizer, SealedPhoto(sighting, None, 0, 0))
        return Correction(sealed, tuple(others), wrong)


@blueprint.post("/faces")
def correct_face() -> Response:
    """Add the face to the person that the form names (`is`, or typed as `name`), or mark it as `not` that person."""
    request.max_form_memory_size = 2 * request.max_form_memory_size
    recognizer = current_recognizer()
    try:
        probe, file = _face(recognizer)
    except ReviewExpired as error:
        flash(str(error), "problem")
        return redirect(url_for("admin.history"), 303)
    if "not" in request.form:
        person = recognizer.gallery.reject(request.form["not"], probe.embedding[None], [file])
        flash(f"The face is marked as not {person.name}: it weighs against them for faces like it.", "done")
        return redirect(url_for("admin.person", person_id=person.id), 303)
    return _learn(recognizer, request.form.get("is") or request.form.get("name", ""), probe, file)


def _learn(recognizer: Recognizer, name: str, probe: Probe, file: str) -> Response:
    """Add the face; what there is to say against it is said first, once."""
    reviewed = compare(recognizer, names.clean(name), [choose(ExaminedPhoto(file, (probe,)))])
    report = reviewed.photos[0]
    known = recognizer.gallery.find(reviewed.name)
    if not report.accepted and request.form.get("seen") != report.outcome:
        crop = inline_images.crop(probe.crop)
        shown = page(
            "confirm_correction.html",
            name=reviewed.name,
            known=known,
            report=report,
            face=crop,
            photo=request.form["photo"],
        )
        return progress_stream.unkept(make_response(shown))
    done = confirm(recognizer, reviewed, [0] if report.outcome in DEBATABLE else [])
    flash(f"The face is an anchor of {done.person.name} now. {done.check}", "done")
    return redirect(url_for("admin.person", person_id=done.person.id), 303)


def _face(recognizer: Recognizer) -> tuple[Probe, str]:
    sighting = unseal(recognizer, request.form.get("photo", "")).sighting
    return sighting.probes[0], sighting.file
