"""Verification thresholds: the score's zero point and the thresholds for comparing two photos (1:1)."""

from __future__ import annotations

import numpy as np

from app.arrays import AnyArray, FloatArray
from app.recognition.decision import PairRules
from app.recognition.scoring import Head

FALSE_MATCH_RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""FMRs for which the model card has a threshold."""

FALSE_NON_MATCH_RATE = 0.02
"""Share of pairs of the same person above the threshold of "different people"."""

_CHUNK = 2048


def pair_distances(embeddings: FloatArray, people: AnyArray) -> tuple[FloatArray, FloatArray]:
    """Return the Euclidean distances of all pairs of faces.

    Args:
        embeddings: float32 (faces, dims) of unit length.
        people: (faces,), the person in each.

    Returns:
        float32 distances of same-person pairs, and of different-person pairs.
    """
    _, people = np.unique(people, return_inverse=True)
    same, different = [], []
    for start in range(0, len(embeddings), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(embeddings)))
        distances = np.sqrt(np.maximum(0, 2 - 2 * embeddings[rows] @ embeddings.T))
        is_same = people[rows][:, None] == people[None]
        is_later = np.arange(len(embeddings))[None] > rows[:, None]
        same.append(distances[is_same & is_later])
        different.append(distances[~is_same & is_later])
    return np.concatenate(same), np.concatenate(different)


def equal_error_distance(embeddings: FloatArray, people: AnyArray) -> float:
    """Return the distance at which FMR and FNMR are equal; arguments as for `pair_distances`."""
    same, different = pair_distances(embeddings, people)
    thresholds = np.linspace(0, 2, 2001)
    fnmr = 1 - np.searchsorted(np.sort(same), thresholds, side="right") / len(same)
    fmr = np.searchsorted(np.sort(different), thresholds, side="right") / len(different)
    return float(thresholds[np.abs(fnmr - fmr).argmin()])


def choose_pair_rules(embeddings: FloatArray, people: AnyArray, head: Head) -> PairRules:
    """Return the thresholds for comparing two photos; arguments as for `pair_distances`."""
    same, different = pair_distances(embeddings, people)
    ranks = [int(len(different) * rate) for rate in FALSE_MATCH_RATES]
    different.partition(ranks)
    scores = [float(head.score(different[rank])) for rank in ranks]
    return PairRules(
        tuple(zip(FALSE_MATCH_RATES, scores, strict=True)),
        float(head.score(np.asarray(np.quantile(same, 1 - FALSE_NON_MATCH_RATE)))),
    )
