"""Self-check of an enrolled person: how many of their photos would be recognized if they were new (leave-one-out)."""

from dataclasses import dataclass

from app.enrollment.look_alikes import class_distances
from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules, find_matches
from app.recognition.recognizer import Recognizer


@dataclass(frozen=True)
class SelfCheck:
    """Result of a self-check: the person's number of photos, and how many of them match by the others."""

    identified: int
    photos: int

    @property
    def good(self) -> bool:
        """Whether new photos of the person will probably be recognized."""
        return self.photos > 1 and self.identified >= 0.8 * self.photos

    def __str__(self) -> str:
        """Return result and advice as sentences."""
        advice = "sharp, front-on and from other days."
        if self.photos < 2:
            return f"Recognition cannot be checked with a single photo. Add at least two more: {advice}"
        result = f"{self.identified} of {self.photos} photos would be recognized if they were new."
        return result if self.good else f"{result} Add more photos: {advice}"


def check_person(recognizer: Recognizer, person_id: int) -> SelfCheck | None:
    """Check a person of the current gallery, None for a person without anchors."""
    snapshot = recognizer.gallery.snapshot()
    if person_id not in snapshot.ids:
        return None
    return check_position(snapshot.ids.index(person_id), snapshot, recognizer.rules(snapshot))


def check_position(position: int, snapshot: Snapshot, rules: Rules) -> SelfCheck:
    """Check the person at a position of a snapshot: each anchor is a probe against the template of the others."""
    count = int(snapshot.counts[position])
    if count < 2:
        return SelfCheck(0, count)
    anchors = snapshot.counts.copy()
    anchors[position] -= 1
    matches = find_matches(class_distances(position, snapshot, rules.head), anchors, rules)
    return SelfCheck(int((matches == position).sum()), count)
