"""Near-duplicate photos: find held-out faces of which training has another copy.

Copies of a photo share a person's folder and differ in size, brightness, compression or crop. The held-out copy is
dropped and the training copy stays, so that a network stays valid when duplicates are found later.
"""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import BoolArray, ByteArray, FloatArray, IntArray, TextArray
from app.recognition.inference import to_unit_length
from app.training.data.crops import Crops

_SIDE = 28

DUPLICATE = 0.9
"""Correlation of two thumbnails of one person from which they are duplicates. One in forty faces reaches it with some
face of another person, so only photos within a folder are compared."""


def find_duplicates(crops: Crops, identities: TextArray, splits: TextArray) -> IntArray:
    """Return the positions of held-out faces with a duplicate among the training faces of their person, ascending."""
    held_out = np.isin(splits, ("test", "calibration")) & crops.found
    training = (splits == "train") & crops.found
    is_duplicate: BoolArray = np.zeros(len(splits), dtype=bool)
    for identity in np.unique(identities[held_out]):
        probes = np.flatnonzero((identities == identity) & held_out)
        references = np.flatnonzero((identities == identity) & training)
        if len(references):
            thumbnails = _thumbnails(crops.crops[references])
            for flip in (False, True):
                correlations = _thumbnails(crops.crops[probes], flip) @ thumbnails.T
                is_duplicate[probes] |= correlations.max(axis=1) >= DUPLICATE
    return np.flatnonzero(is_duplicate)


def _thumbnails(crops: ByteArray, flip: bool = False) -> FloatArray:
    """Return high-pass filtered gray thumbnails: float32 (faces, 784) of mean 0 and length 1."""
    rows = np.empty((len(crops), _SIDE * _SIDE), dtype=np.float32)
    for number, crop in enumerate(crops):
        gray = cv2.cvtColor(crop[:, ::-1] if flip else crop, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(gray, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        rows[number] = (small - cv2.GaussianBlur(small, (0, 0), _SIDE / 7)).ravel()
    return to_unit_length(rows - rows.mean(axis=1, keepdims=True))
