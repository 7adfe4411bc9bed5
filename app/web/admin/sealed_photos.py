"""Photos that were looked at, on their way through an administrator's browser: nothing of them is kept on the server.

What is carried is a signed text, so that only what this server itself has cut out of a photo is ever read back.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass

import numpy as np
from PIL import Image

from app.enrollment.enroll import lossless
from app.enrollment.photo_review import ExaminedPhoto, PhotoOutcome
from app.errors import ReviewExpired
from app.gallery import embedding_rows
from app.recognition.recognizer import Recognizer
from app.recognition.results import Probe
from app.vision.faces import Box, DetectedFace
from app.web import auth, inline_images

PREVIEW_SIDE = 640
"""Largest side of a photo with several faces, as it is shown to pick one."""


@dataclass(frozen=True, eq=False)
class SealedPhoto:
    """A photo that was looked at; `photo` is a data URI of it where there is a face to be picked, `width` its size."""

    sighting: ExaminedPhoto
    photo: str | None
    width: int
    height: int


def carried(sighting: ExaminedPhoto) -> SealedPhoto:
    """A photo, ready to be carried."""
    picture = sighting.picture
    if picture is None or len(sighting.probes) < 2:
        return SealedPhoto(sighting, None, 0, 0)
    return SealedPhoto(sighting, inline_images.photo(picture, PREVIEW_SIDE), picture.width, picture.height)


def seal(recognizer: Recognizer, one: SealedPhoto) -> str:
    """Write a photo into a text that `unseal` reads."""
    sighting, problem = one.sighting, one.sighting.problem
    text = json.dumps(
        {
            "file": sighting.file,
            "problem": problem and [problem.outcome, problem.reason],
            "faces": [_face(probe) for probe in sighting.probes],
            "photo": [one.photo, one.width, one.height],
        }
    )
    return auth.seal(text, _purpose(recognizer))


def unseal(recognizer: Recognizer, text: str) -> SealedPhoto:
    """Read a photo back.

    Raises:
        ReviewExpired: it is not what `seal` wrote, or too old.
    """
    data = auth.unseal(text, _purpose(recognizer))
    if data is None:
        raise ReviewExpired("These photos were looked at too long ago. Please choose them once more.")
    found = json.loads(data)
    file, problem = found["file"], found["problem"]
    report = problem and PhotoOutcome(file, *problem)
    return SealedPhoto(ExaminedPhoto(file, tuple(_probe(*face) for face in found["faces"]), report), *found["photo"])


def _purpose(recognizer: Recognizer) -> str:
    # Embeddings of another network cannot be compared, so they must not come back after it was changed.
    return f"photo {recognizer.network.card.id}"


def _face(probe: Probe) -> list:
    box = probe.face.box
    place = [box.x, box.y, box.width, box.height, probe.face.confidence]
    if probe.crop is None:
        return [place, probe.flaw, None, None]
    return [place, probe.flaw, _text(lossless(probe.crop)), _text(embedding_rows.to_bytes(probe.embedding))]


def _probe(place: list, flaw: str | None, crop: str | None, embedding: str | None) -> Probe:
    face = DetectedFace(Box(*place[:4]), None, place[4])
    if crop is None:
        return Probe(face, None, None, flaw)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(crop))).convert("RGB"))
    blob = base64.b64decode(embedding)
    return Probe(face, pixels, embedding_rows.from_bytes([blob], embedding_rows.dims_of(blob))[0], flaw)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
