"""Training, calibration and test splits of faces, by hashes of names: the same on every machine and in any order.

Near-duplicate photos are found, because some held-out faces have another copy among the training faces. Copies share a
person's folder and differ in size, brightness, compression or crop. The held-out copy is dropped, so that a network
stays valid when duplicates are found later.
"""

import hashlib

import cv2
import numpy as np

from app.arrays import BoolArray, ByteArray, FloatArray, IntArray, TextArray
from app.recognition.inference import to_unit_length
from app.training.data.crops import Crops

_SIDE = 28

DUPLICATE = 0.9
"""Correlation of two thumbnails of one person from which they are duplicates. One in forty faces reaches it with some
face of another person, so only photos within a folder are compared."""


def unit_hash(text: str, seed: int) -> float:
    """Return a number in [0, 1) that depends on `text` and `seed` alone."""
    digest = hashlib.sha256(f"{seed}:{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_of(identity: str, file: str, seed: int = 1, gallery: str = "celebrities") -> str:
    """Return the split of a picture `file` in the folder `identity`.

    Pictures of people in the folder `gallery` are `train`, `calibration` or `test`. Other people are `train`, or
    impostors that neither network nor gallery contains: `calibration-impostor` and `test-impostor`, or
    `calibration-famous` and `test-famous` for people known by name. A folder name with a digit is an anonymous ID.
    """
    if not identity.startswith(f"{gallery}/"):
        share = unit_hash(identity, seed)
        if "/" in identity and not any(letter.isdigit() for letter in identity.rpartition("/")[2]):
            return "calibration-famous" if share < 0.5 else "test-famous"
        if share < 0.06:
            return "calibration-impostor"
        return "test-impostor" if share < 0.12 else "train"
    share = unit_hash(file, seed)
    return "calibration" if share < 0.03 else "test" if share < 0.10 else "train"


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
            for faces in (crops.crops[probes], crops.crops[probes][:, :, ::-1]):
                is_duplicate[probes] |= (_thumbnails(faces) @ thumbnails.T).max(axis=1) >= DUPLICATE
    return np.flatnonzero(is_duplicate)


def _thumbnails(crops: ByteArray) -> FloatArray:
    """Return high-pass filtered gray thumbnails: float32 (faces, 784) of mean 0 and length 1."""
    rows = np.empty((len(crops), _SIDE * _SIDE), dtype=np.float32)
    for number, crop in enumerate(crops):
        gray = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)
        small = cv2.resize(gray, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        rows[number] = (small - cv2.GaussianBlur(small, (0, 0), _SIDE / 7)).ravel()
    return to_unit_length(rows - rows.mean(axis=1, keepdims=True))
