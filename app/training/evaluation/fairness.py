"""Fairness: rates by person and by collection, their spread, and the people with the lowest rates.

No trustworthy estimator of age, sex or origin is available, so groups are only those that the data itself names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from app.recognition.decision import Rules
from app.training.evaluation.judged import Judged

LEAST = 20
"""Faces that a collection needs to be listed."""


def people(known: Sequence[Judged], impostors: Sequence[Judged], rules: Rules) -> dict[str, dict]:
    """Count the answers about each person of the gallery who has test faces.

    Args:
        known: test faces of people in the gallery.
        impostors: faces of people who are not in it, or whose own person was taken out.
        rules: of the card.

    Returns:
        By name: `faces`; the shares `rank1`, `rank5` and `named` (with the own name); `impostors` given this name.
    """
    called = Counter(name for face in impostors if (name := face.named(rules)))
    rows = {}
    for name, own in sorted(_grouped(known, lambda face: face.person).items()):
        rows[name] = {
            "faces": len(own),
            "rank1": _share(face.right for face in own),
            "rank5": _share(name in [row.person for row in face.ranking[:5]] for face in own),
            "named": _share(face.named(rules) == name for face in own),
            "impostors": called[name],
        }
    return rows


def sources(known: Sequence[Judged], impostors: Sequence[Judged], rules: Rules) -> list[dict]:
    """Return rows of `source`, `who`, `faces` and shares for each collection with enough pictures, worst first."""
    rows = [
        {
            "source": source,
            "who": "known",
            "faces": len(own),
            "rank1": _share(face.right for face in own),
            "named": _share(face.named(rules) == face.person for face in own),
        }
        for source, own in _grouped(known, lambda face: face.source).items()
        if len(own) >= LEAST
    ]
    rows.sort(key=lambda row: row["rank1"])
    others = [
        {
            "source": source,
            "who": "impostors",
            "faces": len(own),
            "named": _share(face.named(rules) is not None for face in own),
        }
        for source, own in _grouped(impostors, lambda face: face.source).items()
        if len(own) >= LEAST
    ]
    return rows + sorted(others, key=lambda row: -row["named"])


def summary(by_person: dict[str, dict], by_source: list[dict]) -> dict:
    """Return what the card says about fairness.

    Returns:
        `people`; `rank1` and `named` with `mean` over people, `spread` (standard deviation) and `worst_tenth` (mean of
        the tenth with the lowest); `worst_tenth`, their names; `impostors_by_name`, the names that impostors were
        given most; `sources` as given.
    """
    tenth = max(1, len(by_person) // 10)
    order = sorted(by_person, key=lambda name: (by_person[name]["rank1"], by_person[name]["named"], name))
    most = sorted(by_person, key=lambda name: (-by_person[name]["impostors"], name))[:10]
    return {
        "people": len(by_person),
        **{figure: _spread([row[figure] for row in by_person.values()], tenth) for figure in ("rank1", "named")},
        "worst_tenth": order[:tenth],
        "impostors_by_name": {name: by_person[name]["impostors"] for name in most if by_person[name]["impostors"]},
        "sources": by_source,
    }


def confusions(known: Sequence[Judged], most: int = 20) -> list[dict]:
    """Return the most frequent rank-1 errors: rows of `person`, `taken_for`, `faces`, `of`."""
    totals = Counter(face.person for face in known)
    pairs = Counter((face.person, face.ranking[0].person) for face in known if face.ranking and not face.right)
    worst = sorted(pairs.items(), key=lambda item: (-item[1], -item[1] / totals[item[0][0]], item[0]))[:most]
    return [
        {"person": person, "taken_for": other, "faces": count, "of": totals[person]} for (person, other), count in worst
    ]


def _spread(values: list[float], tenth: int) -> dict:
    lowest = np.sort(values)[:tenth]
    return {"mean": float(np.mean(values)), "spread": float(np.std(values)), "worst_tenth": float(lowest.mean())}


def _share(hits: Iterable[bool]) -> float:
    return float(np.mean(list(hits)))


def _grouped(faces: Sequence[Judged], key: Callable[[Judged], str | None]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for face in faces:
        groups[key(face)].append(face)
    return groups
