"""Reviewed photos signed for the browser: the server stores no photo between the review and the confirmation.

The signature guarantees that the server reads back only faces that it has cropped itself.
"""

from dataclasses import astuple, dataclass, replace
from typing import Any

from flask.json.tag import TaggedJSONSerializer

from app.enrollment.crops import decode_crop, encode_crop
from app.enrollment.photo_review import ExaminedPhoto, PhotoOutcome
from app.errors import ReviewExpired
from app.gallery import embedding_rows
from app.recognition.recognizer import Recognizer
from app.recognition.results import Probe
from app.vision.faces import Box, DetectedFace
from app.web import inline_images, sessions

PREVIEW_SIDE = 640
"""Largest side of the preview of a photo with several faces, in pixels."""

EXPIRED = "The review has expired. Choose the photos again."

_json = TaggedJSONSerializer()  # JSON with bytes


@dataclass(frozen=True, eq=False)
class SealedPhoto:
    """An examined photo. With several faces, `preview` is a data URI, and boxes, width and height are in its pixels."""

    examined: ExaminedPhoto
    preview: str | None = None
    width: int = 0
    height: int = 0


def with_preview(examined: ExaminedPhoto) -> SealedPhoto:
    """Add a preview to a photo with several faces, so that the administrator can select one."""
    picture = examined.picture
    if picture is None or len(examined.probes) < 2:
        return SealedPhoto(examined)
    scale = min(1.0, PREVIEW_SIDE / max(picture.width, picture.height))
    width, height = round(picture.width * scale), round(picture.height * scale)
    probes = tuple(replace(probe, face=probe.face.scale(scale, width, height)) for probe in examined.probes)
    return SealedPhoto(replace(examined, probes=probes), inline_images.photo(picture, PREVIEW_SIDE), width, height)


def seal(recognizer: Recognizer, photo: SealedPhoto) -> str:
    """Write a photo as signed text."""
    file, problem = photo.examined.file, photo.examined.problem
    outcome = problem and (problem.outcome, problem.reason)
    probes = [_dump_probe(probe) for probe in photo.examined.probes]
    text = _json.dumps((file, outcome, probes, photo.preview, photo.width, photo.height))
    return sessions.seal(text, _purpose(recognizer))


def unseal(recognizer: Recognizer, text: str) -> SealedPhoto:
    """Read a photo from signed text, or raise ReviewExpired if `seal` did not sign it, or too long ago."""
    data = sessions.unseal(text, _purpose(recognizer))
    if data is None:
        raise ReviewExpired(EXPIRED)
    file, outcome, probes, *preview = _json.loads(data)
    problem = outcome and PhotoOutcome(file, *outcome)
    return SealedPhoto(ExaminedPhoto(file, tuple(_load_probe(*probe) for probe in probes), problem), *preview)


def _purpose(recognizer: Recognizer) -> str:
    # Another network cannot compare these embeddings, so a new network makes the texts invalid.
    return f"photo {recognizer.network.card.id}"


def _dump_probe(probe: Probe) -> tuple[Any, ...]:
    crop = None if probe.crop is None else encode_crop(probe.crop)
    embedding = None if probe.embedding is None else embedding_rows.to_bytes(probe.embedding)
    return astuple(probe.face.box), probe.face.confidence, crop, embedding, probe.flaw


def _load_probe(
    box: tuple[int, ...], confidence: float, crop: bytes | None, embedding: bytes | None, flaw: str | None
) -> Probe:
    pixels = None if crop is None else decode_crop(crop)
    vector = None if embedding is None else embedding_rows.from_bytes([embedding])[0]
    return Probe(DetectedFace(Box(*box), None, confidence), pixels, vector, flaw)
