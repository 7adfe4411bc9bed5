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
    distance that still names a person with that many, in the gallery that ships. `sizes` holds (people, thresholds)
    in rising number of people, where the card knows other galleries too: of more people, more come near a stranger.
    `margin` is the least lead over the runner-up. `pair_threshold` is the score under which two single faces are the
    same person; `false_accepts` holds (share, score): scores that so many pairs of different people come under.
    """

    head: Head
    thresholds: tuple[tuple[int, float], ...]
    margin: float
    pair_threshold: float
    sizes: tuple[tuple[int, tuple[tuple[int, float], ...]], ...] = ()
    false_accepts: tuple[tuple[float, float], ...] = ()

    def threshold(self, anchors: int, people: int | None = None) -> float:
        """The class threshold for a person with so many anchors, interpolated over their logarithm.

        Arguments:
            anchors: of the person.
            people: in the gallery; None means the gallery that ships. Interpolated over the logarithm, and carried on
                along the mean slope beyond the largest gallery that was measured.
        """
        if people is None or not self.sizes:
            return _interpolated(anchors, self.thresholds)
        rows = [(size, _interpolated(anchors, table)) for size, table in self.sizes]
        if people <= rows[-1][0] or len(rows) == 1:
            return _interpolated(people, rows)
        (smaller, over), (larger, under) = rows[0], rows[-1]
        slope = (under - over) / np.log(larger / smaller)
        return max(0.0, float(under + min(0.0, slope) * np.log(people / larger)))


def _interpolated(number: int, rows: Sequence[tuple[int, float]]) -> float:
    counts, values = zip(*rows, strict=True)
    return float(np.interp(np.log(max(1, number)), np.log(counts), values))


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


def judge(
    ranking: Sequence[PersonDistance], rules: Rules, flaw: str | None = None, people: int | None = None
) -> Verdict:
    """Name the face, or say why not.

    Arguments:
        ranking: as `rank` gives it; empty if the face has no embedding or the gallery nobody.
        rules: thresholds and margin of the card.
        flaw: a sentence saying why the face cannot be judged, or None.
        people: how many the gallery has, where `ranking` is only the beginning of the whole.
    """
    if not ranking:
        reason = flaw or "The gallery is empty, so there is nobody to compare with."
        return Verdict("poor" if flaw else "unknown", None, None, None, (), reason)
    first = ranking[0]
    threshold = rules.threshold(first.anchors, people or len(ranking))
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
