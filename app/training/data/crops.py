"""Face crops of a folder of pictures, made by the serving pipeline and cached on disk.

Galleries, thresholds and figures come from the same decoding, detection and alignment that a visitor's photo takes.
Only training itself makes its own, augmented crops (see `tiles`).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from app.errors import UnreadableImage
from app.recognition.inference import Network, to_unit_length
from app.vision import alignment, decoding, quality
from app.vision.detection import DETECTION_VERSION, Detector
from app.vision.faces import Box, DetectedFace

_CHUNK = 2000

_COLUMNS = 16
"""Of a cached row: box (4), both confidences, landmarks (10)."""


@dataclass(frozen=True, eq=False)
class Crops:
    """The largest face of each picture.

    `files` are relative to the root. `crops` is uint8 (files, 112, 112, 3) RGB, read from disk as needed. `rows` is
    float32 (files, 16), what the detector reported: box, confidence, confidence in the enlarged view (NaN without
    one) and landmarks (NaN where the backend reports the eyes alone); all NaN where it missed the face. `norms` is
    float32 (files,), the lengths of the embeddings before they are scaled, once a network has embedded the faces.
    """

    files: list[str]
    crops: np.ndarray
    rows: np.ndarray
    norms: np.ndarray | None = None

    @cached_property
    def found(self) -> np.ndarray:
        """Whether the detector found a face: bool (files,)."""
        return ~np.isnan(self.rows[:, 0])

    @cached_property
    def qualities(self) -> list[quality.Quality | None]:
        """The quality of each face, None where the detector missed it."""
        norms = [None] * len(self.files) if self.norms is None else self.norms.tolist()
        return [
            quality.measure_quality(np.asarray(self.crops[place]), face.landmarks, face.close_confidence, norms[place])
            if (face := self.face(place))
            else None
            for place in range(len(self.files))
        ]

    def face(self, place: int) -> DetectedFace | None:
        """Return the detected face of a picture, or None where the detector missed it."""
        if not self.found[place]:
            return None
        row = self.rows[place]
        points = row[6:].reshape(5, 2).astype(np.float64)
        points = points[:2] if np.isnan(points[2:]).any() else points
        close = None if np.isnan(row[5]) else float(row[5])
        return DetectedFace(Box(*map(int, row[:4])), points, float(row[4]), close)

    def positions(self, files: Sequence[str]) -> np.ndarray:
        """Where files are: int64 (len(files),)."""
        places = {file: position for position, file in enumerate(self.files)}
        return np.array([places[file] for file in files], dtype=np.int64)


def collect(
    root: Path, files: Sequence[str], detector: Detector, cache: Path, tick: Callable[[], object] = lambda: None
) -> Crops:
    """Crop the largest face of each file. A call that was stopped is resumed.

    Args:
        root: folder that `files` are relative to.
        files: the pictures.
        detector: the one that serves.
        cache: folder for the results, which are discarded if the files, the detector or the alignment change.
        tick: called after each picture.
    """
    cache.mkdir(parents=True, exist_ok=True)
    shape = (len(files), alignment.SIZE, alignment.SIZE, 3)
    array, log, about = cache / "crops.npy", cache / "faces.csv", cache / "about.txt"
    made_for = "\n".join([alignment.PIPELINE, f"{detector.backend} {DETECTION_VERSION}", *files])
    if not about.exists() or about.read_text(encoding="utf-8") != made_for:
        for old in (log, array, *cache.glob("vectors-*.npy")):
            old.unlink(missing_ok=True)
        np.lib.format.open_memmap(array, mode="w+", dtype=np.uint8, shape=shape).flush()
        about.write_text(made_for, encoding="utf-8")
    crops = np.load(array, mmap_mode="r+")
    rows = _rows(log)
    done = len(rows)
    # A call that was killed may have left half a line, which the next row must not be appended to.
    log.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    with log.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        for position in range(done, len(files)):
            cut, face = _largest(root / files[position], detector)
            if cut is not None:
                crops[position] = cut
            writer.writerow(_row(face))
            tick()
    return Crops(list(files), crops, np.array(_rows(log), dtype=np.float32).reshape(-1, _COLUMNS))


def _row(face: DetectedFace | None) -> list[float]:
    if face is None:
        return [np.nan] * _COLUMNS
    box = face.box
    points = [round(value, 3) for value in face.landmarks.ravel().tolist()]
    confidences = [face.confidence, np.nan if face.close_confidence is None else face.close_confidence]
    return [box.x, box.y, box.width, box.height, *confidences, *points, *[np.nan] * (10 - len(points))]


def _rows(log: Path) -> list[list[str]]:
    if not log.exists():
        return []
    with log.open(newline="", encoding="utf-8") as stream:
        lines = stream.read().splitlines(keepends=True)
    return [row for row in csv.reader(line for line in lines if line.endswith("\n")) if len(row) == _COLUMNS]


def _largest(path: Path, detector: Detector) -> tuple[np.ndarray | None, DetectedFace | None]:
    try:
        picture = decoding.decode(path.read_bytes())
    except UnreadableImage:
        return None, None
    face = detector.find_largest_face(picture)
    return (None, None) if face is None else (alignment.align(picture.pixels, face.landmarks), face)


def embed(
    network: Network, crops: Crops, cache: Path, tick: Callable[[int, int], object] = lambda done, total: None
) -> tuple[Crops, np.ndarray]:
    """Embed every face that was found, once for each network.

    Args:
        network: the one that serves, or that will.
        crops: the faces.
        cache: folder that keeps the embeddings.
        tick: called with (done, total).

    Returns:
        The faces with their `norms`, and float32 (files, dims) of unit length, zeros where the detector missed.
    """
    path = cache / f"vectors-{fingerprint(network.weights)}.npy"
    if not path.exists() or len(np.load(path, mmap_mode="r")) != len(crops.files):
        vectors = np.zeros((len(crops.files), network.dims), dtype=np.float32)
        found = np.flatnonzero(crops.found)
        for at in range(0, len(found), _CHUNK):
            chosen = found[at : at + _CHUNK]
            vectors[chosen] = network.embed_raw(np.asarray(crops.crops[chosen]))
            tick(min(at + _CHUNK, len(found)), len(found))
        np.save(path, vectors)
    vectors = np.load(path)
    return replace(crops, norms=np.linalg.norm(vectors, axis=1)), to_unit_length(vectors)


def fingerprint(weights: dict[str, np.ndarray]) -> str:
    """Return what tells one network's weights from another's, as text for a file name."""
    digest = hashlib.sha256()
    for _, array in sorted(weights.items()):
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
