"""How good a gallery is at telling its people apart, and what to do where it is not.

Each person is looked at by their anchors alone: those far from the rest, those that repeat another, those nearer to
somebody else, too few of them, too wide a spread. Strangers tell how often somebody unknown would get the name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.enrollment.enroll import DUPLICATE
from app.enrollment.look_alikes import class_distances, leave_one_out
from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules, decide
from app.recognition.scoring import rank

Kind = Literal["outlier", "duplicate", "confused", "few", "wide", "stranger"]

FEW = 3
"""With fewer anchors a person is named by very close faces only."""

CONFUSED = 0.05
"""Share of two people's anchors nearer to the other person, from which the pair is told of."""

IMPOSTORS = 0.002
"""Share of strangers who would get one and the same name, from which it is told of."""

ADVICE: dict[Kind, str] = {
    "outlier": "Look at the photo; remove the anchor if it shows somebody else.",
    "duplicate": "Remove these if they repeat a picture, which else weighs double.",
    "confused": "Add sharp, varied photos of both; merge them if they are one person.",
    "few": "Add photos of different days.",
    "wide": "Look whether these are photos of one person; rename or remove what does not belong.",
    "stranger": "Mark such faces as not this person, or remove blurred and untypical anchors.",
}
"""What to do about each kind of finding."""


@dataclass(frozen=True)
class Finding:
    """Something about a person that may make names wrong.

    `value` is the number behind it, in the sentence `detail` too; `rows` are the places of the anchors meant, among
    the person's; `other` is the second person of a pair.
    """

    kind: Kind
    person: str
    detail: str
    value: float
    rows: tuple[int, ...] = ()
    other: str | None = None

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ADVICE[self.kind]

    def concerns(self, names: Collection[str]) -> bool:
        """Return whether the finding is about a person with one of these names, alone or in a pair."""
        return self.person in names or self.other in names


@dataclass(frozen=True)
class Health:
    """What was found, the gravest of each kind first; `strangers_named` is the share of strangers with a name."""

    findings: tuple[Finding, ...]
    people: int
    anchors: int
    impostors: int
    strangers_named: float


def check(snapshot: Snapshot, rules: Rules, impostors: np.ndarray, tick: Callable[[], object] = lambda: None) -> Health:
    """Look at a whole gallery.

    Costs one product of the matrix of all anchors with itself.

    Args:
        snapshot: the gallery.
        rules: of the card.
        impostors: float32 (faces, dims), of people in no gallery.
        tick: called once a person and once a stranger.
    """
    findings: list[Finding] = []
    nearer: Counter[tuple[int, int]] = Counter()
    for place in range(len(snapshot)):
        findings += of_person(snapshot.names[place], snapshot.person(place), rules)
        for other, count in _taken_for(place, snapshot, rules).items():
            nearer[min(place, other), max(place, other)] += count
        tick()
    findings += _confused(nearer, snapshot)
    named = _named(impostors, snapshot, rules, tick)
    findings += _risky(named, len(impostors), snapshot)
    findings.sort(key=lambda one: (list(ADVICE).index(one.kind), -one.value))
    share = sum(named.values()) / max(1, len(impostors))
    return Health(tuple(findings), len(snapshot), int(snapshot.offsets[-1]), len(impostors), share)


def of_person(name: str, anchors: np.ndarray, rules: Rules) -> Iterator[Finding]:
    """What one person's anchors tell by themselves.

    Args:
        name: the person's.
        anchors: float32 (anchors, dims).
        rules: of the card.
    """
    count = len(anchors)
    if count < FEW:
        yield Finding("few", name, f"{count} anchor{'s' if count > 1 else ''}, {FEW} at least are wanted.", FEW - count)
    if count < 2:
        return
    cosines = anchors @ anchors.T
    distances = leave_one_out(anchors, rules.head)
    limit = rules.threshold(count - 1, 1)
    if np.median(distances) > limit:
        detail = f"anchors are {np.median(distances):.2f} from each other; up to {limit:.2f} counts as one person."
        yield Finding("wide", name, detail, float(np.median(distances)))
    elif count >= FEW:
        for row in np.flatnonzero(distances > limit):
            detail = f"is {distances[row]:.2f} from the others; up to {limit:.2f} counts as one person."
            yield Finding("outlier", name, detail, float(distances[row]), (int(row),))
    repeats = np.flatnonzero((np.tril(cosines, -1) > DUPLICATE).any(axis=1))
    if len(repeats):
        verb = "is nearly the same picture as another." if len(repeats) == 1 else "are nearly the same as others."
        yield Finding("duplicate", name, verb, len(repeats) / count, tuple(repeats.tolist()))


def _taken_for(place: int, snapshot: Snapshot, rules: Rules) -> Counter[int]:
    """How many of a person's anchors are nearest to somebody else, if each is taken for a new photo."""
    distances = class_distances(place, snapshot, rules.head)
    if len(distances) < 2:
        return Counter()
    closest = distances.argmin(axis=1)
    return Counter(closest[closest != place].tolist())


def _confused(nearer: Counter[tuple[int, int]], snapshot: Snapshot) -> Iterator[Finding]:
    for (one, other), count in nearer.items():
        total = int(snapshot.counts[one] + snapshot.counts[other])
        if count >= 2 and count / total >= CONFUSED:
            names = snapshot.names[one], snapshot.names[other]
            detail = f"and {names[1]}: {count} of their {total} anchors are nearest to the other ({count / total:.0%})."
            yield Finding("confused", names[0], detail, count / total, other=names[1])


def _named(impostors: np.ndarray, snapshot: Snapshot, rules: Rules, tick: Callable[[], object]) -> Counter[str]:
    named: Counter[str] = Counter()
    for face in impostors:
        person = decide(rank(face, snapshot, rules.head), rules).person
        named.update([] if person is None else [person])
        tick()
    return named


def _risky(named: Counter[str], impostors: int, snapshot: Snapshot) -> Iterator[Finding]:
    for person, count in named.items():
        if count / impostors >= IMPOSTORS or count >= 2:
            detail = f"{count} of {impostors} faces of unknown people would get this name ({count / impostors:.2%})."
            yield Finding("stranger", person, detail, count / impostors)
