"""Verification of photo pairs (1:1): LFW protocol, ROC, and verdicts of comparing two photos.

Terms follow ISO/IEC 19795-1: FAR (or FMR) is the accepted share of pairs of different people, TAR that of pairs of
one person. Pairs with a missed face are errors.
"""

from pathlib import Path

import numpy as np

from app.arrays import AnyArray, BoolArray, FloatArray, TextArray
from app.errors import TrainingError
from app.recognition.decision import Rules
from app.recognition.evaluation_table import Metrics
from app.training.calibration.thresholds import pair_distances
from app.training.evaluation.identification import tpir, tpir_curve

GROUP_SIZE = 5
GROUP_PAIRS = 5000
"""Number of compared pairs of group photos, with `GROUP_SIZE` people in each photo."""


def folds_accuracy(distances: AnyArray, is_different: BoolArray, folds: int = 10) -> tuple[float, float]:
    """Return the mean accuracy and its standard error over folds, by the LFW protocol.

    The threshold of each fold is chosen on the other folds (Huang et al. 2007, http://vis-www.cs.umass.edu/lfw/).

    Args:
        distances: float (pairs,) in the standard order, infinite where a face was missed.
        is_different: bool (pairs,).
        folds: Number of equal consecutive parts.
    """
    is_found = np.isfinite(distances)
    thresholds = np.quantile(distances[is_found], np.linspace(0, 1, 400))
    is_correct = ((distances[None] > thresholds[:, None]) == is_different[None]) & is_found[None]
    accuracies = []
    for fold in np.array_split(np.arange(len(distances)), folds):
        rest = np.setdiff1d(np.arange(len(distances)), fold)
        best = is_correct[:, rest].mean(axis=1).argmax()
        accuracies.append(is_correct[best, fold].mean())
    return float(np.mean(accuracies)), float(np.std(accuracies, ddof=1) / np.sqrt(folds))


def tar_at_far(distances: AnyArray, is_different: BoolArray, far: float) -> float:
    """Return the TAR at the distance that a share `far` of the different pairs falls below."""
    same = distances[~is_different]
    return tpir(same, np.isfinite(same), distances[is_different], far)


def roc(distances: AnyArray, is_different: BoolArray) -> list[list[float]]:
    """Return [FAR, TAR] points, evenly spaced in log FAR from one pair to all."""
    same = distances[~is_different]
    return tpir_curve(same, np.isfinite(same), distances[is_different])


def pair_metrics(distances: AnyArray, is_different: BoolArray) -> Metrics:
    """Return `pairs`, `accuracy`, its `standard_error`, and `tar_at_far_1e-3`; arguments as for `folds_accuracy`."""
    accuracy, error = folds_accuracy(distances, is_different)
    tar = tar_at_far(distances, is_different, 1e-3)
    return {"pairs": len(distances), "accuracy": accuracy, "standard_error": error, "tar_at_far_1e-3": tar}


def comparison_rates(embeddings: FloatArray, people: TextArray, rules: Rules) -> Metrics:
    """Count verdicts of comparing single faces, and group photos without a common person.

    There must be at least 2 * `GROUP_SIZE` different people, (faces,).
    """
    same, different = pair_distances(embeddings, people)
    rng = np.random.default_rng(1)
    names, counts = np.unique(people, return_counts=True)
    order = np.argsort(people, kind="stable")
    starts = np.cumsum(counts) - counts
    chosen = np.stack([rng.permutation(len(names))[: 2 * GROUP_SIZE] for _ in range(GROUP_PAIRS)])
    faces = order[starts[chosen] + (rng.random(chosen.shape) * counts[chosen]).astype(int)]
    left, right = embeddings[faces[:, :GROUP_SIZE]], embeddings[faces[:, GROUP_SIZE:]]
    closest = np.einsum("tad,tbd->tab", left, right).max(axis=(1, 2))
    return {
        "same_person": _verdict_shares(rules.head.score(same), rules, 1),
        "different_people": _verdict_shares(rules.head.score(different), rules, 1),
        "groups": _verdict_shares(rules.head.score_cosines(closest), rules, GROUP_SIZE**2),
    }


def _verdict_shares(scores: AnyArray, rules: Rules, pairs: int) -> Metrics:
    same = float((scores <= rules.pairs.same_threshold(pairs)).mean())
    different = float((scores > rules.pairs.different_threshold(pairs)).mean())
    return {"pairs": len(scores), "same": same, "uncertain": 1 - same - different, "different": different}


def read_lfw_pairs(root: Path) -> list[tuple[str, str, bool]]:
    """Return the 6,000 standard pairs as (file, file, different people), files relative to `root`.

    Raises:
        TrainingError: There is no pairs.txt in `root`.
    """
    path = root / "pairs.txt"
    if not path.exists():
        raise TrainingError(f"There is no pairs.txt in {root}. Give the LFW folder with its standard list of pairs.")

    def find_file(name: str, number: str) -> str:
        stem = f"{name}/{name}_{int(number):04d}"
        return next((stem + suffix for suffix in (".webp", ".jpg", ".png") if (root / (stem + suffix)).exists()), stem)

    pairs = []
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        match line.split():
            case [name, left, right]:
                pairs.append((find_file(name, left), find_file(name, right), False))
            case [name, left, other, right]:
                pairs.append((find_file(name, left), find_file(other, right), True))
    return pairs
