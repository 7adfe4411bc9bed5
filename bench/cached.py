"""Faces whose crops and embeddings `main.py ship` left in its work folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.recognition import inference
from app.settings import ROOT, Settings
from app.training.data.crops import fingerprint
from app.training.data.splits import split_of

CROPS = ROOT / ".training" / "crops"
"""Where they lie unless said otherwise."""


def embedded(crops: Path, weights: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The faces that the detector found.

    Args:
        crops: the folder.
        weights: those of the network whose embeddings are wanted.

    Returns:
        The folder of each face's person, its file, and float32 (faces, dims) of length 1.
    """
    kept = crops / f"vectors-{fingerprint(weights)}.npy"
    if not kept.exists():
        raise SystemExit(
            f"There are no embeddings of this network in {crops}. python main.py ship FACES_FOLDER makes them."
        )
    files = np.array((crops / "about.txt").read_text(encoding="utf-8").split("\n")[2:])
    embeddings = inference.to_unit_length(np.load(kept))
    people = np.array([file.rpartition("/")[0] for file in files])
    # Where the detector missed there are zeros.
    found = np.linalg.norm(embeddings, axis=1) > 0
    return people[found], files[found], embeddings[found]


def faces(crops: Path, *splits: str) -> tuple[np.ndarray, np.ndarray]:
    """The faces of some splits, embedded by the network that ships.

    Args:
        crops: the folder.
        splits: names, as `splits.split_of` gives them.

    Returns:
        The folder of each face's person, and float32 (faces, dims) of length 1.
    """
    people, files, embeddings = embedded(crops, inference.load_network(Settings().model).weights)
    chosen = np.array([split_of(*one) in splits for one in zip(people, files, strict=True)])
    return people[chosen], embeddings[chosen]
