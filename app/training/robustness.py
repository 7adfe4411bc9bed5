"""What becomes of the figures when pictures get worse: test pictures are changed and go the whole way again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from app import crop
from app.detection import Detector, turned
from app.gallery.snapshot import Snapshot
from app.images import Picture
from app.training import augment
from app.training.shipping import Faces, Tick, person_of, quiet
from app.training.tiles import unit_hash
from app.verdict import Rules, judge, rank

SAMPLE = 400
"""About as many known faces, and as many strangers, are changed and looked at again."""

_FACE_SHARE = 2 / 3
"""Side of a face in pictures that show it with a margin of 1.5 times its box."""


def _small(picture: np.ndarray) -> np.ndarray:
    """The face 48 pixels wide."""
    scale = 48 / (_FACE_SHARE * max(picture.shape[:2]))
    size = [max(1, round(side * min(1.0, scale))) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _blurred(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), 2.0 * max(picture.shape[:2]) / 144)


def _dark(picture: np.ndarray) -> np.ndarray:
    return np.round(picture * 0.25).astype(np.uint8)


def _covered(picture: np.ndarray) -> np.ndarray:
    """A fifth of the face under a grey square, at a place that depends on the picture alone."""
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
    return lambda picture: turned(picture, degrees)[0]


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda picture: picture,
    "face 48 px wide": _small,
    "JPEG quality 20": partial(augment.compressed, quality=20),
    "blurred by 2 px": _blurred,
    "a quarter of the light": _dark,
    "grey": augment.grey,
    "a fifth covered": _covered,
    "tilted 15°": _tilted(15),
    "tilted 30°": _tilted(30),
    "tilted -30°": _tilted(-30),
}
"""What is done to a picture, uint8 (height, width, 3) RGB, by the name in the report."""

_TILTS = {0: "as it is", 15: "tilted 15°", 30: "tilted 30°", -30: "tilted -30°"}


def measure(
    faces: Faces,
    spelling: dict[str, str],
    snapshot: Snapshot,
    detector: Detector,
    network,
    tick: Tick = quiet,
) -> list[dict]:
    """Closed-set and open-set figures of the same faces after each change; a face that is missed is an error.

    Arguments:
        faces: as `shipping.gather` gives them.
        spelling: names by folder name.
        snapshot: the gallery.
        detector: the one that serves.
        network: a `siamese.Network`.
        tick: told the progress.

    Returns:
        A row a change: `change`, `faces`, `top1`, `named` rightly, `missed`; `strangers`, `strangers_named`.
    """
    known, others = (_sample(faces, split) for split in ("test", "test-stranger"))
    names = [person_of(faces.identities[place], spelling) for place in known]
    pictures = [faces.picture(place) for place in [*known, *others]]
    everybody = [*names, *[None] * len(others)]
    rows = []
    for number, (name, change) in enumerate(CHANGES.items(), start=1):
        answers = _answers(pictures, change, detector, network, snapshot)
        rows.append({"change": name, **_counted(everybody, answers, network.card.rules)})
        tick("changing pictures", number, len(CHANGES))
    return rows


def tilt(rows: Sequence[dict]) -> dict:
    """The figures of the tilts alone: `faces`, and `top1_at_DEGREES` each."""
    by_name = {row["change"]: row for row in rows}
    found = {f"top1_at_{degrees}": by_name[name]["top1"] for degrees, name in _TILTS.items()}
    return {"faces": rows[0]["faces"], **found}


def _sample(faces: Faces, split: str) -> np.ndarray:
    places = np.flatnonzero(faces.splits == split)
    return places[:: max(1, len(places) // SAMPLE)]


def _answers(pictures, change, detector: Detector, network, snapshot: Snapshot) -> list[tuple]:
    """The ranking of each picture's largest face; empty where none was found."""
    crops = []
    for picture in pictures:
        worse = change(picture)
        face = detector.largest(Picture(worse))
        crops.append(None if face is None else crop.align(worse, face.landmarks))
    seen = [one for one in crops if one is not None]
    embeddings = iter(network.embed(np.stack(seen)) if seen else ())
    head = network.card.rules.head
    return [() if one is None else rank(next(embeddings), snapshot, head) for one in crops]


def _counted(everybody: Sequence[str | None], answers: Sequence[tuple], rules: Rules) -> dict:
    known = [(name, ranking) for name, ranking in zip(everybody, answers, strict=True) if name is not None]
    others = [ranking for name, ranking in zip(everybody, answers, strict=True) if name is None]
    verdicts = [judge(ranking, rules).person for _, ranking in known]
    return {
        "faces": len(known),
        "top1": sum(bool(ranking) and ranking[0].person == name for name, ranking in known) / len(known),
        "named": sum(verdict == name for verdict, (name, _) in zip(verdicts, known, strict=True)) / len(known),
        "missed": sum(not ranking for _, ranking in known),
        "strangers": len(others),
        "strangers_named": sum(judge(ranking, rules).kind == "match" for ranking in others) / max(1, len(others)),
    }
