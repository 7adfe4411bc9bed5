"""Explanation of a verdict: margin to the runner-up, rejected faces, reliability, and anchor scores as dots."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.arrays import FloatArray
from app.recognition.decision import Verdict
from app.recognition.scoring import Ranking
from app.serialization import RANKING_ROWS
from app.web.wording import percent

_DOT_ROWS = 5  # rows of dots, so that equal scores do not cover each other

_WIDE_MARGINS, _CLEAR_MARGINS = 3.0, 1.5


def dots(scores: FloatArray, threshold: float) -> tuple[list[str], list[str]]:
    """Return scores, float (anchors,) 0 ... 1, as path data of dots, up to and over a threshold.

    The SVG has 100 x 20 units: left is 0 (same), right is 1 (different).
    """
    # A line of length zero with round ends is a dot that keeps its size at any width of the page.
    paths = [f"M{100 * score:.1f} {4 + 3 * (row % _DOT_ROWS)}h0" for row, score in enumerate(scores)]
    near = [path for path, score in zip(paths, scores, strict=True) if score <= threshold]
    return near, [path for path, score in zip(paths, scores, strict=True) if score > threshold]


def notes(verdict: Verdict, margin: float, reliability: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the sentences that explain a verdict in numbers.

    `reliability` has the model card's rows of `from`, `to` (class distances), `faces` and `correct` (numbers of faces).
    """
    if verdict.kind == "low_quality" or verdict.class_distance is None:
        return ()
    return (verdict.reason, *_margin(verdict, margin), *_rejections(verdict), *_reliability(verdict, reliability))


def _margin(verdict: Verdict, margin: float) -> Iterator[str]:
    if verdict.kind == "match" and len(verdict.ranking) > 1:
        first, second = verdict.ranking[:2]
        lead = second.class_distance - first.class_distance
        size = "Wide" if lead >= _WIDE_MARGINS * margin else "Clear" if lead >= _CLEAR_MARGINS * margin else "Narrow"
        yield f"{size} lead: {second.person} is {lead:.3f} behind. A match needs a lead of {margin:.3f}."


def _rejections(verdict: Verdict) -> Iterator[str]:
    """Explain raised distances of people who would otherwise be among the closest."""
    if not isinstance(verdict.ranking, Ranking):
        return
    furthest = verdict.ranking[:RANKING_ROWS][-1].class_distance
    for row, before in verdict.ranking.rejections():
        if before <= furthest and before < row.class_distance:
            yield (
                f"A similar face was marked as not {row.person}, which raised the distance from {before:.3f} to "
                f"{row.class_distance:.3f}."
            )


def _reliability(verdict: Verdict, bins: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in bins:
        if row["from"] <= (verdict.class_distance or 0.0) < row["to"] and row["faces"]:
            wrong = row["faces"] - row["correct"]
            yield (
                f"Reliability: in the evaluation, {row['faces']:,} faces had their closest person at "
                f"{row['from']:.2f} to {row['to']:.2f}. That person was wrong for {wrong:,} of them "
                f"({percent(wrong / row['faces'])})."
            )
