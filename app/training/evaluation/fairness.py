"""Fairness: identification rates by person and by collection, and their spread.

There is no trustworthy estimator of age, sex or origin, so the groups are those that the data names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from app.recognition.decision import Rules
from app.recognition.evaluation_table import Metrics
from app.training.evaluation.ranked_faces import RankedFace, share

MIN_FACES = 20
"""Faces that a collection needs to be listed."""


def rates_by_person(
    known: Sequence[RankedFace], impostors: Sequence[RankedFace], rules: Rules
) -> dict[str, dict[str, float]]:
    """Return the rates of each gallery person with test faces.

    Args:
        known: Test faces of gallery people.
        impostors: Faces of people who are not in the gallery, or are left out of it.
        rules: Rules of the model card.

    Returns:
        By name: `faces`, the shares `rank1`, `rank5` and `matched` (right person), and `impostors` that match.
    """
    false_matches = Counter(face.match(rules) for face in impostors)
    return {
        name: {
            "faces": len(own),
            "rank1": share(own, lambda face: face.is_rank1),
            "rank5": share(own, lambda face: face.is_rank5),
            "matched": share(own, lambda face: face.match(rules) == face.person),
            "impostors": false_matches[name],
        }
        for name, own in sorted(_group(known, lambda face: face.person or ""))
    }


def rates_by_source(known: Sequence[RankedFace], impostors: Sequence[RankedFace], rules: Rules) -> list[Metrics]:
    """Return `source`, `people` (known or impostors), `faces` and rates of each large collection, worst first."""
    rows: list[Metrics] = [
        {
            "source": source,
            "people": "known",
            "faces": len(own),
            "rank1": share(own, lambda face: face.is_rank1),
            "matched": share(own, lambda face: face.match(rules) == face.person),
        }
        for source, own in _group(known, lambda face: face.source)
        if len(own) >= MIN_FACES
    ]
    others: list[Metrics] = [
        {
            "source": source,
            "people": "impostors",
            "faces": len(own),
            "matched": share(own, lambda face: face.match(rules) is not None),
        }
        for source, own in _group(impostors, lambda face: face.source)
        if len(own) >= MIN_FACES
    ]
    return sorted(rows, key=lambda row: row["rank1"]) + sorted(others, key=lambda row: -row["matched"])


def summarize(by_person: dict[str, dict[str, float]], by_source: list[Metrics]) -> Metrics:
    """Return the fairness metrics of the model card.

    Returns:
        `people`; `rank1` and `matched` with `mean` over people, `spread` (standard deviation) and `worst_tenth` (mean
        of the lowest tenth); `worst_tenth`, the names of these; `impostors_by_name`, the names that most impostors
        matched; `sources`, as given.
    """
    tenth = max(1, len(by_person) // 10)
    worst = sorted(by_person, key=lambda name: (by_person[name]["rank1"], by_person[name]["matched"], name))
    most_matched = sorted(by_person, key=lambda name: (-by_person[name]["impostors"], name))[:10]

    def spread(rate: str) -> dict[str, float]:
        values = np.sort([row[rate] for row in by_person.values()])
        return {
            "mean": float(values.mean()),
            "spread": float(values.std()),
            "worst_tenth": float(values[:tenth].mean()),
        }

    return {
        "people": len(by_person),
        "rank1": spread("rank1"),
        "matched": spread("matched"),
        "worst_tenth": worst[:tenth],
        "impostors_by_name": {
            name: by_person[name]["impostors"] for name in most_matched if by_person[name]["impostors"]
        },
        "sources": by_source,
    }


def frequent_errors(known: Sequence[RankedFace], count: int = 20) -> list[Metrics]:
    """Return the most frequent rank-1 errors: rows of `person`, `closest`, `errors` and `faces`."""
    totals = Counter(face.person for face in known)
    pairs = Counter((face.person, face.ranking[0].person) for face in known if face.ranking and not face.is_rank1)
    worst = sorted(pairs.items(), key=lambda item: (-item[1], -item[1] / totals[item[0][0]], item[0]))[:count]
    return [
        {"person": person, "closest": closest, "errors": errors, "faces": totals[person]}
        for (person, closest), errors in worst
    ]


def _group(faces: Sequence[RankedFace], key: Callable[[RankedFace], str]) -> Iterator[tuple[str, list[RankedFace]]]:
    groups: dict[str, list[RankedFace]] = defaultdict(list)
    for face in faces:
        groups[key(face)].append(face)
    yield from groups.items()
