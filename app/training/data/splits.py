"""Training, calibration and test splits of faces, by hashes of names: the same on every machine and in any order."""

from __future__ import annotations

import hashlib


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
