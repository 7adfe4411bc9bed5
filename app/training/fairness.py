"""For whom it works worse: figures a person and a source of pictures, their spread, the worst tenth by name.

No trustworthy estimator of age, sex or origin is at hand, so nobody is sorted by a guess: groups are those that the
data itself names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from app.training.judged import Judged
from app.verdict import Rules

LEAST = 20
"""Faces that a source has at least to be listed."""


def people(known: Sequence[Judged], strangers: Sequence[Judged], rules: Rules) -> dict[str, dict]:
    """Each person of the gallery who has test faces.

    Arguments:
        known: test faces of people in the gallery.
        strangers: faces of people who are not in it, or whose own person was taken out.
        rules: of the card.

    Returns:
        By name: `faces`, `top1`, `top5`, `named` rightly, `strangers` who were given this name.
    """
    taken = Counter(name for face in strangers if (name := face.named(rules)))
    rows = {}
    for name, own in sorted(_grouped(known, lambda face: face.person).items()):
        rows[name] = {
            "faces": len(own),
            "top1": _share(face.right for face in own),
            "top5": _share(name in [row.person for row in face.ranking[:5]] for face in own),
            "named": _share(face.named(rules) == name for face in own),
            "strangers": taken[name],
        }
    return rows


def sources(known: Sequence[Judged], strangers: Sequence[Judged], rules: Rules) -> list[dict]:
    """Each collection that enough pictures come from, worst first: rows of `source`, `who`, `faces` and shares."""
    rows = [
        {
            "source": source,
            "who": "known",
            "faces": len(own),
            "top1": _share(face.right for face in own),
            "named": _share(face.named(rules) == face.person for face in own),
        }
        for source, own in _grouped(known, lambda face: face.source).items()
        if len(own) >= LEAST
    ]
    rows.sort(key=lambda row: row["top1"])
    others = [
        {
            "source": source,
            "who": "strangers",
            "faces": len(own),
            "named": _share(face.named(rules) is not None for face in own),
        }
        for source, own in _grouped(strangers, lambda face: face.source).items()
        if len(own) >= LEAST
    ]
    return rows + sorted(others, key=lambda row: -row["named"])


def summary(by_person: dict[str, dict], by_source: list[dict]) -> dict:
    """What the card says: spread over people and sources, and the worst tenth of the people by name.

    Returns:
        `people`; `top1` and `named` with `mean` over people, `spread` (standard deviation) and `worst_tenth` (mean of
        the tenth with the lowest); `worst_tenth`, their names; `strangers_most_often_called`, the names that
        strangers were given most; `sources` as given.
    """
    tenth = max(1, len(by_person) // 10)
    order = sorted(by_person, key=lambda name: (by_person[name]["top1"], by_person[name]["named"], name))
    most = sorted(by_person, key=lambda name: (-by_person[name]["strangers"], name))[:10]
    return {
        "people": len(by_person),
        **{figure: _spread([row[figure] for row in by_person.values()], tenth) for figure in ("top1", "named")},
        "worst_tenth": order[:tenth],
        "strangers_most_often_called": {
            name: by_person[name]["strangers"] for name in most if by_person[name]["strangers"]
        },
        "sources": by_source,
    }


def confusions(known: Sequence[Judged], most: int = 20) -> list[dict]:
    """The pairs of people that are taken for each other most: rows of `person`, `taken_for`, `faces`, `of`."""
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
