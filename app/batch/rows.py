"""Rows of a batch job: what workers found in a photo or video, with the embedding of each face."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from threading import Event
from typing import BinaryIO

from app.arrays import AnyArray, FloatArray
from app.batch.failures import Failure
from app.batch.sources import PhotoFile
from app.vision.faces import Box
from app.vision.photo_files import explain_errors
from app.vision.quality import Quality
from app.vision.time_span import TimeSpan

_DIGEST_BYTES = 16
_READ_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class FaceRow:
    """A face of a photo.

    `embedding` is float16 (dims,) of unit length, `landmarks` are float32 (5 or 2, 2) in pixels, and `quality` is
    measured, if the detector found eyes; else all three are None. `thumbnail` is a WebP file. `time` is when a video
    shows the face; box, landmarks and quality are then those of the best frame, and the embedding is that of all.
    """

    box: Box
    confidence: float
    landmarks: FloatArray | None
    quality: Quality | None
    embedding: AnyArray | None
    thumbnail: bytes | None = None
    time: TimeSpan | None = None


@dataclass(frozen=True)
class PhotoRow:
    """The result of one photo or video file.

    `digest` identifies the bytes of the file, None if they were not read. `taken` is as in `Picture.taken`. The faces
    of a photo are sorted from left to right, those of a video by their first frame. `duration` is that of a video, in
    seconds, and `still` the time of a frame of it, see `TrackedVideo`, and a WebP file.
    """

    file: PhotoFile
    digest: bytes | None = None
    size: tuple[int, int] | None = None
    taken: str | None = None
    faces: tuple[FaceRow, ...] = ()
    failure: Failure | None = None
    duration: float | None = None
    still: tuple[float, bytes] | None = None


Engine = Callable[[Iterable[PhotoFile], Event], Generator[list[PhotoRow], None, None]]
"""Yields the rows of photos in batches, each row once, and ends early after the event is set."""


def digest(data: bytes) -> bytes:
    """Return what identifies the bytes of a file: BLAKE2b, 16 bytes."""
    return _hash(data).digest()


def digest_file(file: BinaryIO) -> bytes:
    """Return the `digest` of the bytes of an open file, or raise `UnreadableFile`."""
    found = _hash()
    with explain_errors():
        while data := file.read(_READ_BYTES):
            found.update(data)
    return found.digest()


def _hash(data: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES)
