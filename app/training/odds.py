"""What a class distance is worth in one's own gallery: how likely the closest person is the right one.

Known people's faces are their anchors, each ranked without itself; the strangers are those that ship with the network,
and every anchor once more, in the gallery without its person. Anchors are typical pictures, so new photos of the same
people lie further apart: the share of known faces named is an upper bound, those of strangers are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app import likeness
from app.gallery.snapshot import Snapshot
from app.training import calibration
from app.training.errors import TrainingError
from app.training.reliability import class_distances
from app.verdict import Head, Rules

RATES = (0.01, 0.001)
"""Shares of strangers named, for which the class distance is told."""


@dataclass(frozen=True)
class Odds:
    """How one's own gallery does with the card's rules.

    `wrong` turns a class distance into the probability that the closest person is not the right one, strangers and
    known faces being equally common. `named` and `misnamed` are shares of the anchors; `strangers_named` and
    `left_out_named` of the two kinds of strangers. `limits` holds (share, class distance): under it so many of the
    strangers, both kinds weighing the same, have somebody of this gallery; the margin is not counted.
    """

    people: int
    anchors: int
    strangers: int
    wrong: Head
    named: float
    misnamed: float
    strangers_named: float
    left_out_named: float
    limits: tuple[tuple[float, float], ...]

    def right(self, distance: float) -> float:
        """The probability that the closest person is the right one: 0 ... 1."""
        return float(1 - self.wrong.score(np.float64(distance)))


def measure(snapshot: Snapshot, rules: Rules, strangers: np.ndarray, tick: Callable[[], object] = lambda: None) -> Odds:
    """Measure a gallery.

    Arguments:
        snapshot: the gallery.
        rules: of the card.
        strangers: float32 (faces, dims), of people in no gallery.
        tick: called once a person.

    Raises:
        TrainingError: fewer than two people have two anchors.
    """
    several = [place for place in range(len(snapshot)) if snapshot.counts[place] > 1]
    if len(several) < 2:
        raise TrainingError("At least two people with two anchors are needed to calibrate a gallery. Add some photos.")
    parts = []
    for place in several:
        parts.append(likeness.class_distances(place, snapshot, rules.head))
        tick()
    own = np.repeat(several, [len(part) for part in parts])
    known, faces = np.concatenate(parts), np.arange(len(own))
    left_out = known.copy()
    left_out[faces, own] = np.inf
    others = class_distances(strangers, snapshot, rules.head)
    right, named = known.argmin(axis=1) == own, _named(known, snapshot, rules)
    everybody = np.concatenate([others, left_out])
    weights = np.concatenate([np.full(len(part), 0.5 / len(part)) for part in (others, left_out)])
    wrong = np.concatenate([~right, np.ones(len(others), dtype=bool)])
    return Odds(
        len(snapshot),
        int(snapshot.counts.sum()),
        len(strangers),
        calibration.fit_head(np.concatenate([known.min(axis=1), others.min(axis=1)]), wrong),
        float((named & right).mean()),
        float((named & ~right).mean()),
        float(_named(others, snapshot, rules).mean()),
        float(_named(left_out, snapshot, rules).mean()),
        tuple((rate, calibration.class_threshold(everybody, weights, len(snapshot), rate)) for rate in RATES),
    )


def _named(distances: np.ndarray, snapshot: Snapshot, rules: Rules) -> np.ndarray:
    """Which faces get a name, as `verdict.judge` decides: float (faces, people) -> bool (faces,)."""
    limits = np.array([rules.threshold(int(count), len(snapshot)) for count in snapshot.counts])
    near = distances.min(axis=1) <= limits[distances.argmin(axis=1)]
    return near & (calibration.leads(distances) >= rules.margin)
