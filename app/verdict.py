"""Scores -> verdict. The only place that decides who a face is; `ranking` orders everyone for it.

The smallest class distance wins, if it is under the threshold and ahead of the runner-up. Every number
that decides comes from the model card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.ranking import Head, PersonDistance, Ranking, pair_score, rank

__all__ = ["Head", "PersonDistance", "Ranking", "Rules", "Verdict", "judge", "pair_score", "rank"]

Kind = Literal["match", "unclear", "unknown", "poor"]


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
class Verdict:
    """Who a face is.

    `kind` is match, unclear (two people too close to tell apart), unknown, or poor (the face is too small,
    too blurred or without eyes). `person` is set for a match only. `class_distance` and `threshold` are those
    of the closest person, None where nothing could be compared. `ranking` is everyone, smallest first: a
    `ranking.Ranking` where it comes from `rank`.
    `reason` is a sentence for a person.
    """

    kind: Kind
    person: str | None
    class_distance: float | None
    threshold: float | None
    ranking: Sequence[PersonDistance]
    reason: str


def judge(ranking: Sequence[PersonDistance], rules: Rules, flaw: str | None = None) -> Verdict:
    """Name the face, or say why not.

    Arguments:
        ranking: as `rank` gives it; empty if the face has no embedding or the gallery nobody.
        rules: thresholds and margin of the card.
        flaw: a sentence saying why the face cannot be judged, or None.
    """
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
