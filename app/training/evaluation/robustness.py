"""Robustness: identification rates of test photos that are degraded, and of enrolled photos sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from app.recognition.decision import Verdict
from app.recognition.recognizer import Recognizer
from app.training.data.labeled_faces import LabeledFaces, Progress, no_progress, person_name
from app.training.data.splits import unit_hash
from app.training.evaluation.judged import judged
from app.training.release import release
from app.vision.decoding import Picture
from app.vision.detection import rotate_picture

SAMPLE = 400
"""Number of known faces that are degraded, about, and of impostors."""

RESENT = 1000
"""Number of enrolled photos that are compressed again, at most."""

_FACE_SHARE = 2 / 3
"""Side of a face in pictures that show it with a margin of 1.5 times its box."""


def grayscale(picture: np.ndarray) -> np.ndarray:
    """Return a picture without its colors: uint8 (height, width, 3) RGB, same out."""
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def compress(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return a picture after JPEG compression with a quality of 1 to 100: uint8 (height, width, 3) RGB, same out."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)


def _small(picture: np.ndarray) -> np.ndarray:
    """Reduce a picture so that its face is 48 pixels wide."""
    scale = 48 / (_FACE_SHARE * max(picture.shape[:2]))
    size = [max(1, round(side * min(1.0, scale))) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _blurred(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), 2.0 * max(picture.shape[:2]) / 144)


def _dark(picture: np.ndarray) -> np.ndarray:
    return np.round(picture * 0.25).astype(np.uint8)


def _covered(picture: np.ndarray) -> np.ndarray:
    """Cover a fifth of the face with a gray square, at a position that depends on the picture alone."""
    face = _FACE_SHARE * np.array(picture.shape[:2])
    side = np.sqrt(0.2) * face
    key = str(int(picture.sum()))
    room = np.array([unit_hash(key, 21), unit_hash(key, 22)]) * (face - side)
    top, left = np.round((np.array(picture.shape[:2]) - face) / 2 + room).astype(int)
    height, width = np.round(side).astype(int)
    covered = picture.copy()
    covered[top : top + height, left : left + width] = 127
    return covered


def _tilted(degrees: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda picture: rotate_picture(picture, degrees)[0]


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "unchanged": lambda picture: picture,
    "face 48 px wide": _small,
    "JPEG quality 20": partial(compress, quality=20),
    "blurred by 2 px": _blurred,
    "a quarter of the light": _dark,
    "grayscale": grayscale,
    "a fifth covered": _covered,
    "tilted 15°": _tilted(15),
    "tilted 30°": _tilted(30),
    "tilted -30°": _tilted(-30),
}
"""Degradations of a picture, uint8 (height, width, 3) RGB, by the name in the report."""

_TILTS = {0: "unchanged", 15: "tilted 15°", 30: "tilted 30°", -30: "tilted -30°"}


def measure(
    faces: LabeledFaces, spellings: dict[str, str], recognizer: Recognizer, progress: Progress = no_progress
) -> list[dict]:
    """Measure the same faces after each degradation. A missed face is an error.

    Args:
        faces: as `shipping.gather` returns them.
        spellings: names by folder name.
        recognizer: with the gallery to identify them in.
        progress: called with the progress.

    Returns:
        A row for each degradation: `change`, `faces`, `rank1`, `named` (with the own name), `missed`, `refused` (by
        the quality gate); `impostors`, `impostors_named`.
    """
    known, others = (_sample(faces, split) for split in ("test", "test-impostor"))
    names = [person_name(faces.identities[place], spellings) for place in known]
    pictures = [faces.read_picture(place) for place in [*known, *others]]
    rows = []
    for number, (name, change) in enumerate(CHANGES.items(), start=1):
        verdicts = [_verdict(change(picture), recognizer) for picture in pictures]
        rows.append({"change": name, **_counted(names, verdicts[: len(names)], verdicts[len(names) :])})
        progress("degrading photos", number, len(CHANGES))
    return rows


def tilt(rows: Sequence[dict]) -> dict:
    """Return the figures of the tilts alone: `faces`, and `rank1_at_DEGREES` each."""
    by_name = {row["change"]: row for row in rows}
    found = {f"rank1_at_{degrees}": by_name[name]["rank1"] for degrees, name in _TILTS.items()}
    return {"faces": rows[0]["faces"], **found}


def resent(
    faces: LabeledFaces, spellings: dict[str, str], recognizer: Recognizer, progress: Progress = no_progress
) -> dict:
    """Send the photos of the gallery's anchors again, unchanged and compressed as JPEG of quality 80.

    Args:
        faces: those that the gallery was made of.
        spellings: names by folder name.
        recognizer: with that gallery.
        progress: called with the progress.

    Returns:
        `photos` and `named`, the share that matches its own person; `compressed` and `compressed_named` of a sample.
    """
    card, snapshot = recognizer.network.card, recognizer.gallery.snapshot()
    enrolled = np.concatenate(release.choose_gallery(faces, spellings, card.quality)[1])
    unchanged = judged(faces, enrolled, spellings, snapshot, card)
    sample = enrolled[:: -(-len(enrolled) // RESENT)]
    named = 0
    for number, place in enumerate(sample, start=1):
        verdict = _verdict(compress(faces.read_picture(place), quality=80), recognizer)
        named += verdict is not None and verdict.person == person_name(faces.identities[place], spellings)
        progress("sending enrolled photos again", number, len(sample))
    return {
        "photos": len(unchanged),
        "named": sum(face.named(card.rules) == face.person for face in unchanged) / len(unchanged),
        "compressed": len(sample),
        "compressed_named": named / len(sample),
    }


def _sample(faces: LabeledFaces, split: str) -> np.ndarray:
    places = np.flatnonzero(faces.splits == split)
    return places[:: max(1, len(places) // SAMPLE)]


def _verdict(picture: np.ndarray, recognizer: Recognizer) -> Verdict | None:
    """Identify the largest face of a picture; None if the detector finds none."""
    photo = Picture(picture)
    faces = recognizer.identify_faces(photo, recognizer.detect(photo)).faces
    largest = max(faces, key=lambda one: one.face.box.area, default=None)
    return None if largest is None else largest.verdict


def _counted(names: Sequence[str], known: Sequence[Verdict | None], impostors: Sequence[Verdict | None]) -> dict:
    seen = [(name, verdict) for name, verdict in zip(names, known, strict=True) if verdict is not None]
    return {
        "faces": len(known),
        "rank1": sum(bool(one.ranking) and one.ranking[0].person == name for name, one in seen) / len(known),
        "named": sum(one.person == name for name, one in seen) / len(known),
        "missed": len(known) - len(seen),
        "refused": sum(one.kind not in ("match", "unknown") and not one.candidates for _, one in seen),
        "impostors": len(impostors),
        "impostors_named": sum(one is not None and one.person is not None for one in impostors)
        / max(1, len(impostors)),
    }
