"""Training faces: folders of identities, packed once into one array of tiles with the positions of their eyes.

A tile is a face with a margin (1.5 times its box), so that augmentation can turn, shift and scale it before
`crop.align` crops it. Every folder of pictures is one identity, named by its path below the root. Landmarks come from
the root's `index.csv` (columns `file`, `right_eye_x` ...) or else from the detector that serves.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from app.errors import TrainingError, UnreadableImage
from app.vision import alignment, decoding
from app.vision.decoding import Picture
from app.vision.detection import Detector

SIDE = 144
"""Side of a packed tile in pixels; smaller tiles lie in its top left corner on black."""


_AHEAD = 64
"""Pictures of any size that are held decoded."""

_FIVE = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
"""An index's names of five landmarks. Right is the person's."""


@dataclass(frozen=True)
class TileSet:
    """Every face found below a folder.

    `tiles` is uint8 (faces, 144, 144, 3) RGB, read from disk as needed. `eyes` is float32 (faces, 2, 2), in tile
    pixels: `crop.aligned_eyes` of the face's landmarks, so that aligning by them is aligning by the landmarks. `files`
    and `identities` name each face. `targets` is float32 (faces, dims) of length 1, a teacher's embeddings, or None.
    """

    tiles: np.ndarray
    eyes: np.ndarray
    files: list[str]
    identities: list[str]
    targets: np.ndarray | None

    def __len__(self) -> int:
        return len(self.files)


def pack(
    root: Path, cache: Path, detector: Detector, tick: Callable[[int, int], None] = lambda done, total: None
) -> TileSet:
    """Read every face below `root` into `cache`. A call that was stopped is resumed.

    Args:
        root: folder of identities.
        cache: folder for the packed arrays. They are made again if the files or the alignment change.
        detector: finds the faces that no landmarks are given for.
        tick: called with (done, total) as pictures are read.

    Raises:
        TrainingError: no picture lies below `root`.
    """
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if decoding.is_photo_file(path))
    if not files:
        raise TrainingError(f"No pictures below {root}. Give a folder that holds one folder of pictures a person.")
    cache.mkdir(parents=True, exist_ok=True)
    shape = (len(files), SIDE, SIDE, 3)
    path, log = cache / "tiles.npy", _log(cache)
    done = _whole_rows(log)
    if not path.exists() or np.load(path, mmap_mode="r").shape != shape or done != files[: len(done)]:
        done = []
        log.unlink(missing_ok=True)
        tiles = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    else:
        tiles = np.lib.format.open_memmap(path, mode="r+")
    known = _landmarks(root)
    with log.open("a", newline="") as stream:
        writer = csv.writer(stream)
        pictures = _pictures([root / file for file in files[len(done) :]])
        for position, (file, picture) in enumerate(zip(files[len(done) :], pictures, strict=True), start=len(done)):
            tile, eyes = _tile(picture, known.get(file), detector)
            if tile is not None:
                tiles[position, : tile.shape[0], : tile.shape[1]] = tile
            writer.writerow([file, *(np.ravel(eyes) if eyes is not None else [""] * 4)])
            tick(position + 1, len(files))
    tiles.flush()
    return _load(root, cache)


def _load(root: Path, cache: Path) -> TileSet:
    rows = _rows(_log(cache))
    found = [i for i, row in enumerate(rows) if row[1]]
    tiles = np.load(cache / "tiles.npy", mmap_mode="r")
    files = [rows[i][0] for i in found]
    eyes = np.array([rows[i][1:] for i in found], dtype=np.float32).reshape(-1, 2, 2)
    if len(found) != len(rows):
        tiles = tiles[found]
    identities = [str(Path(file).parent.as_posix()) for file in files]
    return TileSet(tiles, eyes, files, identities, targets_of(root, files))


def _log(cache: Path) -> Path:
    # Named by the alignment: eyes that an older version stored are those of another one.
    return cache / f"tiles-{alignment.PIPELINE}.csv"


def _rows(log: Path) -> list[list[str]]:
    if not log.exists():
        return []
    with log.open(newline="") as stream:
        return [row for row in csv.reader(stream) if len(row) == 5]


def _whole_rows(log: Path) -> list[str]:
    """The files a log holds; a last line that was cut off while it was written is removed from it."""
    if log.exists():
        data = log.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            log.write_bytes(whole)
    return [row[0] for row in _rows(log)]


def _index(root: Path) -> Iterator[dict[str, str]]:
    index = root / "index.csv"
    if index.exists():
        with index.open(newline="") as stream:
            yield from csv.DictReader(stream)


def _landmarks(root: Path) -> dict[str, np.ndarray]:
    """Return by file the two points that `crop.align` maps to the template's eyes, float32 (2, 2)."""
    found = {}
    for row in _index(root):
        names = [name for name in _FIVE if f"{name}_y" in row]
        if len(names) in (2, 5):
            points = np.array([[row[f"{name}_{axis}"] for axis in "xy"] for name in names], dtype=np.float64)
            found[row["file"]] = alignment.aligned_eyes(points).astype(np.float32)
    return found


def targets_of(root: Path, files: list[str]) -> np.ndarray | None:
    """A teacher's embeddings from the folder's targets.npy, in the order of `files`: float32 (files, dims) of length 1.

    None where the folder has none.
    """
    path = root / "targets.npy"
    if not path.exists():
        return None
    rows = {row["file"]: position for position, row in enumerate(_index(root))}
    targets = np.load(path)[[rows[file] for file in files]].astype(np.float32)
    return targets / np.linalg.norm(targets, axis=1, keepdims=True)


def _pictures(paths: list[Path]) -> Iterator[Picture | None]:
    """The pictures of files, decoded on all cores and some ahead; None for one that cannot be read."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for at in range(0, len(paths), _AHEAD):
            yield from pool.map(_picture, paths[at : at + _AHEAD])


def _picture(path: Path) -> Picture | None:
    try:
        return decoding.decode(path.read_bytes())
    except UnreadableImage:
        return None


def _tile(
    picture: Picture | None, eyes: np.ndarray | None, detector: Detector
) -> tuple[np.ndarray | None, np.ndarray | None]:
    if picture is None:
        return None, None
    if eyes is None:
        return _cut(picture, detector)
    picture = picture.pixels
    if max(picture.shape[:2]) > SIDE:
        return _reduced(picture, eyes)
    return picture, eyes


def _cut(picture: Picture, detector: Detector) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The largest face with 1.5 times its box around it, found by the detector that serves."""
    face = detector.find_largest_face(picture)
    if face is None:
        return None, None
    half = 0.75 * max(face.box.width, face.box.height)
    center = np.array([face.box.x + face.box.width / 2, face.box.y + face.box.height / 2])
    left, top = np.maximum(0, np.floor(center - half)).astype(int)
    right, bottom = np.minimum([picture.width, picture.height], np.ceil(center + half)).astype(int)
    return _reduced(picture.pixels[top:bottom, left:right], alignment.aligned_eyes(face.landmarks) - [left, top])


def _reduced(tile: np.ndarray, eyes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = SIDE / max(tile.shape[:2])
    if scale >= 1:
        return tile, eyes
    size = (max(1, round(tile.shape[1] * scale)), max(1, round(tile.shape[0] * scale)))
    reduced = cv2.resize(tile, size, interpolation=cv2.INTER_AREA)
    return reduced, (eyes + 0.5) * scale - 0.5
