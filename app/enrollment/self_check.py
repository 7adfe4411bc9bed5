"""Self-check of an enrolled person: how many of their photos would be recognized if they were new (leave-one-out)."""

from dataclasses import dataclass

from app.enrollment.look_alikes import leave_one_out
from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules
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

    @property
    def result(self) -> str:
        """The result as a sentence."""
        if self.photos < 2:
            return "Recognition cannot be checked with a single photo."
        return f"{self.identified} of {self.photos} photos would be recognized if they were new."

    @property
    def advice(self) -> str:
        """What to do about a poor result, otherwise empty."""
        more = "Add at least two more" if self.photos < 2 else "Add more photos"
        return "" if self.good else f"{more}: sharp, front-on and from other days."

    def __str__(self) -> str:
        """Return result and advice as sentences."""
        return f"{self.result} {self.advice}".rstrip()


def check_person(recognizer: Recognizer, person_id: int) -> SelfCheck | None:
    """Check a person of the current gallery, None for a person without anchors."""
    snapshot = recognizer.gallery.snapshot()
    if person_id not in snapshot.ids:
        return None
    return check_position(snapshot.ids.index(person_id), snapshot, recognizer.rules(snapshot))


def check_position(position: int, snapshot: Snapshot, rules: Rules) -> SelfCheck:
    """Check the person at a position of a snapshot: each anchor is a probe against the template of the others."""
    anchors = snapshot.person(position)
    count = len(anchors)
    if count < 2:
        return SelfCheck(0, count)
    own = leave_one_out(anchors, rules.head)
    cosines = anchors @ snapshot.templates.T
    cosines[:, position] = -1
    # Only the closest other person is scored, since scoring everyone would take a second in a large gallery.
    margins = rules.head.score_cosines(cosines.max(axis=1)) - own
    identified = own <= rules.threshold(count - 1, len(snapshot))
    if len(snapshot) > 1:
        identified &= margins >= rules.margin
    return SelfCheck(int(identified.sum()), count)
