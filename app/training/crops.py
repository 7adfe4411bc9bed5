"""The faces of a folder as serving sees them: decoded, detected and aligned by the same code, made once and kept.

What is measured here and what the gallery is built from must come from the way a visitor's photo takes;
only training itself cuts its own, jittered crops (see `tiles`).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app import crop, images, quality
from app.detection import METHOD, Detector
from app.siamese import numbers

_CHUNK = 2000


@dataclass(frozen=True, eq=False)
class Crops:
    """The largest face of each picture.

    `files` are relative to the root. `crops` is uint8 (files, 112, 112, 3) RGB, read from disk as needed;
    `found` is bool (files,), false where the detector missed; `eye_distance` and `sharpness` are float32
    (files,), see `quality`.
    """

    files: list[str]
    crops: np.ndarray
    found: np.ndarray
    eye_distance: np.ndarray
    sharpness: np.ndarray

    def positions(self, files: Sequence[str]) -> np.ndarray:
        """Where files are: int64 (len(files),)."""
        places = {file: position for position, file in enumerate(self.files)}
        return np.array([places[file] for file in files], dtype=np.int64)


def collect(
    root: Path, files: Sequence[str], detector: Detector, cache: Path, tick: Callable[[], object] = lambda: None
) -> Crops:
    """Cut the largest face of each file, going on where an earlier call was stopped.

    Arguments:
        root: folder that `files` are relative to.
        files: the pictures.
        detector: the one that serves.
        cache: folder for the results, which are made anew if the files or the crop change.
        tick: called after each picture.
    """
    cache.mkdir(parents=True, exist_ok=True)
    shape = (len(files), crop.SIZE, crop.SIZE, 3)
    array, log, about = cache / "crops.npy", cache / "crops.csv", cache / "about.txt"
    made_for = "\n".join([crop.PIPELINE, f"{detector.backend} {METHOD}", *files])
    if not about.exists() or about.read_text(encoding="utf-8") != made_for:
        for old in (log, array, *cache.glob("embeddings-*.npy")):
            old.unlink(missing_ok=True)
        np.lib.format.open_memmap(array, mode="w+", dtype=np.uint8, shape=shape).flush()
        about.write_text(made_for, encoding="utf-8")
    crops = np.load(array, mmap_mode="r+")
    rows = _rows(log)
    done = len(rows)
    # A call that was killed may have left half a line, which the next row must not be glued to.
    log.write_text("".join(f"{distance},{sharpness}\n" for distance, sharpness in rows), encoding="utf-8")
    with log.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        for position in range(done, len(files)):
            cut, measured = _largest(root / files[position], detector)
            if cut is not None:
                crops[position] = cut
            writer.writerow([measured.eye_distance, measured.sharpness] if measured else [-1, -1])
            tick()
    values = np.array(_rows(log), dtype=np.float32).reshape(-1, 2)
    return Crops(list(files), crops, values[:, 0] >= 0, values[:, 0], values[:, 1])


def _rows(log: Path) -> list[list[str]]:
    if not log.exists():
        return []
    with log.open(newline="", encoding="utf-8") as stream:
        lines = stream.read().splitlines(keepends=True)
    return [row for row in csv.reader(line for line in lines if line.endswith("\n")) if len(row) == 2]


def _largest(path: Path, detector: Detector) -> tuple[np.ndarray | None, quality.Quality | None]:
    try:
        picture = images.decode(path.read_bytes())
    except images.UnreadableImage:
        return None, None
    face = detector.largest(picture)
    if face is None:
        return None, None
    cut = crop.align(picture.pixels, face.eyes)
    return cut, quality.measure(cut, face.eyes)


def embed(
    network, crops: Crops, cache: Path, tick: Callable[[int, int], object] = lambda done, total: None
) -> np.ndarray:
    """Embed every face that was found, once for each network.

    Arguments:
        network: a `siamese.Network`.
        crops: the faces.
        cache: folder that keeps the embeddings.
        tick: called with (done, total).

    Returns:
        float32 (files, dims) of length 1; zeros where the detector missed.
    """
    path = cache / f"embeddings-{fingerprint(network.twin)}.npy"
    if path.exists() and len(kept := np.load(path)) == len(crops.files):
        return kept
    embeddings = np.zeros((len(crops.files), network.dims), dtype=np.float32)
    found = np.flatnonzero(crops.found)
    for at in range(0, len(found), _CHUNK):
        chosen = found[at : at + _CHUNK]
        embeddings[chosen] = network.embed(np.asarray(crops.crops[chosen]))
        tick(min(at + _CHUNK, len(found)), len(found))
    np.save(path, embeddings)
    return embeddings


def fingerprint(twin) -> str:
    """What tells the weights of one twin from another's, as text for a file name."""
    digest = hashlib.sha256()
    for _, array in sorted(numbers(twin).items()):
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
