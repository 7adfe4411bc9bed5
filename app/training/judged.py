"""Faces with the answer they got: what every figure of the evaluation is counted from."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.gallery.snapshot import Snapshot
from app.training.shipping import Faces, person_of
from app.verdict import Head, PersonDistance, Rules, judge, rank

_KEPT = 6
"""Rows of a ranking that are kept: the best five, and one more for where the face's own person is left out."""


@dataclass(frozen=True)
class Judged:
    """One face of an evaluation.

    `identity` is the folder it lies in, `person` the gallery's name of who it is, None for a stranger; `source` the
    collection it comes from. `ranking` has the closest people, smallest first, and is empty where the detector missed;
    `people` is how many the gallery has.
    """

    identity: str
    person: str | None
    source: str
    ranking: tuple[PersonDistance, ...]
    people: int

    @property
    def distance(self) -> float:
        """Class distance of the closest person; infinite where the detector missed."""
        return self.ranking[0].class_distance if self.ranking else np.inf

    @property
    def right(self) -> bool:
        """Whether the closest person is the true one."""
        return bool(self.ranking) and self.ranking[0].person == self.person

    def named(self, rules: Rules) -> str | None:
        """The name that the verdict gives, or None."""
        return judge(self.ranking, rules, people=self.people).person

    def left_out(self) -> Judged:
        """The same face as a stranger: its person taken out of the gallery."""
        others = tuple(row for row in self.ranking if row.person != self.person)
        return replace(self, person=None, ranking=others, people=self.people - 1)


def judged(faces: Faces, positions: Iterable[int], spelling: dict[str, str], snapshot: Snapshot, head: Head):
    """Rank faces against the gallery.

    Arguments:
        faces: as `shipping.gather` gives them.
        positions: which of them.
        spelling: names by folder name.
        snapshot: the gallery.
        head: of the card.

    Returns:
        list of `Judged`; people of the gallery have their name, others None.
    """
    sources, known = sources_of(faces.root), set(snapshot.names)
    result = []
    for place in positions:
        ranking = rank(faces.embeddings[place], snapshot, head)[:_KEPT] if faces.crops.found[place] else ()
        identity, file = str(faces.identities[place]), faces.crops.files[place]
        name = person_of(identity, spelling)
        stranger = faces.splits[place].endswith("stranger") or name not in known
        source = sources.get(file, file.split("/")[0])
        result.append(Judged(identity, None if stranger else name, source, ranking, len(snapshot)))
    return result


def sources_of(root: Path) -> dict[str, str]:
    """The collection that each file comes from, where the folder's index.csv says so (column `source`)."""
    path = root / "index.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        return {row["file"]: row["source"] for row in csv.DictReader(stream) if row.get("source")}


def arrays(faces: Sequence[Judged]) -> tuple[np.ndarray, np.ndarray]:
    """(float (faces,) distances of the closest person, bool (faces,) whether it is the true one)."""
    return np.array([face.distance for face in faces]), np.array([face.right for face in faces], dtype=bool)
