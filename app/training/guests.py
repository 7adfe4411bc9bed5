"""People of a second collection for the gallery: half of their pictures become anchors, the other half are test faces.

The network learns from none of them. It is LFW that this is for: `ship` and `evaluate` take it with --lfw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from app import images
from app.detection import Detector
from app.training.crops import Crops, collect, embed
from app.training.shipping import GUESTS, Faces, Tick, quiet
from app.training.tiles import unit_hash

LEAST = 10
"""Pictures that somebody has at least to be in the gallery."""


def invite(
    faces: Faces, root: Path, work: Path, detector: Detector, network, left_out: Sequence[str], tick: Tick = quiet
) -> Faces:
    """Join everyone of a collection who has `LEAST` pictures to the gallery's people.

    Arguments:
        faces: as `shipping.gather` gives them.
        root: the collection, a folder a person.
        work: folder for the cached crops.
        detector: the one that serves.
        network: what embeds.
        left_out: folders of people whom the gallery already has.
        tick: told the progress.

    Returns:
        The faces and theirs, below `guests/` and in the splits `train` and `guest`.
    """
    files = pictures_of(root, left_out)
    done = iter(range(1, len(files) + 1))
    crops = collect(root, files, detector, work / "guests", lambda: tick("finding guests", next(done), len(files)))
    embeddings = embed(network, crops, work / "guests", lambda done, total: tick("embedding guests", done, total))
    identities = [f"{GUESTS}/{file.rpartition('/')[0]}" for file in files]
    splits = [split_of(file) for file in files]
    return replace(
        faces,
        guests=root,
        crops=_joined(faces.crops, replace(crops, files=[f"{GUESTS}/{file}" for file in files])),
        identities=np.concatenate([faces.identities, identities]),
        splits=np.concatenate([faces.splits, splits]),
        embeddings=np.concatenate([faces.embeddings, embeddings]),
    )


def split_of(file: str) -> str:
    """Which part a guest's picture belongs to, by a hash of its path: `train`, for anchors, or `guest`."""
    return "train" if unit_hash(file, 1) < 0.5 else "guest"


def pictures_of(root: Path, left_out: Sequence[str]) -> list[str]:
    """Every picture of those who have enough, relative to `root`, in order."""
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name not in left_out)
    found = [[path for path in sorted(folder.iterdir()) if images.looks_like_picture(path)] for folder in folders]
    return [path.relative_to(root).as_posix() for own in found if len(own) >= LEAST for path in own]


def _joined(one: Crops, other: Crops) -> Crops:
    arrays = {
        name: np.concatenate([getattr(one, name), getattr(other, name)])
        for name in ("crops", "found", "eye_distance", "sharpness")
    }
    return Crops([*one.files, *other.files], **arrays)
