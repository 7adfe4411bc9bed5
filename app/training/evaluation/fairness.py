"""Fairness: identification rates by person and by collection, their spread, and the most frequent errors.

There is no trustworthy estimator of age, sex or origin, so the groups are those that the data names.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from app.recognition.decision import Rules
from app.recognition.evaluation_table import Metrics
from app.training.evaluation.identification import RankedFace, share

MIN_FACES = 20
"""Faces that a collection needs to be listed."""


def rates_by_person(known: Sequence[RankedFace], impostors: Sequence[RankedFace], rules: Rules) -> dict[str, Metrics]:
    """Return the rates of each person, and how many impostors matched this person."""
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
    rows: list[Metrics] = []
    for source, own in _group(known, lambda face: face.source):
        rank1 = share(own, lambda face: face.is_rank1)
        matched = share(own, lambda face: face.match(rules) == face.person)
        rows.append({"source": source, "people": "known", "faces": len(own), "rank1": rank1, "matched": matched})
    for source, own in _group(impostors, lambda face: face.source):
        matched = share(own, lambda face: face.match(rules) is not None)
        rows.append({"source": source, "people": "impostors", "faces": len(own), "matched": matched})
    large = (row for row in rows if row["faces"] >= MIN_FACES)
    return sorted(large, key=lambda row: (row["people"] == "impostors", row.get("rank1", -row["matched"])))


def summarize(by_person: dict[str, Metrics], by_source: list[Metrics]) -> Metrics:
    """Return the fairness metrics of the model card.

    `rank1` and `matched` have the mean over people, the `spread` (standard deviation), and the mean of the
    `worst_tenth`, which is also listed by name.
    """
    tenth = max(1, len(by_person) // 10)
    worst = sorted(by_person, key=lambda name: (by_person[name]["rank1"], by_person[name]["matched"], name))
    matched = Counter({name: by_person[name]["impostors"] for name in sorted(by_person)})

    def spread(rate: str) -> dict[str, float]:
        values = np.sort([row[rate] for row in by_person.values()])
        lowest = values[:tenth]
        return {"mean": float(values.mean()), "spread": float(values.std()), "worst_tenth": float(lowest.mean())}

    return {
        "people": len(by_person),
        "rank1": spread("rank1"),
        "matched": spread("matched"),
        "worst_tenth": worst[:tenth],
        "impostors_by_name": {name: count for name, count in matched.most_common(10) if count},
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


def _group(faces: Sequence[RankedFace], key: Callable[[RankedFace], str]) -> Iterable[tuple[str, list[RankedFace]]]:
    groups: dict[str, list[RankedFace]] = defaultdict(list)
    for face in faces:
        groups[key(face)].append(face)
    return groups.items()
