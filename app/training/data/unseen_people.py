"""People not seen in training: a second collection, such as LFW, as gallery people and impostors.

People with ten or more pictures join the gallery, half of their pictures as anchors and half as test faces. The others
are impostors, half of them for calibration and half for tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from app.recognition.inference import Network
from app.training.data import labeled_faces
from app.training.data.crops import Crops, collect, embed
from app.training.data.labeled_faces import UNSEEN, LabeledFaces, Progress, no_progress
from app.training.data.splits import unit_hash
from app.vision import decoding
from app.vision.detection import Detector

MIN_PICTURES = 10
"""Pictures that a person needs to join the gallery."""


def load_with_unseen(
    root: Path,
    lfw: Path | None,
    work: Path,
    detector: Detector,
    network: Network,
    gallery: str,
    spellings: dict[str, str],
    progress: Progress = no_progress,
) -> LabeledFaces:
    """Return the labeled faces of a folder and, if given, of LFW, without impostors of a gallery person's name."""
    faces = labeled_faces.load(root, work, detector, network, gallery, progress)
    if lfw:
        faces = add_people(faces, lfw, work, detector, network, labeled_faces.lfw_names(root), progress)
    return labeled_faces.drop_gallery_impostors(faces, spellings)


def add_people(
    faces: LabeledFaces,
    root: Path,
    work: Path,
    detector: Detector,
    network: Network,
    excluded: Sequence[str],
    progress: Progress = no_progress,
) -> LabeledFaces:
    """Add the people of a collection to labeled faces.

    Args:
        faces: Faces to add to.
        root: Folder of the collection, with one folder per person.
        work: Folder for the cached crops.
        detector: Detector of the serving pipeline.
        network: Network that embeds the crops.
        excluded: Folders of people whom the gallery already has.
        progress: Called with the progress.

    Returns:
        All faces. The added ones have identities below `unseen/`, and the splits `train` and `test-unseen` for gallery
        people, `calibration-impostor` and `test-impostor` for the others.
    """
    members, others = list_pictures(root, excluded)
    files = sorted([*members, *others])
    done, cache = iter(range(1, len(files) + 1)), work / UNSEEN
    crops = collect(root, files, detector, cache, lambda: progress("detecting LFW faces", next(done), len(files)))
    crops, embeddings = embed(network, crops, cache, partial(progress, "embedding LFW faces"))
    identities = [f"{UNSEEN}/{file.rpartition('/')[0]}" for file in files]
    inside = set(members)
    splits = [split_of(file) if file in inside else impostor_split_of(file) for file in files]
    return replace(
        faces,
        unseen_root=root,
        crops=_concatenate(faces.crops, replace(crops, files=[f"{UNSEEN}/{file}" for file in files])),
        identities=np.concatenate([faces.identities, identities]),
        splits=np.concatenate([faces.splits, splits]),
        embeddings=np.concatenate([faces.embeddings, embeddings]),
    )


def split_of(file: str) -> str:
    """Return the split of a gallery person's picture, by a hash of its path: `train` for anchors, or `test-unseen`."""
    return "train" if unit_hash(file, 1) < 0.5 else "test-unseen"


def impostor_split_of(file: str) -> str:
    """Return the split of an impostor's picture, by a hash of the person."""
    return "calibration-impostor" if unit_hash(file.rpartition("/")[0], 2) < 0.5 else "test-impostor"


def list_pictures(root: Path, excluded: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the sorted pictures of people with at least `MIN_PICTURES`, and of all others, relative to `root`."""
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name not in excluded)
    members: list[str] = []
    others: list[str] = []
    for folder in folders:
        pictures = sorted(path for path in folder.iterdir() if decoding.is_photo_file(path))
        group = members if len(pictures) >= MIN_PICTURES else others
        group += [path.relative_to(root).as_posix() for path in pictures]
    return members, others


def _concatenate(first: Crops, second: Crops) -> Crops:
    return Crops(
        [*first.files, *second.files],
        np.concatenate([first.crops, second.crops]),
        np.concatenate([first.rows, second.rows]),
        np.concatenate([first.norms, second.norms]),
    )
