"""The open set: how many known faces are found among how many strangers are named, at any threshold.

The detection-and-identification rate at a false-positive identification rate, as ISO/IEC 19795-1 and
Grother et al. (NIST FRVT 1:N, https://doi.org/10.6028/NIST.IR.8271) define them: a known face counts if its
own person is the closest and close enough; a stranger counts if anybody is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.training.judged import Judged, arrays
from app.training.tiles import unit_hash

RATES = (0.01, 0.003)
"""Shares of strangers named at which known faces are counted."""

FOLDS = 10


def limit(strangers: np.ndarray, rate: float) -> float:
    """The distance that `rate` of the strangers come under: those nearer than it are at most that many."""
    return float(np.sort(strangers)[int(len(strangers) * rate)])


def at_rate(known: Sequence[Judged], strangers: Sequence[Judged], rate: float) -> dict:
    """Known faces named rightly where `rate` of the strangers are named.

    Arguments:
        known: faces of people in the gallery.
        strangers: faces of others.
        rate: share of strangers named.

    Returns:
        `identified`, with the threshold chosen on all strangers; and over folds of people, the threshold chosen on
        nine tenths of them and tried on the last: `mean` and `spread` (standard deviation) of the share of known
        faces identified, and `strangers_named`, what became of the rate.
    """
    distances, right = arrays(known)
    others, _ = arrays(strangers)
    own, foreign = _folds(known), _folds(strangers)
    shares, named = [], []
    # Of few people, some folds have none, or all.
    for fold in set(own) & set(foreign):
        if (foreign == fold).all():
            continue
        chosen = limit(others[foreign != fold], rate)
        shares.append((right & (distances < chosen))[own == fold].mean())
        named.append((others[foreign == fold] < chosen).mean())
    return {
        "false_positive_rate": rate,
        "identified": float((right & (distances < limit(others, rate))).mean()),
        "mean": float(np.mean(shares)) if shares else 0.0,
        "spread": float(np.std(shares, ddof=1)) if len(shares) > 1 else 0.0,
        "strangers_named": float(np.mean(named)) if named else 0.0,
    }


def curve(known: Sequence[Judged], strangers: Sequence[Judged], points: int = 60) -> list[list[float]]:
    """Pairs of (share of strangers named, share of known faces identified), even in the logarithm of the first."""
    distances, right = arrays(known)
    others = np.sort(arrays(strangers)[0])
    # A rate of less than one stranger cannot be told.
    rates = np.geomspace(1 / len(others), 1 - 1 / len(others), points)
    return [[float(rate), float((right & (distances < limit(others, rate))).mean())] for rate in rates]


def _folds(faces: Sequence[Judged]) -> np.ndarray:
    """The fold of each face, that of its person: int (faces,)."""
    return np.array([int(unit_hash(face.identity, 11) * FOLDS) for face in faces])
