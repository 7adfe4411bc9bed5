"""Labeled faces for calibration, gallery and evaluation: serving crops with identity, split and embedding."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.arrays import FloatArray, IntArray, TextArray
from app.errors import TrainingError
from app.gallery import names
from app.recognition.inference import Network
from app.training.data.crops import Crops, collect, embed
from app.training.data.duplicates import find_duplicates
from app.training.data.splits import split_of
from app.vision import decoding
from app.vision.detection import Detector

UNSEEN = "unseen"
"""First part of the files and identities of a collection that no network is trained on, see `unseen_people`."""

GALLERY_SPLITS = ("train", "calibration", "test", "test-unseen")
"""Splits of faces whose people are in the gallery."""

IMPOSTOR_SPLITS = ("calibration-impostor", "test-impostor", "calibration-famous", "test-famous")

Progress = Callable[[str, int, int], object]
"""Called with the name of a step, the number of finished items and their total."""


def no_progress(step: str, done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True, eq=False)
class LabeledFaces:
    """Faces with identity, split and embedding.

    Attributes:
        root: Folder of identities.
        crops: Crops of the serving pipeline, one for each picture.
        identities: str (faces,), folders below `root`.
        splits: str (faces,), as `splits.split_of` returns them. `repeated` marks held-out copies of training faces.
        embeddings: float32 (faces, dims) of unit length, zeros where the detector missed the face.
        unseen_root: Folder of the collection of unseen people, if any.
    """

    root: Path
    crops: Crops
    identities: TextArray
    splits: TextArray
    embeddings: FloatArray
    unseen_root: Path | None = None

    def read_picture(self, position: int) -> np.ndarray:
        """Return the whole picture of a face: uint8 (height, width, 3) RGB, upright."""
        file = self.crops.files[position]
        folder, _, rest = file.partition("/")
        path = self.unseen_root / rest if self.unseen_root and folder == UNSEEN else self.root / file
        return decoding.decode(path.read_bytes()).pixels

    def positions(self, *splits: str) -> IntArray:
        """Return the positions of the detected faces of some splits."""
        return np.flatnonzero(np.isin(self.splits, splits) & self.crops.found)


def load(
    root: Path, work: Path, detector: Detector, network: Network, gallery: str, progress: Progress = no_progress
) -> LabeledFaces:
    """Crop and embed the gallery people and the impostors below a folder.

    Args:
        root: Folder of identities.
        work: Folder for the cached crops.
        detector: Detector of the serving pipeline.
        network: Network that embeds the crops.
        gallery: Sub-folder of `root` with the gallery people.
        progress: Called with the progress.

    Raises:
        TrainingError: There are no gallery people below `root`, or no impostors.
    """
    files, identities, splits = [], [], []
    for path in sorted(root.rglob("*")):
        if decoding.is_photo_file(path):
            file = path.relative_to(root).as_posix()
            identity = file.rpartition("/")[0]
            split = split_of(identity, file, gallery=gallery)
            if identity.startswith(f"{gallery}/") or split != "train":
                files.append(file)
                identities.append(identity)
                splits.append(split)
    if not {"test", "calibration", "calibration-impostor", "test-impostor"} <= set(splits):
        raise TrainingError(
            f"{root} has too few people. It needs a sub-folder {gallery} with one folder per gallery person, and "
            "folders of other people, some of whom serve as impostors. Name the sub-folder with --gallery."
        )
    done = iter(range(1, len(files) + 1))
    crops = collect(root, files, detector, work / "crops", lambda: progress("detecting faces", next(done), len(files)))
    crops, embeddings = embed(network, crops, work / "crops", lambda done, total: progress("embedding", done, total))
    people, parts = np.array(identities), np.array(splits, dtype="U32")
    parts[find_duplicates(crops, people, parts)] = "repeated"
    return LabeledFaces(root, crops, people, parts, embeddings)


def drop_gallery_impostors(faces: LabeledFaces, spellings: dict[str, str]) -> LabeledFaces:
    """Move impostors with the name of a gallery person to the split `dropped`, since collections overlap."""
    keys = np.array([names.slug(person_name(identity, spellings)) for identity in faces.identities])
    enrolled = keys[np.isin(faces.splits, GALLERY_SPLITS)]
    overlap = np.isin(faces.splits, IMPOSTOR_SPLITS) & np.isin(keys, enrolled)
    return replace(faces, splits=np.where(overlap, "dropped", faces.splits))


def read_spellings(anchors: Path) -> dict[str, str]:
    """Return the spelling of names by folder name, from the gallery's names.json if it exists."""
    path = anchors / "names.json"
    spellings: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return spellings


def person_name(identity: str, spellings: dict[str, str]) -> str:
    """Return the name of a folder's person."""
    name = identity.rpartition("/")[2].replace("_", " ")
    return spellings.get(name, name)


def lfw_names(root: Path) -> Sequence[str]:
    """Return the LFW names of the gallery people, from in_lfw.csv in the folder of faces if it exists."""
    path = root / "in_lfw.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [row["lfw_name"] for row in csv.DictReader(stream)]
