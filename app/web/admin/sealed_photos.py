"""Reviewed photos signed for the browser: the server stores no photo between the review and the confirmation.

The signature guarantees that the server reads back only faces that it has cropped itself.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from app.enrollment.crops import decode_crop, encode_crop
from app.enrollment.photo_review import ExaminedPhoto, PhotoOutcome
from app.errors import ReviewExpired
from app.gallery import embedding_rows
from app.recognition.recognizer import Recognizer
from app.recognition.results import Probe
from app.vision.faces import Box, DetectedFace
from app.web import auth, inline_images

PREVIEW_SIDE = 640
"""Largest side of the preview of a photo with several faces, in pixels."""

EXPIRED = "The review has expired. Choose the photos again."


@dataclass(frozen=True, eq=False)
class SealedPhoto:
    """An examined photo. With several faces `preview` is a data URI, and width and height are the photo's."""

    examined: ExaminedPhoto
    preview: str | None = None
    width: int = 0
    height: int = 0


def with_preview(examined: ExaminedPhoto) -> SealedPhoto:
    """Add a preview to a photo with several faces, so that the administrator can select one."""
    picture = examined.picture
    if picture is None or len(examined.probes) < 2:
        return SealedPhoto(examined)
    return SealedPhoto(examined, inline_images.photo(picture, PREVIEW_SIDE), picture.width, picture.height)


def seal(recognizer: Recognizer, photo: SealedPhoto) -> str:
    """Write a photo as signed text."""
    examined, problem = photo.examined, photo.examined.problem
    text = json.dumps(
        {
            "file": examined.file,
            "problem": problem and [problem.outcome, problem.reason],
            "faces": [_dump_probe(probe) for probe in examined.probes],
            "photo": [photo.preview, photo.width, photo.height],
        }
    )
    return auth.seal(text, _purpose(recognizer))


def unseal(recognizer: Recognizer, text: str) -> SealedPhoto:
    """Read a photo from signed text.

    Raises:
        ReviewExpired: the text was not signed by `seal`, or too long ago.
    """
    data = auth.unseal(text, _purpose(recognizer))
    if data is None:
        raise ReviewExpired(EXPIRED)
    fields = json.loads(data)
    problem = fields["problem"] and PhotoOutcome(fields["file"], *fields["problem"])
    probes = tuple(_load_probe(*face) for face in fields["faces"])
    return SealedPhoto(ExaminedPhoto(fields["file"], probes, problem), *fields["photo"])


def _purpose(recognizer: Recognizer) -> str:
    # Another network cannot compare these embeddings, so a new network makes the texts invalid.
    return f"photo {recognizer.network.card.id}"


def _dump_probe(probe: Probe) -> list[Any]:
    box = probe.face.box
    face = [box.x, box.y, box.width, box.height, probe.face.confidence]
    if probe.crop is None or probe.embedding is None:
        return [face, probe.flaw, None, None]
    return [face, probe.flaw, _encode(encode_crop(probe.crop)), _encode(embedding_rows.to_bytes(probe.embedding))]


def _load_probe(face: list[Any], flaw: str | None, crop: str | None, embedding: str | None) -> Probe:
    detected = DetectedFace(Box(*face[:4]), None, face[4])
    if crop is None or embedding is None:
        return Probe(detected, None, None, flaw)
    pixels = decode_crop(base64.b64decode(crop))
    blob = base64.b64decode(embedding)
    return Probe(detected, pixels, embedding_rows.from_bytes([blob])[0], flaw)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
