"""A second collection, such as LFW, that no network is trained on: gallery people and impostors.

People with ten or more pictures join the gallery, half of their pictures as anchors and half as test faces. The others
are impostors, half of them for calibration and half for tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from app.training.data.crops import Crops, collect, embed
from app.training.data.tiles import unit_hash
from app.training.release.release import GUESTS, Faces, Tick, quiet
from app.vision import decoding
from app.vision.detection import Detector

LEAST = 10
"""Pictures that somebody has at least to be in the gallery."""


def invite(
    faces: Faces, root: Path, work: Path, detector: Detector, network, left_out: Sequence[str], tick: Tick = quiet
) -> Faces:
    """Add the people of a collection to the faces.

    Args:
        faces: as `shipping.gather` gives them.
        root: the collection, a folder a person.
        work: folder for the cached crops.
        detector: the one that serves.
        network: what embeds.
        left_out: folders of people whom the gallery already has.
        tick: told the progress.

    Returns:
        The faces and theirs, below `guests/`, in the splits `train` and `guest` for those who join the gallery, and
        `calibration-impostor` and `test-impostor` for the others.
    """
    members, others = pictures_of(root, left_out)
    files = sorted([*members, *others])
    done = iter(range(1, len(files) + 1))
    crops = collect(root, files, detector, work / "guests", lambda: tick("finding LFW faces", next(done), len(files)))
    crops, embeddings = embed(network, crops, work / "guests", partial(tick, "embedding LFW faces"))
    identities = [f"{GUESTS}/{file.rpartition('/')[0]}" for file in files]
    inside = set(members)
    splits = [split_of(file) if file in inside else impostor_split_of(file) for file in files]
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


def impostor_split_of(file: str) -> str:
    """Return the split of an impostor's picture, by a hash of the person."""
    return "calibration-stranger" if unit_hash(file.rpartition("/")[0], 2) < 0.5 else "test-stranger"


def pictures_of(root: Path, left_out: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the pictures of people with at least `LEAST`, and those of all others, relative to `root`, in order."""
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name not in left_out)
    found = [[path for path in sorted(folder.iterdir()) if decoding.looks_like_picture(path)] for folder in folders]
    groups = ([own for own in found if len(own) >= LEAST], [own for own in found if len(own) < LEAST])
    members, others = ([path.relative_to(root).as_posix() for own in group for path in own] for group in groups)
    return members, others


def _joined(one: Crops, other: Crops) -> Crops:
    return Crops(
        [*one.files, *other.files],
        np.concatenate([one.crops, other.crops]),
        np.concatenate([one.rows, other.rows]),
        np.concatenate([one.norms, other.norms]),
    )
