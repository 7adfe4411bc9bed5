"""Preview of a merge: how alike the photos of two people are, and what the merged person will be."""

from dataclasses import dataclass

import numpy as np

from app import text
from app.arrays import FloatArray
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery, Person, PersonRef
from app.recognition.decision import PairKind, Rules
from app.recognition.scoring import Head


@dataclass(frozen=True)
class MergePreview:
    """What merging `source` into `target` does.

    `distance` is the mean class distance between their photos, and None if one of them has no photo. `threshold` is
    the largest distance of a match, now for the person with more photos and `merged_threshold` for the merged one.
    """

    source: Person
    target: Person
    distance: float | None
    threshold: float
    merged_threshold: float
    kind: PairKind | None

    @property
    def anchors(self) -> int:
        """The merged person's number of anchors."""
        return self.source.anchors + self.target.anchors

    @property
    def similarity(self) -> str:
        """How alike the two people are, in a sentence."""
        if self.distance is None:
            missing = self.target if self.source.anchors else self.source
            return f"They cannot be compared: {missing.name} has no reference photo."
        answers: dict[PairKind | None, str] = {
            "same": "They look like the same person",
            "uncertain": "They could be one person or two. Compare their photos first",
            "different": "They look like two different people",
        }
        return (
            f"{answers[self.kind]}. The distance between their photos is {self.distance:.3f}. A match needs "
            f"{self.threshold:.3f} or less."
        )

    @property
    def result(self) -> str:
        """What the merge will do, in sentences."""
        photos = text.count(self.anchors, "reference photo")
        aliases = f"{', '.join(self.source.names)} {'become aliases' if self.source.aliases else 'becomes an alias'}"
        return (
            f"{self.target.name} keeps their name and has {photos}. A match then needs a distance of "
            f"{self.merged_threshold:.3f} or less. {aliases}. You can undo the merge."
        )


def preview_merge(
    gallery: Gallery, snapshot: Snapshot, rules: Rules, person: PersonRef, into: PersonRef
) -> MergePreview:
    """Compare two people, and return what merging the first into the second does. Nothing changes.

    The distance is that of the photos of the person with fewer of them to the template of the other. It is the same
    in both directions. Up to the threshold of a match it says that they are the same person, above
    `PairRules.different_threshold` that they are different people.
    """
    source, target = gallery.find_pair(person, into)
    first, second = (_anchors(snapshot, found.id) for found in (source, target))
    people = len(snapshot)
    threshold = rules.threshold(max(len(first), len(second)), people)
    distance = _distance(first, second, rules.head) if len(first) and len(second) else None
    kind: PairKind | None = None
    if distance is not None:
        different = max(threshold, rules.pairs.different_threshold())
        kind = "same" if distance <= threshold else "different" if distance > different else "uncertain"
    merged_threshold = rules.threshold(len(first) + len(second), max(1, people - 1))
    return MergePreview(source, target, distance, threshold, merged_threshold, kind)


def _anchors(snapshot: Snapshot, person_id: int) -> FloatArray:
    """Return a person's anchors: float32 (anchors, dims)."""
    return snapshot.person(snapshot.ids.index(person_id)) if person_id in snapshot.ids else snapshot.anchors[:0]


def _distance(first: FloatArray, second: FloatArray, head: Head) -> float:
    """Return the mean class distance of the fewer anchors to the template of the others."""
    fewer, more = sorted((first, second), key=len)
    template = more.mean(axis=0)
    return float(head.score_cosines(fewer @ template / max(float(np.linalg.norm(template)), 1e-6)).mean())
