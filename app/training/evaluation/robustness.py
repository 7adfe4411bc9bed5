"""Robustness: identification of degraded photos, and of enrolled photos that are sent again.

Degradations take and return uint8 (height, width, 3) RGB, a face with a margin of 1.5 times its box.
"""

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from app.arrays import ByteArray, IntArray
from app.recognition.decision import Verdict
from app.recognition.evaluation_table import Metrics
from app.recognition.recognizer import Recognizer
from app.training.data.crops import Progress, no_progress
from app.training.data.labeled_faces import LabeledFaces
from app.training.data.splits import unit_hash
from app.training.evaluation.identification import rank_faces, share
from app.training.release.gallery import choose_gallery
from app.vision.decoding import Picture
from app.vision.views import rotate_picture

SAMPLE = 400
"""Approximate number of known faces that are degraded, and of impostors."""

MAX_RESENT = 1000

TILTS = {"tilted 15°": 15, "tilted 30°": 30, "tilted -30°": -30}

_FACE_SHARE = 2 / 3  # side of the face as a share of the picture's


def compress(picture: ByteArray, quality: int) -> ByteArray:
    """Save a picture as JPEG with a quality of 1 to 100."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def _shrink(picture: ByteArray) -> ByteArray:
    scale = min(1.0, 48 / (_FACE_SHARE * max(picture.shape[:2])))
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _blur(picture: ByteArray) -> ByteArray:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0 * max(picture.shape[:2]) / 144), np.uint8)


def _grayscale(picture: ByteArray) -> ByteArray:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def _cover(picture: ByteArray) -> ByteArray:
    """Cover a fifth of the face with a gray square, at a position that depends on the picture alone."""
    size = np.array(picture.shape[:2])
    face = _FACE_SHARE * size
    square = np.sqrt(0.2) * face
    key = str(int(picture.sum()))
    offset = np.array([unit_hash(key, 21), unit_hash(key, 22)]) * (face - square)
    top, left = np.round((size - face) / 2 + offset).astype(int)
    height, width = np.round(square).astype(int)
    covered = picture.copy()
    covered[top : top + height, left : left + width] = 127
    return covered


def _tilt(picture: ByteArray, degrees: float) -> ByteArray:
    return rotate_picture(picture, degrees)[0]


DEGRADATIONS: dict[str, Callable[[ByteArray], ByteArray]] = {
    "unchanged": lambda picture: picture,
    "face 48 px wide": _shrink,
    "JPEG quality 20": partial(compress, quality=20),
    "blurred by 2 px": _blur,
    "a quarter of the light": lambda picture: np.round(picture * 0.25).astype(np.uint8),
    "grayscale": _grayscale,
    "a fifth covered": _cover,
    **{name: partial(_tilt, degrees=degrees) for name, degrees in TILTS.items()},
}


def degraded_rates(faces: LabeledFaces, recognizer: Recognizer, progress: Progress = no_progress) -> list[Metrics]:
    """Measure the same faces after each degradation: one row each. A missed face is an error.

    `matched` counts the right person. Faces of low quality are `refused`.
    """
    known, impostors = (_sample(faces, split) for split in ("test", "test-impostor"))
    names = faces.names[known].tolist()
    pictures = [faces.read_picture(position) for position in [*known, *impostors]]
    rows = []
    for number, (name, degrade) in enumerate(DEGRADATIONS.items(), start=1):
        verdicts = [_identify_largest(degrade(picture), recognizer) for picture in pictures]
        rows.append({"change": name, **_count(names, verdicts[: len(names)], verdicts[len(names) :])})
        progress("degrading photos", number, len(DEGRADATIONS))
    return rows


def tilt_rates(rows: Sequence[Metrics]) -> Metrics:
    """Return the tilts among the rows of `degraded_rates`: `faces`, and `rank1_at_DEGREES` each."""
    by_name = {row["change"]: row for row in rows}
    rates = {f"rank1_at_{degrees}": by_name[name]["rank1"] for name, degrees in {"unchanged": 0, **TILTS}.items()}
    return {"faces": rows[0]["faces"], **rates}


def resent_rates(faces: LabeledFaces, recognizer: Recognizer, progress: Progress = no_progress) -> Metrics:
    """Send the photos of the gallery's anchors again, unchanged, and a sample compressed as JPEG of quality 80.

    Returns:
        `matched` and `compressed_matched` are the shares that match their own person.
    """
    card, snapshot = recognizer.network.card, recognizer.gallery.snapshot()
    enrolled = np.concatenate(choose_gallery(faces, card.quality)[1])
    unchanged = rank_faces(faces, enrolled, snapshot, card)
    sample = enrolled[:: -(-len(enrolled) // MAX_RESENT)]
    matched = 0
    for number, position in enumerate(sample, start=1):
        verdict = _identify_largest(compress(faces.read_picture(position), quality=80), recognizer)
        matched += verdict is not None and verdict.person == faces.names[position]
        progress("resending enrolled photos", number, len(sample))
    return {
        "photos": len(unchanged),
        "matched": share(unchanged, lambda face: face.match(card.rules) == face.person),
        "compressed": len(sample),
        "compressed_matched": matched / len(sample),
    }


def _sample(faces: LabeledFaces, split: str) -> IntArray:
    positions = np.flatnonzero(faces.splits == split)
    return positions[:: max(1, len(positions) // SAMPLE)]


def _identify_largest(picture: ByteArray, recognizer: Recognizer) -> Verdict | None:
    """Return the verdict on the largest face of a picture, None if the detector misses it."""
    photo = Picture(picture)
    faces = recognizer.identify_faces(photo, recognizer.detect(photo)).faces
    largest = max(faces, key=lambda face: face.face.box.area, default=None)
    return None if largest is None else largest.verdict


def _count(names: Sequence[str], known: Sequence[Verdict | None], impostors: Sequence[Verdict | None]) -> Metrics:
    found = [(name, verdict) for name, verdict in zip(names, known, strict=True) if verdict is not None]
    impostor_matches = sum(verdict is not None and verdict.person is not None for verdict in impostors)
    return {
        "faces": len(known),
        "rank1": sum(verdict.ranking[0].person == name for name, verdict in found if verdict.ranking) / len(known),
        "matched": sum(verdict.person == name for name, verdict in found) / len(known),
        "missed": len(known) - len(found),
        "refused": sum(verdict.kind == "low_quality" for _, verdict in found),
        "impostors": len(impostors),
        "impostors_matched": impostor_matches / max(1, len(impostors)),
    }
