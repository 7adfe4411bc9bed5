"""Evaluation faces ranked against the gallery: identification, fairness and reliability are counted from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.arrays import BoolArray, DoubleArray
from app.errors import TrainingError
from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules, Verdict, decide
from app.recognition.model_card import ModelCard
from app.recognition.scoring import PersonDistance, rank
from app.training.data.labeled_faces import GALLERY_SPLITS, LabeledFaces

_RANKS = 6
"""Rows kept of a ranking: rank 1 to 5 also if the face's own person is left out."""


@dataclass(frozen=True)
class RankedFace:
    """A face of the evaluation with its ranking.

    `identity` is its folder, `person` its name in the gallery (None for an impostor), `source` its collection.
    `ranking` has the closest people, smallest distance first, and is empty if the detector missed the face. `people` is
    the size of the gallery. `flaw` says why the quality is too low, or is None.
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
        """Whether the closest person is the right one, whatever the quality."""
        return bool(self.ranking) and self.ranking[0].person == self.person

    @property
    def is_rank5(self) -> bool:
        """Whether the right person is among the closest five, whatever the quality."""
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


def distances(faces: Sequence[RankedFace]) -> DoubleArray:
    """Return the class distances of the closest people, float64 (faces,)."""
    return np.array([face.distance for face in faces])


def rank1_hits(faces: Sequence[RankedFace]) -> BoolArray:
    """Return whether the closest person is the right one, bool (faces,)."""
    return np.array([face.is_rank1 for face in faces], dtype=bool)


def share(faces: Sequence[RankedFace], condition: Callable[[RankedFace], bool]) -> float:
    """Return the share of faces that meet a condition."""
    return float(np.mean([condition(face) for face in faces]))
