"""Labeled faces for calibration, gallery and evaluation: serving crops with identity, split and embedding.

LFW, if given, adds people not seen in training. Those with ten or more pictures can join the gallery, half of their
pictures as anchors and half as test faces. The others are impostors, half for calibration and half for tests.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from app.arrays import ByteArray, FloatArray, IntArray, TextArray
from app.errors import TrainingError
from app.gallery.names import slug
from app.training.data.crops import Crops, Pipeline
from app.training.data.splits import find_duplicates, split_of, unit_hash
from app.vision import decoding

UNSEEN = "unseen"
"""First part of the identities of LFW."""

MIN_LFW_PICTURES = 10

LEFT_OUT = "left-out"
"""Split of people with enough pictures whom the gallery leaves out. They are not impostors either. People of LFW among
them are still members of own galleries."""

GALLERY_SPLITS = ("train", "calibration", "test", "test-unseen")
IMPOSTOR_SPLITS = ("calibration-impostor", "test-impostor", "calibration-famous", "test-famous")


@dataclass(frozen=True, eq=False)
class LabeledFaces:
    """Faces with identity, split and embedding.

    `identities` are the folders of the people. `splits` are those of `split_of`, `test-unseen` for LFW people in the
    gallery, `repeated` for held-out copies of training faces, and `LEFT_OUT`. `embeddings` is float32 (faces, dims)
    of unit length, zeros where the detector missed the face. `spellings` has names by folder name, and `sources`
    collections by file.
    """

    paths: Sequence[Path]
    crops: Crops
    identities: TextArray
    splits: TextArray
    embeddings: FloatArray
    spellings: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def names(self) -> TextArray:
        """Name of the person in each face: str (faces,)."""
        return np.array([person_name(identity, self.spellings) for identity in self.identities.tolist()])

    def read_picture(self, position: int) -> ByteArray:
        """Return the whole picture of a face: uint8 (height, width, 3) RGB, upright."""
        return decoding.decode(self.paths[position].read_bytes()).pixels

    def positions(self, *splits: str) -> IntArray:
        """Return the positions of the detected faces of some splits."""
        return np.flatnonzero(np.isin(self.splits, splits) & self.crops.found)


def load(root: Path, lfw: Path | None, gallery: str, anchors: Path, pipeline: Pipeline) -> LabeledFaces:
    """Crop and embed the gallery people, in a sub-folder of `root`, and the impostors.

    The folder `anchors` of the shipped gallery has the spelling of names, and the people whom it leaves out.

    Raises:
        TrainingError: There are no gallery people below `root`, or no impostors.
    """
    split_by_file = {}
    for path in sorted(root.rglob("*")):
        file = path.relative_to(root).as_posix()
        if decoding.is_photo_file(path):
            split = split_of(_folder(file), file, gallery=gallery)
            if split != "train" or _folder(file).startswith(f"{gallery}/"):
                split_by_file[file] = split
    files, splits = list(split_by_file), np.array(list(split_by_file.values()), dtype="U32")
    if not {"test", "calibration", "calibration-impostor", "test-impostor"} <= set(splits):
        raise TrainingError(
            f"{root} has too few people. It needs a sub-folder {gallery} with one folder per gallery person, and "
            "folders of other people, some of whom serve as impostors. Name the sub-folder with --gallery."
        )
    crops, embeddings = pipeline.embed(root, files, "crops")
    identities = np.array([_folder(file) for file in files])
    splits[find_duplicates(crops, identities, splits)] = "repeated"
    sources = {row["file"]: row["source"] for row in _read_csv(root / "index.csv") if row.get("source")}
    paths = [root / file for file in files]
    faces = LabeledFaces(paths, crops, identities, splits, embeddings, read_spellings(anchors), sources)
    if lfw:
        faces = add_lfw(faces, lfw, lfw_names(root), pipeline)
    return drop_gallery_impostors(leave_out(faces, read_left_out(anchors)))


def add_lfw(faces: LabeledFaces, root: Path, excluded: Sequence[str], pipeline: Pipeline) -> LabeledFaces:
    """Add LFW, with identities below `unseen/`, without the `excluded` folders of people whom the gallery has."""
    members, others = list_lfw_pictures(root, excluded)
    files = sorted([*members, *others])
    crops, embeddings = pipeline.embed(root, files, UNSEEN)
    splits = dict.fromkeys(members, "test-unseen") | dict.fromkeys(others, "test-impostor")
    splits |= {file: "train" for file in members if unit_hash(file, 1) < 0.5}
    splits |= {file: "calibration-impostor" for file in others if unit_hash(_folder(file), 2) < 0.5}
    return replace(
        faces,
        paths=[*faces.paths, *(root / file for file in files)],
        crops=Crops(
            [*faces.crops.files, *files],
            np.concatenate([faces.crops.crops, crops.crops]),
            np.concatenate([faces.crops.rows, crops.rows]),
            np.concatenate([faces.crops.norms, crops.norms]),
        ),
        identities=np.concatenate([faces.identities, [f"{UNSEEN}/{_folder(file)}" for file in files]]),
        splits=np.concatenate([faces.splits, [splits[file] for file in files]]),
        embeddings=np.concatenate([faces.embeddings, embeddings]),
    )


def list_lfw_pictures(root: Path, excluded: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the pictures of people with at least `MIN_LFW_PICTURES`, and of all others, relative to `root`."""
    members: list[str] = []
    others: list[str] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name not in excluded):
        pictures = sorted(path for path in folder.iterdir() if decoding.is_photo_file(path))
        group = members if len(pictures) >= MIN_LFW_PICTURES else others
        group += [path.relative_to(root).as_posix() for path in pictures]
    return members, others


def leave_out(faces: LabeledFaces, people: Sequence[str]) -> LabeledFaces:
    """Move the faces of people who would join the gallery, by name, to the split `left-out`."""
    is_left_out = np.isin(faces.splits, GALLERY_SPLITS) & np.isin(faces.names, people)
    return replace(faces, splits=np.where(is_left_out, LEFT_OUT, faces.splits))


def drop_gallery_impostors(faces: LabeledFaces) -> LabeledFaces:
    """Move impostors with the name of a gallery person to the split `dropped`, since collections overlap."""
    keys = np.array([slug(name) for name in faces.names.tolist()])
    enrolled = keys[np.isin(faces.splits, GALLERY_SPLITS)]
    overlap = np.isin(faces.splits, IMPOSTOR_SPLITS) & np.isin(keys, enrolled)
    return replace(faces, splits=np.where(overlap, "dropped", faces.splits))


def read_spellings(anchors: Path) -> dict[str, str]:
    """Return the spelling of names by folder name, from the gallery's names.json if it exists."""
    path = anchors / "names.json"
    spellings: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return spellings


def read_left_out(anchors: Path) -> list[str]:
    """Return the names of the people whom the gallery leaves out, from its left_out.json if it exists."""
    path = anchors / "left_out.json"
    people: list[str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return people


def person_name(identity: str, spellings: Mapping[str, str]) -> str:
    """Return the name of a folder's person."""
    name = identity.rpartition("/")[2].replace("_", " ")
    return spellings.get(name, name)


def lfw_names(root: Path) -> Sequence[str]:
    """Return the LFW names of the gallery people, from in_lfw.csv in the folder of faces if it exists."""
    return [row["lfw_name"] for row in _read_csv(root / "in_lfw.csv")]


def _read_csv(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _folder(file: str) -> str:
    return file.rpartition("/")[0]
