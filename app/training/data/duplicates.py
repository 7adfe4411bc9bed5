"""The same photo twice: a held-out face that training has seen in another copy measures memory, not the network.

Copies share a person's folder and differ in size, light, compression or cut. What is held out is dropped, not what is
trained on, so that a network stays valid when copies are found later.
"""

from __future__ import annotations

import cv2
import numpy as np

from app.training.data.crops import Crops

SIDE = 28
"""Side of the small pictures that are compared."""

ALIKE = 0.9
"""Correlation of two small pictures of one person from which they are copies. Among people of other names one in
forty faces finds one that much alike, so it is asked only within a folder."""

TOLD_BY_TEACHER = 0.9
"""Cosine of a teacher's embeddings from which two pictures of one person are copies."""


def repeated(crops: Crops, identities: np.ndarray, splits: np.ndarray, targets: np.ndarray | None) -> np.ndarray:
    """Held-out faces of which their person's training faces hold a copy.

    Args:
        crops: the faces.
        identities: str (faces,), their folders.
        splits: str (faces,), as `tiles.split_of` says.
        targets: float32 (faces, dims) of length 1, a teacher's embeddings, or None.

    Returns:
        int64 positions, rising.
    """
    held_out = np.isin(splits, ("test", "calibration")) & crops.found
    trained = (splits == "train") & crops.found
    copies = []
    for identity in np.unique(identities[held_out]):
        own = identities == identity
        asked, others = np.flatnonzero(own & held_out), np.flatnonzero(own & trained)
        if not len(others):
            continue
        seen = _small(crops.crops[others])
        likeness = np.maximum(*(_small(crops.crops[asked], flip) @ seen.T for flip in (False, True)))
        alike = likeness.max(axis=1) >= ALIKE
        if targets is not None:
            alike |= (targets[asked] @ targets[others].T).max(axis=1) >= TOLD_BY_TEACHER
        copies.append(asked[alike])
    return np.sort(np.concatenate(copies)) if copies else np.zeros(0, dtype=np.int64)


def _small(crops: np.ndarray, flip: bool = False) -> np.ndarray:
    """Small gray pictures without their slow changes of light: float32 (faces, 784) of mean 0 and length 1."""
    rows = np.empty((len(crops), SIDE * SIDE), dtype=np.float32)
    for number, one in enumerate(crops):
        gray = cv2.cvtColor(one[:, ::-1] if flip else one, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        rows[number] = (small - cv2.GaussianBlur(small, (0, 0), SIDE / 7)).ravel()
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
