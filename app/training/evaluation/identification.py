"""Open-set identification (1:N) in the shipped gallery: rank-1, TPIR at FPIR, verdicts on impostors, and reliability.

Terms follow ISO/IEC 19795-1 and NIST FRTE 1:N (Grother et al., https://doi.org/10.6028/NIST.IR.8271). A known face
counts for the TPIR if its own person is the closest and within the threshold. An impostor counts for the FPIR if any
person is. Missed faces and faces of low quality never match. A missed face is also a rank-1 error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.arrays import AnyArray, BoolArray, DoubleArray
from app.errors import TrainingError
from app.gallery.snapshot import Snapshot
from app.recognition.decision import FPIRS, Rules, Verdict, decide
from app.recognition.evaluation_table import Metrics
from app.recognition.model_card import ModelCard
from app.recognition.scoring import PersonDistance, rank
from app.training.data.labeled_faces import GALLERY_SPLITS, LabeledFaces

_RANKS = 6  # rows kept of a ranking: rank 1 to 5 also if the face's own person is left out


@dataclass(frozen=True)
class RankedFace:
    """A face of the evaluation with its ranking.

    `identity` is its folder, `person` its name in the gallery (None for an impostor), `source` its collection.
    `ranking` has the closest people, and is empty if the detector missed the face. `people` is the size of the gallery.
    `flaw` says why the quality is too low, or is None.
    """

    identity: str
    person: str | None
    source: str
    ranking: tuple[PersonDistance, ...]
    people: int
    flaw: str | None = None

    @property
    def distance(self) -> float:
        """Class distance of the closest person, infinite for missed faces and faces of low quality."""
        return self.ranking[0].class_distance if self.ranking and self.flaw is None else np.inf

    @property
    def is_rank1(self) -> bool:
        """Whether the closest person is the right one, regardless of quality."""
        return bool(self.ranking) and self.ranking[0].person == self.person

    @property
    def is_rank5(self) -> bool:
        """Whether the right person is among the closest five, regardless of quality."""
        return self.person in [row.person for row in self.ranking[:5]]

    def verdict(self, rules: Rules) -> Verdict:
        """Return the verdict of the serving pipeline."""
        return decide(self.ranking, rules, self.flaw, self.people)

    def match(self, rules: Rules) -> str | None:
        """Return the name of the matched person, or None."""
        return self.verdict(rules).person

    def as_impostor(self) -> RankedFace:
        """Return the face with its person left out of the gallery."""
        others = tuple(row for row in self.ranking if row.person != self.person)
        return replace(self, person=None, ranking=others, people=self.people - 1)


def rank_faces(faces: LabeledFaces, positions: Iterable[int], snapshot: Snapshot, card: ModelCard) -> list[RankedFace]:
    """Rank faces against the gallery, including those that the detector missed.

    Raises:
        TrainingError: A gallery person is not in the gallery.
    """
    members = set(snapshot.names)
    ranked = []
    for position in positions:
        person = str(faces.names[position]) if faces.splits[position] in GALLERY_SPLITS else None
        if person is not None and person not in members:
            raise TrainingError(f"{person} is not in the gallery. Evaluate a gallery that `ship` made of these faces.")
        found = faces.crops.found[position]
        ranking = tuple(rank(faces.embeddings[position], snapshot, card.rules.head)[:_RANKS]) if found else ()
        flaw = card.quality.flaw(faces.crops.qualities[position])
        identity = str(faces.identities[position])
        source = faces.sources.get(faces.crops.files[position], identity.split("/", maxsplit=1)[0])
        ranked.append(RankedFace(identity, person, source, ranking, len(snapshot), flaw))
    return ranked


def distances_and_hits(faces: Sequence[RankedFace]) -> tuple[DoubleArray, BoolArray]:
    """Return the class distances of the closest people, and whether they are the right ones: (faces,) each."""
    return np.array([face.distance for face in faces]), np.array([face.is_rank1 for face in faces], dtype=bool)


def share(faces: Sequence[RankedFace], condition: Callable[[RankedFace], bool]) -> float:
    """Return the share of faces that meet a condition."""
    return float(np.mean([condition(face) for face in faces]))


def tpir(known: AnyArray, is_correct: BoolArray, impostors: AnyArray, fpir: float) -> float:
    """Return the TPIR at the threshold that at most a share `fpir` of the impostors falls below.

    `known`, (faces,), and `impostors`, (impostors,), are distances to the closest person. `is_correct`, (faces,), says
    whether that is the right person.
    """
    threshold = np.sort(impostors)[int(len(impostors) * fpir)]
    return float((is_correct & (known < threshold)).mean())


def tpir_curve(known: AnyArray, is_correct: BoolArray, impostors: AnyArray, points: int = 60) -> list[list[float]]:
    """Return [FPIR, TPIR] points, evenly spaced in log FPIR from one impostor to all."""
    rates = np.geomspace(1 / len(impostors), 1 - 1 / len(impostors), points).tolist()
    return [[rate, tpir(known, is_correct, impostors, rate)] for rate in rates]


def known_face_rates(known: Sequence[RankedFace], impostors: Sequence[RankedFace], rules: Rules) -> Metrics:
    """Count rankings and verdicts of faces of gallery people, including missed ones.

    The rates of each FPIR are `tpir` with the threshold set on `impostors`, and with the card's thresholds the shares
    `matched` (right person), `misidentified` and `ambiguous`. `refused` faces have a low quality.
    """
    rates = []
    for fpir in FPIRS:
        matched, other, ambiguous = _verdict_shares(known, rules.with_fpir(fpir))
        at_fpir = tpir(*distances_and_hits(known), distances_and_hits(impostors)[0], fpir)
        shares = {"matched": matched, "misidentified": other, "ambiguous": ambiguous}
        rates.append({"fpir": fpir, "tpir": at_fpir, **shares})
    return {
        "faces": len(known),
        "people": len({face.person for face in known}),
        "missed": sum(not face.ranking for face in known),
        "refused": sum(bool(face.ranking) and face.flaw is not None for face in known),
        "impostors": len(impostors),
        "rank1": share(known, lambda face: face.is_rank1),
        "rank5": share(known, lambda face: face.is_rank5),
        "rates": rates,
    }


def impostor_rates(impostors: Sequence[RankedFace], rules: Rules) -> Metrics:
    """Count verdicts on impostors: with the card's thresholds the shares `matched` (the FPIR) and `ambiguous`."""
    rates = []
    for fpir in FPIRS:
        _, matched, ambiguous = _verdict_shares(impostors, rules.with_fpir(fpir))
        rates.append({"fpir": fpir, "matched": matched, "ambiguous": ambiguous})
    return {"faces": len(impostors), "people": len({face.identity for face in impostors}), "rates": rates}


