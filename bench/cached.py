"""Faces whose crops and embeddings `main.py ship` left in its work folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.settings import ROOT
from app.training.tiles import split_of

CROPS = ROOT / ".training" / "crops"
"""Where they lie unless said otherwise."""


def faces(crops: Path, *splits: str) -> tuple[np.ndarray, np.ndarray]:
    """The faces of some splits.

    Arguments:
        crops: the folder.
        splits: names, as `tiles.split_of` gives them.

    Returns:
        The folder of each face's person, and float32 (faces, dims) of length 1.
    """
    kept = sorted(crops.glob("embeddings-*.npy"), key=lambda path: path.stat().st_mtime)
    if not kept:
        raise SystemExit(f"There are no embeddings in {crops}. python main.py ship FACES_FOLDER makes them.")
    files = (crops / "about.txt").read_text(encoding="utf-8").split("\n")[2:]
    embeddings = np.load(kept[-1])
    people = np.array([file.rpartition("/")[0] for file in files])
    chosen = np.array([split_of(one, file) in splits for one, file in zip(people, files, strict=True)])
    # Where the detector missed there are zeros.
    chosen &= np.linalg.norm(embeddings, axis=1) > 0
    return people[chosen], embeddings[chosen]
