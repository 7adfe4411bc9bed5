"""Distances -> scores -> ranking -> verdict. The only place that decides who a face is.

A probe's score against an anchor is sigmoid(scale * (Euclidean distance - shift)): 0 same, 1 different.
A person's class distance is the mean of the scores of all their anchors; the smallest wins.
Every number that decides comes from the model card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.gallery.snapshot import Snapshot

Kind = Literal["match", "unclear", "unknown", "poor"]


@dataclass(frozen=True)
class Head:
    """The network's last step, from distance to score."""

    scale: float
    shift: float

    def score(self, distance: np.ndarray) -> np.ndarray:
        """sigmoid(scale * (distance - shift)), elementwise: 0 same ... 1 different."""
        return 1.0 / (1.0 + np.exp(-self.scale * (distance - self.shift)))


@dataclass(frozen=True)
class Rules:
    """What the card says about verdicts.

    `thresholds` holds (anchors, class distance) in rising number of anchors: the largest class
    distance that still names a person with that many. `margin` is the least lead over the
    runner-up. `pair_threshold` is the score under which two single faces are the same person.
    """

    head: Head
    thresholds: tuple[tuple[int, float], ...]
    margin: float
    pair_threshold: float

    def threshold(self, anchors: int) -> float:
        """The class threshold for a person with so many anchors, interpolated over their logarithm."""
        counts, values = zip(*self.thresholds, strict=True)
        return float(np.interp(np.log(max(1, anchors)), np.log(counts), values))


@dataclass(frozen=True)
class PersonDistance:
    """One person's row of a ranking: mean, minimum and standard deviation of the scores of their anchors."""

    person: str
    class_distance: float
    min: float
    std: float
    anchors: int


@dataclass(frozen=True)
class Verdict:
    """Who a face is.

    `kind` is match, unclear (two people too close to tell apart), unknown, or poor (the face is too small,
    too blurred or without eyes). `person` is set for a match only. `class_distance` and `threshold` are those
    of the closest person, None where nothing could be compared. `ranking` is everyone, smallest first.
    `reason` is a sentence for a person.
    """

    kind: Kind
    person: str | None
    class_distance: float | None
    threshold: float | None
    ranking: tuple[PersonDistance, ...]
    reason: str


def pair_score(first: np.ndarray, second: np.ndarray, head: Head) -> float:
    """Score of two faces: two float32 (dims,) of length 1 -> 0 same ... 1 different."""
    return float(head.score(np.linalg.norm(np.asarray(first, np.float64) - second)))


def rank(embedding: np.ndarray, snapshot: Snapshot, head: Head) -> tuple[PersonDistance, ...]:
    """Everyone in the gallery, the smallest class distance first.

    Arguments:
        embedding: float32 (dims,) of length 1, the probe.
        snapshot: the gallery.
        head: from distance to score.
    """
    if not len(snapshot):
        return ()
    starts, counts = snapshot.offsets[:-1], snapshot.counts
    # For unit vectors |p - a|^2 = 2 - 2 p.a, so one matrix product gives every distance.
    scores = head.score(np.sqrt(np.maximum(0.0, 2.0 - 2.0 * (snapshot.anchors @ embedding)).astype(np.float64)))
    means = np.add.reduceat(scores, starts) / counts
    minima = np.minimum.reduceat(scores, starts)
    deviations = np.sqrt(np.add.reduceat((scores - np.repeat(means, counts)) ** 2, starts) / counts)
    return tuple(
        PersonDistance(snapshot.names[i], float(means[i]), float(minima[i]), float(deviations[i]), int(counts[i]))
        for i in np.argsort(means, kind="stable")
    )


def judge(ranking: Sequence[PersonDistance], rules: Rules, flaw: str | None = None) -> Verdict:
    """Name the face, or say why not.

    Arguments:
        ranking: as `rank` gives it; empty if the face has no embedding or the gallery nobody.
        rules: thresholds and margin of the card.
        flaw: a sentence saying why the face cannot be judged, or None.
    """
    ranking = tuple(ranking)
    if not ranking:
        reason = flaw or "The gallery is empty, so there is nobody to compare with."
        return Verdict("poor" if flaw else "unknown", None, None, None, (), reason)
    first = ranking[0]
    threshold = rules.threshold(first.anchors)
    if flaw:
        return Verdict("poor", None, first.class_distance, threshold, ranking, flaw)
    if first.class_distance > threshold:
        reason = (
            f"This face resembles nobody in the gallery enough: the closest is {first.person} at "
            f"{first.class_distance:.3f}, and a name needs {threshold:.3f} or less."
        )
        return Verdict("unknown", None, first.class_distance, threshold, ranking, reason)
    if len(ranking) > 1 and ranking[1].class_distance - first.class_distance < rules.margin:
        reason = (
            f"{first.person} ({first.class_distance:.3f}) and {ranking[1].person} ({ranking[1].class_distance:.3f}) "
            f"are too close to tell apart: a name needs a lead of {rules.margin:.3f}."
        )
        return Verdict("unclear", None, first.class_distance, threshold, ranking, reason)
    reason = f"{first.person} is closest at {first.class_distance:.3f}; a name needs {threshold:.3f} or less."
    return Verdict("match", first.person, first.class_distance, threshold, ranking, reason)