def _verdict_shares(faces: Sequence[RankedFace], rules: Rules) -> tuple[float, float, float]:
    """Return the shares of faces that match the right person, match another one, and are ambiguous."""
    verdicts = [(face.person, face.verdict(rules)) for face in faces]
    matched = sum(verdict.person is not None for _, verdict in verdicts) / len(faces)
    right = sum(verdict.person == person for person, verdict in verdicts if verdict.person) / len(faces)
    return right, matched - right, sum(bool(verdict.candidates) for _, verdict in verdicts) / len(faces)


def reliability_bins(
    distances: DoubleArray, is_correct: BoolArray, width: float = 0.02, min_faces: int = 60
) -> list[Metrics]:
    """Count faces and correct rank-1 people by class distance.

    Bins of a `width` are merged until they have `min_faces`. The arrays are those of `distances_and_hits`.

    Returns:
        Rows of `from`, `to` (exclusive), `faces` and `correct` (a number of faces), rising from 0 to 1.
    """
    rows: list[Metrics] = []
    start = 0.0
    for end in np.linspace(0, 1, round(1 / width) + 1)[1:].round(6).tolist():
        is_last = end == 1.0
        inside = (distances >= start) & ((distances < end) | is_last)
        if is_last or (inside.sum() >= min_faces and (distances >= end).sum() >= min_faces):
            correct = int(is_correct[inside].sum())
            rows.append({"from": start, "to": end, "faces": int(inside.sum()), "correct": correct})
            start = end
    return rows
