"""A teacher's answers about blends of two faces: made once, kept in a file, learnt from again and again.

Every blend is somebody whom no picture shows, so that a student cannot learn by heart whom it learns from. Blend
(seed, lap, face) is made anew whenever it is needed, from its own random generator, so only the answer is
kept: 256 bytes. The teacher sees it upright and clear, the student augmented, another way each time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.errors import TrainingError
from app.training.augmentation import augment
from app.training.data.splits import split_of
from app.training.data.tiles import TileSet
from app.training.fit.teacher import Teacher
from app.vision import alignment

BLENDING = "blend-3"
"""Name of the way blends are made; change it whenever `Answers.blend` makes others."""

_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers about blends, each of a training face and another.

    `answers` is float16 (laps, training faces, dims), zeros where nobody has answered yet; `faces` int64
    (training faces,), their positions in `tiles`.
    """

    tiles: TileSet
    faces: np.ndarray
    seed: int
    answers: np.ndarray

    def blend(self, lap: int, number: int) -> np.ndarray:
        """Return blend `number` of a lap, the same every time: uint8 (144, 144, 3) RGB."""
        place, other, rng = self._pair(lap, number)
        tiles, eyes = self.tiles.tiles, self.tiles.eyes
        return augment.blend((tiles[place], eyes[place]), (tiles[other], eyes[other]), rng)

    def draw(self, place: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
        """One blend of a face, augmented, and the answer about it.

        Args:
            place: position of the face in `tiles`.
            rng: chooses among the laps, and how it is augmented.

        Returns:
            uint8 (112, 112, 3) RGB and float32 (dims,) of length 1; None while no lap has reached the face.
        """
        number = int(np.searchsorted(self.faces, place))
        answered = np.flatnonzero(self.answers[:, number, 0])
        if not len(answered):
            return None
        lap = int(answered[rng.integers(len(answered))])
        answer = self.answers[lap, number].astype(np.float32)
        shown = augment.random_crop(self.blend(lap, number), augment.BLEND_EYES, rng)
        return shown, answer / np.linalg.norm(answer)

    def missing(self) -> np.ndarray:
        """Blends without an answer, in the order to ask about them: int64 (blends, 2) of lap and number."""
        return np.argwhere(self.answers[:, :, 0] == 0)

    def _pair(self, lap: int, number: int) -> tuple[int, int, np.random.Generator]:
        """The two faces of a blend, and where the rest of its randomness comes from."""
        rng = np.random.default_rng([self.seed, 5, lap, number])
        return self.faces[number], self.faces[rng.integers(len(self.faces))], rng


def training_faces(tiles: TileSet, seed: int = 1) -> np.ndarray:
    """Positions of the faces that train, rising: int64."""
    splits = [split_of(who, file, seed) for who, file in zip(tiles.identities, tiles.files, strict=True)]
    return np.flatnonzero(np.array(splits) == "train")


def ask(
    tiles: TileSet,
    folder: Path,
    teacher: Teacher,
    laps: int,
    seed: int = 1,
    tick: Callable[[int, int], object] = lambda done, total: None,
) -> Answers:
    """Ask a teacher about `laps` blends of every training face, going on where an earlier call was stopped.

    Args:
        tiles: the faces.
        folder: for answers.npy and answers.json.
        teacher: who is asked.
        laps: blends of each face.
        seed: of the blends, and of the split into training and held-out faces.
        tick: called with (done, total) blends, first before any is asked about.

    Raises:
        TrainingError: the folder has answers of another teacher, about other faces, or made otherwise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    faces = training_faces(tiles, seed)
    about = _about(tiles, faces, seed) | {"laps": laps, "teacher": teacher.sha256}
    path, note = folder / "answers.npy", folder / "answers.json"
    dims = len(teacher.embed_one(np.zeros((112, 112, 3), np.uint8)))
    if not note.exists():
        np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(laps, len(faces), dims)).flush()
        note.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    elif json.loads(note.read_text(encoding="utf-8")) != about:
        raise TrainingError(f"{folder} has answers of another run (see {note}). Give another folder, or remove it.")
    kept = Answers(tiles, faces, seed, np.load(path, mmap_mode="r+"))
    cv2.setNumThreads(1)
    missing, total = kept.missing(), laps * len(faces)
    done = total - len(missing)
    tick(done, total)
    for at in range(0, len(missing), _CHUNK):
        part = missing[at : at + _CHUNK]
        found = np.stack(
            list(teacher.map(len(part), lambda row, part=part: _upright(kept.blend(*map(int, part[row])))))
        )
        # An answer counts once its first value is there; none is exactly zero by itself.
        found[:, 0] = np.where(np.abs(found[:, 0]) < 1e-4, 1e-4, found[:, 0])
        kept.answers[part[:, 0], part[:, 1]] = found
        kept.answers.flush()
        done += len(part)
        tick(done, total)
    return kept


def read(tiles: TileSet, folder: Path) -> Answers:
    """The answers that lie in a folder, to learn from.

    Raises:
        TrainingError: there are none, or they are about other faces or blends made otherwise.
    """
    note = folder / "answers.json"
    if not note.exists():
        raise TrainingError(f"There are no answers in {folder}. Make them: python main.py targets FACES_FOLDER --help.")
    about = json.loads(note.read_text(encoding="utf-8"))
    faces = training_faces(tiles, about["seed"])
    if {**about, **_about(tiles, faces, about["seed"])} != about:
        raise TrainingError(f"The answers in {folder} are about other faces or blends than these. Make them anew.")
    return Answers(tiles, faces, about["seed"], np.load(folder / "answers.npy", mmap_mode="r"))


def _upright(blended: np.ndarray) -> np.ndarray:
    return alignment.align(blended, augment.BLEND_EYES)


def _about(tiles: TileSet, faces: np.ndarray, seed: int) -> dict:
    listed = "\n".join(tiles.files[place] for place in faces)
    return {"blending": BLENDING, "seed": seed, "faces": hashlib.sha256(listed.encode()).hexdigest()}
