"""Reliability: how often the closest person is the right one, by class distance."""

from __future__ import annotations

import numpy as np

from app.arrays import BoolArray, DoubleArray
from app.recognition.evaluation_table import Metrics

BIN_WIDTH = 0.02
"""Width of a bin of class distances before small bins are merged."""

MIN_FACES = 60
"""Faces that a bin needs."""


def reliability_bins(
    distances: DoubleArray, is_correct: BoolArray, width: float = BIN_WIDTH, min_faces: int = MIN_FACES
) -> list[Metrics]:
    """Count faces and correct rank-1 people by class distance.

    Args:
        distances: float64 (faces,), class distances of the closest people.
        is_correct: bool (faces,), whether the closest person is the right one. Never true for impostors.
        width: Width of a bin before merging.
        min_faces: A bin with fewer faces is merged with the next.

    Returns:
        Rows of `from`, `to`, `faces` and `correct` (a number of faces), rising from 0 to 1. `to` is exclusive.
    """
    rows: list[Metrics] = []
    start = 0.0
    for end in np.round(np.arange(width, 1.0 + width, width), 6).clip(0, 1).tolist():
        is_last = end == 1.0
        inside = (distances >= start) & ((distances < end) | is_last)
        if is_last or (inside.sum() >= min_faces and (distances >= end).sum() >= min_faces):
            rows.append(
                {"from": start, "to": end, "faces": int(inside.sum()), "correct": int(is_correct[inside].sum())}
            )
            start = end
        if is_last:
            break
    return rows
