"""Self-check of an enrolled person: how many of their photos would be named if they were new (leave-one-out)."""

from __future__ import annotations

from dataclasses import dataclass

from app.enrollment.look_alikes import class_distances
from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules, find_matches
from app.recognition.recognizer import Recognizer

GOOD = 0.8
"""Share of the photos from which on a person counts as recognized reliably."""


@dataclass(frozen=True)
class SelfCheck:
    """What a person's own photos promise: `named` of `photos` would be named, each compared with the others."""

    named: int
    photos: int

    @property
    def good(self) -> bool:
        """Whether new photos of the person will probably be named."""
        return self.photos > 1 and self.named >= GOOD * self.photos

    def __str__(self) -> str:
        """Return the result and the advice as sentences for a person."""
        if self.photos < 2:
            return (
                "With a single photo, recognition cannot be checked. Add at least two more: sharp, frontal and from "
                "other days."
            )
        found = f"{self.named} of {self.photos} photos would be recognized if they were new."
        if self.good:
            return found
        return f"{found} Add more photos: sharp, frontal and from other days."


def check_person(recognizer: Recognizer, person_id: int) -> SelfCheck | None:
    """Run the self-check on the current gallery; None for a person without anchors."""
    snapshot = recognizer.gallery.snapshot()
    return self_check(person_id, snapshot, recognizer.rules(snapshot)) if person_id in snapshot.ids else None


def self_check(person_id: int, snapshot: Snapshot, rules: Rules) -> SelfCheck:
    """Check a person by leave-one-out: each anchor is a probe against the template of the others.

    Args:
        person_id: somebody with anchors in the snapshot.
        snapshot: the gallery.
        rules: those in use.

    Raises:
        ValueError: nobody with this number is in the snapshot.
    """
    position = snapshot.ids.index(person_id) if person_id in snapshot.ids else None
    if position is None:
        raise ValueError(f"No person with the number {person_id} has anchors.")
    count = int(snapshot.counts[position])
    if count < 2:
        return SelfCheck(0, count)
    anchors = snapshot.counts.copy()
    anchors[position] -= 1
    names = find_matches(class_distances(position, snapshot, rules.head), anchors, rules)
    return SelfCheck(int((names == position).sum()), count)
