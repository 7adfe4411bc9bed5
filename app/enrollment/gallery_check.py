"""Gallery check: bad or duplicate anchors, easily confused people, and names that impostors would get."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.arrays import FloatArray
from app.enrollment.look_alikes import class_distances, leave_one_out
from app.enrollment.photo_comparison import DUPLICATE_COSINE
from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules, decide
from app.recognition.scoring import SAME_PICTURE, rank
from app.text import count as counted

Kind = Literal["outlier", "duplicate", "confused", "few", "wide", "impostor"]

MIN_ANCHORS = 3  # people with fewer anchors match very similar faces only
_CONFUSED_SHARE = 0.05
_IMPOSTOR_SHARE = 0.002

ADVICE: dict[Kind, str] = {  # the worst kind first
    "outlier": "Check the photo. Remove the anchor if it shows another person.",
    "duplicate": "Remove copies of a picture, which would count twice.",
    "confused": "Add sharp, varied photos of both people. Merge them if they are one person.",
    "few": "Add photos from other days.",
    "wide": "Check whether the photos show one person. Remove photos of other people.",
    "impostor": "Reject such faces for the person, or remove blurred and untypical anchors.",
}


@dataclass(frozen=True)
class Finding:
    """A cause of wrong identifications."""

    kind: Kind
    person: str
    detail: str  # a sentence for the user. It omits its subject if `rows` are given: the anchors
    value: float  # the number in the sentence; larger is worse
    rows: tuple[int, ...] = ()  # indices of the anchors concerned, among the person's
    other: str | None = None  # the second person of a pair

    @property
    def advice(self) -> str:
        """What to do about the finding."""
        return ADVICE[self.kind]

    def concerns(self, names: Collection[str]) -> bool:
        """Return whether the finding is about a person with one of these names, alone or in a pair."""
        return self.person in names or self.other in names


@dataclass(frozen=True)
class GalleryCheck:
    """Findings by kind, the worst of each kind first, and the numbers of people, anchors and impostors checked."""

    findings: tuple[Finding, ...]
    people: int
    anchors: int
    impostors: int
    measured_fpir: float  # share of the impostors that got a name


def check_gallery(
    snapshot: Snapshot, rules: Rules, impostors: FloatArray, tick: Callable[[], object] = lambda: None
) -> GalleryCheck:
    """Check a whole gallery with its rules and faces of unknown people, float32 (faces, dims).

    `tick` is called once per person.
    """
    findings: list[Finding] = []
    pairs: Counter[tuple[int, int]] = Counter()
    nearest_anchor = np.full(len(impostors), -1, np.float32)
    for position in range(len(snapshot)):
        findings += check_anchors(snapshot.names[position], snapshot.person(position), rules)
        for other, count in _count_closer(position, snapshot, rules).items():
            pairs[min(position, other), max(position, other)] += count
        nearest_anchor = np.maximum(nearest_anchor, (snapshot.person(position) @ impostors.T).max(axis=0))
        tick()
    findings += _find_confused(pairs, snapshot)
    named = _name_impostors(impostors, nearest_anchor, snapshot, rules)
    findings += _find_impostor_names(named, len(impostors))
    findings.sort(key=lambda finding: (list(ADVICE).index(finding.kind), -finding.value))
    fpir = sum(named.values()) / max(1, len(impostors))
    return GalleryCheck(tuple(findings), len(snapshot), int(snapshot.offsets[-1]), len(impostors), fpir)


def check_anchors(name: str, anchors: FloatArray, rules: Rules) -> Iterator[Finding]:
    """Check one person's anchors, float32 (anchors, dims), against each other."""
    count = len(anchors)
    if count < MIN_ANCHORS:
        detail = f"{counted(count, 'anchor')}. The recommended minimum is {MIN_ANCHORS}."
        yield Finding("few", name, detail, MIN_ANCHORS - count)
    if count < 2:
        return
    distances = leave_one_out(anchors, rules.head)
    threshold, median = rules.threshold(count - 1, 1), float(np.median(distances))
    if median > threshold:
        detail = f"The anchors have a median distance of {median:.2f} to each other. The threshold is {threshold:.2f}."
        yield Finding("wide", name, detail, median)
    elif count >= MIN_ANCHORS:
        for row in np.flatnonzero(distances > threshold).tolist():
            distance = float(distances[row])
            detail = f"has a distance of {distance:.2f} to the others. The threshold is {threshold:.2f}."
            yield Finding("outlier", name, detail, distance, (row,))
    copies = np.flatnonzero((np.tril(anchors @ anchors.T, -1) > DUPLICATE_COSINE).any(axis=1)).tolist()
    if copies:
        detail = "is a copy of another anchor." if len(copies) == 1 else "are copies of other anchors."
        yield Finding("duplicate", name, detail, len(copies) / count, tuple(copies))


def _count_closer(position: int, snapshot: Snapshot, rules: Rules) -> Counter[int]:
    """Count a person's anchors that are closest to another person, by that person's position."""
    distances = class_distances(position, snapshot, rules.head)
    if len(distances) < 2:
        return Counter()
    closest = distances.argmin(axis=1)
    return Counter(closest[closest != position].tolist())


def _name_impostors(
    impostors: FloatArray, nearest_anchor: FloatArray, snapshot: Snapshot, rules: Rules
) -> Counter[str]:
    """Count the names that impostors get. `nearest_anchor` has each impostor's largest cosine to any anchor."""
    if not len(snapshot) or not len(impostors):
        return Counter()
    # Most impostors are too far from everyone, which two matrix products show. Only the others are ranked.
    threshold = max(rules.threshold(int(count), len(snapshot)) for count in np.unique(snapshot.counts))
    distances = rules.head.score_cosines((impostors @ snapshot.templates.T).max(axis=1))
    close = (distances <= threshold) | (nearest_anchor >= SAME_PICTURE)
    people = (decide(rank(face, snapshot, rules.head), rules).person for face in impostors[close])
    return Counter(person for person in people if person)


def _find_confused(pairs: Counter[tuple[int, int]], snapshot: Snapshot) -> Iterator[Finding]:
    for (first, second), count in pairs.items():
        total = int(snapshot.counts[first] + snapshot.counts[second])
        share = count / total
        if count >= 2 and share >= _CONFUSED_SHARE:
            other = snapshot.names[second]
            detail = f"{count} of their {total} anchors are closest to the other person ({share:.0%})."
            yield Finding("confused", snapshot.names[first], detail, share, other=other)


def _find_impostor_names(named: Counter[str], impostors: int) -> Iterator[Finding]:
    for person, count in named.items():
        share = count / impostors
        if share >= _IMPOSTOR_SHARE or count >= 2:
            detail = f"{count} of {impostors} faces of unknown people would get this name ({share:.2%})."
            yield Finding("impostor", person, detail, share)
