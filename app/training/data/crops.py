"""Aligned face crops and embeddings of a folder of photos, made by the serving pipeline and cached on disk.

Training, galleries, thresholds and evaluation use the same decoding, detection and alignment as an uploaded photo.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from app.arrays import AnyArray, BoolArray, ByteArray, FloatArray, IntArray
from app.errors import UnreadableImage
from app.recognition.inference import Network, to_unit_length
from app.vision import decoding
from app.vision.alignment import PIPELINE, SIZE, align
from app.vision.detection import DETECTION_VERSION, Detector
from app.vision.faces import Box, DetectedFace
from app.vision.quality import Quality, measure_quality

_CHUNK = 2000
_COLUMNS = 16
_PENDING = np.inf  # marks rows of photos that were not processed yet

Progress = Callable[[str, int, int], object]
"""Called with the name of a step, the number of finished items and their total."""


def no_progress(step: str, done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True, eq=False)
class Crops:
    """The largest face of each photo.

    `files` are relative to their root. `crops` is uint8 (files, 112, 112, 3) RGB, read from disk as needed. `rows`,
    float32 (files, 16), has the box (4), confidence, confidence in the enlarged view (NaN without one), and landmarks
    (10, NaN for those that the detector does not report). All are NaN where it missed the face. `norms`, float32
    (files,), has the lengths of the embeddings before scaling, and is None before `embed`.
    """

    files: list[str]
    crops: ByteArray
    rows: FloatArray
    norms: FloatArray | None = None

    @cached_property
    def found(self) -> BoolArray:
        """Whether the detector found a face: bool (files,)."""
        return np.isfinite(self.rows[:, 0])

    @cached_property
    def qualities(self) -> list[Quality | None]:
        """The quality of each face, None where the detector missed it."""
        return [self._quality(position) for position in range(len(self.files))]

    def face(self, position: int) -> DetectedFace | None:
        """Return the detected face of a photo, or None if the detector missed it."""
        if not self.found[position]:
            return None
        row = self.rows[position]
        landmarks = row[6:].reshape(5, 2).astype(np.float64)
        close = None if np.isnan(row[5]) else float(row[5])
        return DetectedFace(
            Box(*map(int, row[:4])), landmarks[np.isfinite(landmarks).all(axis=1)], float(row[4]), close
        )

    def positions(self, files: Sequence[str]) -> IntArray:
        """Return the positions of files: int64 (len(files),)."""
        numbers = {file: position for position, file in enumerate(self.files)}
        return np.array([numbers[file] for file in files], dtype=np.int64)

    def _quality(self, position: int) -> Quality | None:
        face = self.face(position)
        if face is None or face.landmarks is None:
            return None
        norm = None if self.norms is None else float(self.norms[position])
        return measure_quality(np.asarray(self.crops[position]), face.landmarks, face.close_confidence, norm)


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Detector and network of the serving pipeline, with the folder `work` for cached results."""

    detector: Detector
    network: Network
    work: Path
    progress: Progress = no_progress

    def embed(self, root: Path, files: Sequence[str], cache: str) -> tuple[Crops, FloatArray]:
        """Crop and embed photos, see `collect` and `embed`. `cache` is a folder below `work`."""
        crops = collect(root, files, self.detector, self.work / cache, self.progress)
        return embed(self.network, crops, self.work / cache, self.progress)


def collect(
    root: Path, files: Sequence[str], detector: Detector, cache: Path, progress: Progress = no_progress
) -> Crops:
    """Crop the largest face of each photo. An interrupted call resumes.

    The results in the folder `cache` are discarded if the files, the detector or the alignment change.
    """
    cache.mkdir(parents=True, exist_ok=True)
    key = "\n".join([PIPELINE, f"{detector.backend} {DETECTION_VERSION}", *files])
    crops_file, rows_file, key_file = cache / "crops.npy", cache / "faces.npy", cache / "about.txt"
    if not rows_file.exists() or not key_file.exists() or key_file.read_text(encoding="utf-8") != key:
        for outdated in (key_file, *cache.glob("vectors-*.npy")):
            outdated.unlink(missing_ok=True)
        np.lib.format.open_memmap(crops_file, mode="w+", dtype=np.uint8, shape=(len(files), SIZE, SIZE, 3))
        np.save(rows_file, np.full((len(files), _COLUMNS), _PENDING, np.float32))
        key_file.write_text(key, encoding="utf-8")
    crops, rows = np.load(crops_file, mmap_mode="r+"), np.load(rows_file, mmap_mode="r+")
    for position in np.flatnonzero(rows[:, 0] == _PENDING).tolist():
        crops[position], rows[position] = _largest_face(root / files[position], detector)
        progress(f"detecting faces ({cache.name})", position + 1, len(files))
    return Crops(list(files), crops, np.array(rows))


def embed(network: Network, crops: Crops, cache: Path, progress: Progress = no_progress) -> tuple[Crops, FloatArray]:
    """Embed every detected face. The embeddings of each network are cached.

    Returns:
        The faces with their `norms`, and float32 (files, dims) of unit length, zeros where the detector missed a face.
    """
    arithmetic = "-int8" if network.ranges else ""
    path = cache / f"vectors-{fingerprint(network.weights)}{arithmetic}.npy"
    if not path.exists() or len(np.load(path, mmap_mode="r")) != len(crops.files):
        vectors = np.zeros((len(crops.files), network.dims), dtype=np.float32)
        found = np.flatnonzero(crops.found)
        for start in range(0, len(found), _CHUNK):
            chunk = found[start : start + _CHUNK]
            vectors[chunk] = network.embed_raw(np.asarray(crops.crops[chunk]))
            progress(f"embedding ({cache.name})", start + len(chunk), len(found))
        np.save(path, vectors)
    vectors = np.load(path)
    return replace(crops, norms=np.linalg.norm(vectors, axis=1)), to_unit_length(vectors)


def fingerprint(weights: Mapping[str, AnyArray]) -> str:
    """Return a hash of a network's weights for file names."""
    return hashlib.sha256(b"".join(array.tobytes() for _, array in sorted(weights.items()))).hexdigest()[:16]


def _largest_face(path: Path, detector: Detector) -> tuple[ByteArray | int, FloatArray]:
    """Return crop and row of the largest face: 0 and NaN if there is none."""
    row = np.full(_COLUMNS, np.nan, np.float32)
    try:
        picture = decoding.decode(path.read_bytes())
    except UnreadableImage:
        return 0, row
    face = detector.find_largest_face(picture)
    if face is None or face.landmarks is None:
        return 0, row
    close = np.nan if face.close_confidence is None else face.close_confidence
    row[:6] = face.box.x, face.box.y, face.box.width, face.box.height, face.confidence, close
    row[6 : 6 + face.landmarks.size] = face.landmarks.ravel()
    return align(picture.pixels, face.landmarks), row
