"""Reliability: how often the closest person is the right one, by class distance."""

from __future__ import annotations

import numpy as np

from app.gallery.snapshot import Snapshot
from app.recognition.scoring import Head

WIDTH = 0.02
"""Width of a bin of class distances before small ones are merged."""

LEAST = 60
"""Faces that a bin needs for a meaningful share."""


def class_distances(embeddings: np.ndarray, snapshot: Snapshot, head: Head) -> np.ndarray:
    """Return the class distance of every face to every person.

    It is what `ranking.rank` computes one by one, but for the same picture as an anchor.

    Args:
        embeddings: float32 (faces, dims) of unit length.
        snapshot: the gallery.
        head: from distance to score.

    Returns:
        float32 (faces, people), people in the gallery's order.
    """
    return head.score_cosines(embeddings @ snapshot.templates.T)


def bins(distances: np.ndarray, right: np.ndarray, width: float = WIDTH, least: int = LEAST) -> list[dict]:
    """Count faces and right answers by class distance.

    Args:
        distances: float (faces,), the class distance of the closest person.
        right: bool (faces,), whether the closest person is the true one; never for impostors.
        width: of a bin before merging.
        least: a bin with fewer faces is merged with its neighbors.

    Returns:
        Rows of `from`, `to`, `faces` and `right` (a number of faces), in rising distance. Together they cover 0 to 1,
        and every face is in one: `from` <= distance < `to`.
    """
    edges, rows = np.round(np.arange(0.0, 1.0 + width, width), 6).clip(0, 1), []
    start = 0.0
    for end in edges[1:]:
        inside = (distances >= start) & ((distances < end) | (end == 1.0))
        beyond = int((distances >= end).sum())
        # The last bin must not be too small for a share.
        if end == 1.0 or (inside.sum() >= least and beyond >= least):
            rows.append(_row(start, float(end), inside, right))
            start = float(end)
        if end == 1.0:
            break
    return rows


def _row(start: float, end: float, inside: np.ndarray, right: np.ndarray) -> dict:
    return {"from": start, "to": end, "faces": int(inside.sum()), "right": int(right[inside].sum())}
