"""LabeledFaces of an evaluation with their rankings: every identification rate is counted from them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.errors import TrainingError
from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules, Verdict, decide
from app.recognition.model_card import ModelCard
from app.recognition.scoring import PersonDistance, rank
from app.training.data.labeled_faces import LabeledFaces, person_name

_KEPT = 6
"""Rows of a ranking that are kept: five, and one more for where the face's own person is left out."""

_MEMBERS = ("train", "calibration", "test", "test-unseen")
"""Splits of faces whose people are in the gallery."""


@dataclass(frozen=True)
class Judged:
    """One face of an evaluation.

    `identity` is its folder, `person` its name in the gallery, None for an impostor; `source` the collection it comes
    from. `ranking` has the closest people, smallest distance first, and is empty where the detector missed the face.
    `people` is how many the gallery has. `flaw` says why the face is of too low quality to judge, or is None.
    """

    identity: str
    person: str | None
    source: str
    ranking: tuple[PersonDistance, ...]
    people: int
    flaw: str | None = None

    @property
    def distance(self) -> float:
        """Class distance of the closest person; infinite where the detector missed or the quality gate refused."""
        return self.ranking[0].class_distance if self.ranking and self.flaw is None else np.inf

    @property
    def right(self) -> bool:
        """Whether the closest person is the true one, whatever the quality."""
        return bool(self.ranking) and self.ranking[0].person == self.person

    def verdict(self, rules: Rules) -> Verdict:
        """Return the verdict that serving gives."""
        return decide(self.ranking, rules, self.flaw, self.people)

    def named(self, rules: Rules) -> str | None:
        """Return the name that the verdict gives, or None."""
        return self.verdict(rules).person

    def left_out(self) -> Judged:
        """Return the same face as an impostor: its person taken out of the gallery."""
        others = tuple(row for row in self.ranking if row.person != self.person)
        return replace(self, person=None, ranking=others, people=self.people - 1)


def judged(
    faces: LabeledFaces, positions: Iterable[int], spellings: dict[str, str], snapshot: Snapshot, card: ModelCard
) -> list[Judged]:
    """Rank faces against the gallery.

    Args:
        faces: as `shipping.gather` returns them.
        positions: which of them, including those that the detector missed.
        spellings: names by folder name.
        snapshot: the gallery.
        card: of the network.

    Raises:
        TrainingError: the gallery lacks somebody it was to be made of.
    """
    sources, members = sources_of(faces.root), set(snapshot.names)
    result = []
    for place in positions:
        identity, file = str(faces.identities[place]), faces.crops.files[place]
        name = person_name(identity, spellings)
        person = name if faces.splits[place] in _MEMBERS else None
        if person is not None and person not in members:
            raise TrainingError(f"{person} is not in the gallery. Evaluate a gallery that `ship` made of these faces.")
        source, found = sources.get(file, file.split("/")[0]), faces.crops.found[place]
        ranking = tuple(rank(faces.embeddings[place], snapshot, card.rules.head)[:_KEPT]) if found else ()
        flaw = card.quality.flaw(faces.crops.qualities[place])
        result.append(Judged(identity, person, source, ranking, len(snapshot), flaw))
    return result


def sources_of(root: Path) -> dict[str, str]:
    """Return the collection that each file comes from, by the column `source` of the folder's index.csv."""
    path = root / "index.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        return {row["file"]: row["source"] for row in csv.DictReader(stream) if row.get("source")}


def arrays(faces: Sequence[Judged]) -> tuple[np.ndarray, np.ndarray]:
    """Return distances of the closest person, float (faces,), and whether it is the true one, bool (faces,)."""
    return np.array([face.distance for face in faces]), np.array([face.right for face in faces], dtype=bool)
