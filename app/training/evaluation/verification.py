"""Verification of photo pairs: LFW's protocol, ROC, and the verdicts that comparing two photos gives.

Terms follow ISO/IEC 19795-1: FAR (FMR) is the share of pairs of different people that are accepted, TAR the share of
pairs of one person. Pairs with a face that the detector misses are errors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.errors import TrainingError
from app.recognition.decision import Rules
from app.training.calibration import thresholds

GROUP = 5
"""People in each of two group photos that are compared."""

TRIES = 5000
"""Pairs of group photos that are compared."""


def folds_accuracy(distances: np.ndarray, different: np.ndarray, folds: int = 10) -> tuple[float, float]:
    """Return mean accuracy and its standard error over folds, by LFW's protocol.

    The threshold of each fold is chosen on the others.

    Args:
        distances: float (pairs,) in the standard order; infinite where a face was missed.
        different: bool (pairs,).
        folds: equal consecutive parts.
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


def tar_at_far(distances: np.ndarray, different: np.ndarray, far: float) -> float:
    """Return the share of same pairs under the distance that a share `far` of the different ones comes under."""
    limit = np.sort(distances[different])[int(different.sum() * far)]
    return float((distances[~different] < limit).mean())


def roc(distances: np.ndarray, different: np.ndarray, points: int = 60) -> list[list[float]]:
    """Return pairs of (FAR, TAR), the first rising evenly in its logarithm."""
    rates = np.geomspace(1 / different.sum(), 1 - 1 / different.sum(), points)
    return [[float(rate), tar_at_far(distances, different, rate)] for rate in rates]


def comparisons(embeddings: np.ndarray, people: np.ndarray, rules: Rules) -> dict:
    """Count the verdicts of comparing single faces, and group photos that have nobody in common.

    Args:
        embeddings: float32 (faces, dims) of unit length.
        people: (faces,), who each shows; at least twice `GROUP` different people.
        rules: of the card.

    Returns:
        `same_person`, `different_people` and `groups`: `pairs` and the shares `same`, `uncertain` and `different`.
        `groups` are random pairs of photos, each of `GROUP` people.
    """
    same, different = thresholds.pair_distances(embeddings, people)
    rng = np.random.default_rng(1)
    names, counts = np.unique(people, return_counts=True)
    order = np.argsort(people, kind="stable")
    starts = np.cumsum(counts) - counts
    chosen = np.stack([rng.permutation(len(names))[: 2 * GROUP] for _ in range(TRIES)])
    faces = order[starts[chosen] + (rng.random(chosen.shape) * counts[chosen]).astype(int)]
    left, right = embeddings[faces[:, :GROUP]], embeddings[faces[:, GROUP:]]
    closest = np.einsum("tad,tbd->tab", left, right).max(axis=(1, 2))
    groups = rules.head.score_cosines(closest)
    return {
        "same_person": _verdicts(rules.head.score(same), rules, 1),
        "different_people": _verdicts(rules.head.score(different), rules, 1),
        "groups": _verdicts(groups, rules, GROUP**2),
    }


def _verdicts(scores: np.ndarray, rules: Rules, pairs: int) -> dict:
    """Count verdicts as `verdict.PairRules.judge` gives them."""
    limit = rules.pairs.same_threshold(pairs)
    same, different = float((scores <= limit).mean()), float((scores > max(limit, rules.pairs.different)).mean())
    return {"pairs": len(scores), "same": same, "uncertain": 1 - same - different, "different": different}


def lfw_pairs(root: Path) -> list[tuple[str, str, bool]]:
    """Return the standard list of 6,000 pairs: (file, file, different), files relative to `root`.

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
