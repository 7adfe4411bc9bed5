"""Why a face was judged as it was: every anchor's score, the lead over the runner-up, what such a distance is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.recognition.decision import Verdict
from app.serialization import RANKING_ROWS

_LANES = 5
"""Heights that the dots of a strip lie at, so that equal scores do not hide each other."""

_WIDE, _CLEAR = 3.0, 1.5
"""A lead of so many margins is called wide, or clear."""


@dataclass(frozen=True)
class Strip:
    """A person's anchors as dots on a strip 100 wide and 20 high, left 0 (same) and right 1 (different).

    `near` and `far` are SVG path data, `speaking` counts the near ones: those at or under the limit.
    """

    near: str
    far: str
    speaking: int


def strip(scores: np.ndarray, limit: float) -> Strip:
    """Return the dots of a person's anchors.

    Args:
        scores: float (anchors,), 0 ... 1.
        limit: the largest score at which two photos show the same person.
    """
    # A line without length, drawn with round ends, is a dot of the same size at any width of the page.
    dots = [f"M{100 * score:.1f} {4 + 3 * (number % _LANES)}h0" for number, score in enumerate(scores)]
    near = scores <= limit
    return Strip(
        "".join(dot for dot, is_near in zip(dots, near, strict=True) if is_near),
        "".join(dot for dot, is_near in zip(dots, near, strict=True) if not is_near),
        int(near.sum()),
    )


def lead(verdict: Verdict, margin: float) -> str | None:
    """How far a match is ahead of the runner-up, in words; None for other verdicts, and without a runner-up."""
    if verdict.kind != "match" or len(verdict.ranking) < 2:
        return None
    first, second = verdict.ranking[:2]
    gap = second.class_distance - first.class_distance
    size = "wide" if gap >= _WIDE * margin else "clear" if gap >= _CLEAR * margin else "narrow"
    return (
        f"The lead is {size}: {second.person} comes next, {gap:.3f} behind, and {margin:.3f} is the least a name needs."
    )


def rejections(verdict: Verdict) -> tuple[str, ...]:
    """Of whom a face like this one was marked as not them, and what that did to their distance: a sentence each.

    Only of those who would else be among the nearest that are shown.
    """
    if not verdict.ranking:
        return ()
    furthest = verdict.ranking[:RANKING_ROWS][-1].class_distance
    return tuple(
        f"A face like this one was marked as not {row.person}, which put their distance up from {before:.3f} to "
        f"{row.class_distance:.3f}."
        for row, before in verdict.ranking.rejections()
        if before <= furthest and before < row.class_distance
    )


def reliability(verdict: Verdict, bins: Sequence[Mapping[str, Any]]) -> str | None:
    """How often the closest person was wrong at such a distance, on the evaluation's faces.

    Args:
        verdict: of the face.
        bins: the card's `reliability`: rows of `from`, `to`, `faces` and `right` (numbers of faces).

    Returns:
        A sentence; None where the card says nothing about such a distance, or the face cannot be judged.
    """
    if verdict.kind == "low_quality" or verdict.class_distance is None:
        return None
    for row in bins:
        if row["from"] <= verdict.class_distance < row["to"] and row["faces"]:
            wrong = row["faces"] - row["right"]
            share = 100 * wrong / row["faces"]
            return (
                f"How far to trust that: of the {row['faces']:,} evaluation faces whose closest person was at "
                f"{row['from']:.2f} to {row['to']:.2f}, as here, that person was the wrong one for {wrong:,} "
                f"({share:.2g} %)."
            )
    return None
