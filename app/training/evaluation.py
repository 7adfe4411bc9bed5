"""How good a network is: open set first, then closed set, and pairs of LFW.

All of it with the crops, ranking and verdicts that serve. Faces the detector misses count as errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.gallery.snapshot import Snapshot
from app.training.errors import TrainingError
from app.verdict import Rules, judge, rank

FOUR = ("Drake", "Eminem", "Lionel Messi", "Cristiano Ronaldo")
"""The people of the first gallery this program had; they are measured among themselves too."""


def closed_set(embeddings: np.ndarray, names: Sequence[str], missed: int, snapshot: Snapshot, rules: Rules) -> dict:
    """Known people's faces against the whole gallery.

    Arguments:
        embeddings: float32 (faces, dims).
        names: who each is.
        missed: further faces that the detector missed.
        snapshot: the gallery.
        rules: of the card.

    Returns:
        Shares of all faces, the missed ones counted as errors: `top1`, `top5` whatever the threshold; `named`
        rightly and `misnamed` by the verdict; `worst`, the people least often on top.
    """
    first, five, named, misnamed = [], [], 0, 0
    for embedding, name in zip(embeddings, names, strict=True):
        ranking = rank(embedding, snapshot, rules.head)
        first.append(ranking[0].person == name)
        five.append(name in [row.person for row in ranking[:5]])
        person = judge(ranking, rules).person
        named += person == name
        misnamed += person not in (None, name)
    total = len(names) + missed
    hits = np.array(first)
    per_person = {name: float(hits[[other == name for other in names]].mean()) for name in sorted(set(names))}
    worst = sorted(per_person.items(), key=lambda item: item[1])[: max(1, len(per_person) // 40)]
    return {
        "faces": total,
        "people": len(per_person),
        "top1": sum(first) / total,
        "top5": sum(five) / total,
        "named": named / total,
        "misnamed": misnamed / total,
        "missed": missed,
        "worst": [{"person": name, "top1": share} for name, share in worst],
    }


def among(snapshot: Snapshot, names: Sequence[str]) -> Snapshot:
    """The gallery of these people alone."""
    chosen = [i for i, name in enumerate(snapshot.names) if name in names]
    parts = [snapshot.anchors[snapshot.offsets[i] : snapshot.offsets[i + 1]] for i in chosen]
    return Snapshot(
        tuple(snapshot.names[i] for i in chosen),
        tuple(snapshot.ids[i] for i in chosen),
        np.concatenate(parts),
        np.concatenate([[0], np.cumsum([len(part) for part in parts])]),
        snapshot.revision,
    )


def open_set(strangers: np.ndarray, snapshot: Snapshot, rules: Rules) -> dict:
    """Strangers' faces against the gallery: how many get a name."""
    verdicts = [judge(rank(one, snapshot, rules.head), rules).kind for one in strangers]
    return {
        "faces": len(verdicts),
        "named": verdicts.count("match") / len(verdicts),
        "ambiguous": verdicts.count("ambiguous") / len(verdicts),
    }


def folds_accuracy(distances: np.ndarray, different: np.ndarray, folds: int = 10) -> tuple[float, float]:
    """LFW's protocol: the threshold is chosen on nine folds and judged on the tenth.

    Arguments:
        distances: float (pairs,) in the standard order; infinite where a face was missed.
        different: bool (pairs,).
        folds: equal parts in a row.

    Returns:
        Mean accuracy and its standard error over the folds.
    """
    parts = np.array_split(np.arange(len(distances)), folds)
    candidates = np.quantile(distances[np.isfinite(distances)], np.linspace(0, 1, 400))
    # A missed face is an error whatever the pair is.
    missed = ~np.isfinite(distances)
    right = ((distances[None] > candidates[:, None]) == different[None]) & ~missed[None]
    accuracies = []
    for part in parts:
        rest = np.setdiff1d(np.arange(len(distances)), part)
        best = right[:, rest].mean(axis=1).argmax()
        accuracies.append(right[best, part].mean())
    return float(np.mean(accuracies)), float(np.std(accuracies, ddof=1) / np.sqrt(folds))


def accepted_at(distances: np.ndarray, different: np.ndarray, false_accepts: float) -> float:
    """TAR at a FAR: share of same pairs under the distance that `false_accepts` of the different ones come under."""
    strangers = np.sort(distances[different])
    limit = strangers[int(len(strangers) * false_accepts)]
    return float((distances[~different] < limit).mean())


def roc(distances: np.ndarray, different: np.ndarray, points: int = 60) -> list[list[float]]:
    """Pairs of (false-accept rate, true-accept rate), the first rising evenly in its logarithm."""
    rates = np.geomspace(1 / different.sum(), 1 - 1 / different.sum(), points)
    return [[float(rate), accepted_at(distances, different, rate)] for rate in rates]


def lfw_pairs(root: Path) -> list[tuple[str, str, bool]]:
    """The standard list of 6,000 pairs: (file, file, different), files relative to `root`.

    Raises:
        TrainingError: there is no pairs.txt below `root`.
    """
    if not (root / "pairs.txt").exists():
        raise TrainingError(f"There is no pairs.txt in {root}. Give the folder of LFW with its standard list of pairs.")
    pairs = []
    lines = (root / "pairs.txt").read_text(encoding="utf-8").splitlines()[1:]
    for parts in (line.split() for line in lines if line.strip()):
        if len(parts) == 3:
            name, left, right = parts
            pairs.append((_lfw_file(root, name, left), _lfw_file(root, name, right), False))
        else:
            name, left, other, right = parts
            pairs.append((_lfw_file(root, name, left), _lfw_file(root, other, right), True))
    return pairs


def _lfw_file(root: Path, name: str, number: str) -> str:
    stem = f"{name}/{name}_{int(number):04d}"
    return next((f"{stem}{end}" for end in (".webp", ".jpg", ".png") if (root / f"{stem}{end}").exists()), stem)
