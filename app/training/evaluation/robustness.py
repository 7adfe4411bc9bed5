"""Robustness: identification of degraded photos, and of enrolled photos that are sent again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.arrays import ByteArray, IntArray
from app.recognition.decision import Verdict
from app.recognition.evaluation_table import Metrics
from app.recognition.recognizer import Recognizer
from app.training.data.labeled_faces import LabeledFaces, Progress, no_progress, person_name
from app.training.evaluation.degradations import DEGRADATIONS, TILTS, compress
from app.training.evaluation.ranked_faces import rank_faces
from app.training.release.gallery import choose_gallery
from app.vision.decoding import Picture

SAMPLE = 400
"""Approximate number of known faces that are degraded, and of impostors."""

MAX_RESENT = 1000
"""Enrolled photos that are compressed and sent again."""


def degraded_rates(
    faces: LabeledFaces, spellings: dict[str, str], recognizer: Recognizer, progress: Progress = no_progress
) -> list[Metrics]:
    """Measure the same faces after each degradation. A missed face is an error.

    Returns:
        One row per degradation: `change`, `faces`, `rank1`, `matched` (right person), `missed`, `refused` (low
        quality), `impostors` and `impostors_matched`.
    """
    known, impostors = (_sample(faces, split) for split in ("test", "test-impostor"))
    names = [person_name(faces.identities[position], spellings) for position in known]
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


def resent_rates(
    faces: LabeledFaces, spellings: dict[str, str], recognizer: Recognizer, progress: Progress = no_progress
) -> Metrics:
    """Send the photos of the gallery's anchors again, unchanged and compressed as JPEG of quality 80.

    Returns:
        `photos` and `matched`, the share that matches its own person; `compressed` and `compressed_matched`, the same
        for a compressed sample.
    """
    card, snapshot = recognizer.network.card, recognizer.gallery.snapshot()
    enrolled = np.concatenate(choose_gallery(faces, spellings, card.quality)[1])
    unchanged = rank_faces(faces, enrolled, spellings, snapshot, card)
    sample = enrolled[:: -(-len(enrolled) // MAX_RESENT)]
    matched = 0
    for number, position in enumerate(sample, start=1):
        verdict = _identify_largest(compress(faces.read_picture(position), quality=80), recognizer)
        matched += verdict is not None and verdict.person == person_name(faces.identities[position], spellings)
        progress("resending enrolled photos", number, len(sample))
    return {
        "photos": len(unchanged),
        "matched": sum(face.match(card.rules) == face.person for face in unchanged) / len(unchanged),
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
