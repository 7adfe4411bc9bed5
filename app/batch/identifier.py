"""Identify the faces of many photos on one core: the work of a pool worker or a Ray actor."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np

from app.batch.job import BatchJob, Row, error_row, photo_row
from app.batch.sources import PhotoFile
from app.errors import PhotoError
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.recognition.inference import load_network
from app.recognition.recognizer import Recognizer
from app.recognition.results import FaceCrop, Identification
from app.vision import photo_files
from app.vision.decoding import Picture
from app.vision.detection import Detector

_READ_AHEAD = 8
# While one photo is searched for faces, the next is decoded.
_DETECTION_THREADS = 2
# Embed when one limit is reached; 64 is the network's largest batch.
_BATCH_FACES, _BATCH_PHOTOS = 64, 16


@dataclass(frozen=True, eq=False)
class _DetectedPhoto:
    file: PhotoFile
    size: tuple[int, int]
    crops: tuple[FaceCrop, ...]
    error: PhotoError | None = None


class _FixedGallery(Gallery):
    """A snapshot without a database. Identification needs nothing else of a gallery."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._fixed = snapshot

    def snapshot(self) -> Snapshot:
        return self._fixed


class BatchIdentifier:
    """A recognizer for many photos; loading takes seconds."""

    def __init__(self, job: BatchJob) -> None:
        cv2.setNumThreads(1)
        self._job = job
        detector = Detector.from_settings(job.settings)
        network = load_network(job.settings.model)
        self._recognizer = Recognizer(job.settings, detector, network, _FixedGallery(job.snapshot))
        self._recognizer.warm_up()
        self._reading = ThreadPoolExecutor(_READ_AHEAD)
        self._detecting = ThreadPoolExecutor(_DETECTION_THREADS)

    def identify(self, photos: Iterable[PhotoFile | None]) -> Iterator[list[Row]]:
        """Yield the rows of photos in batches and in order.

        Threads read and decode a few photos ahead and detect their faces. None among the photos flushes: all rows of
        earlier photos are yielded before the next photo is requested.
        """
        running: deque[Future[_DetectedPhoto]] = deque()
        batch: list[_DetectedPhoto] = []
        for photo in chain(photos, [None]):
            if photo is not None:
                data = self._reading.submit(self._job.sources.read, photo.path, self._job.settings.max_file_bytes)
                running.append(self._detecting.submit(self._detect, photo, data))
            while running and (photo is None or len(running) >= _READ_AHEAD):
                batch.append(running.popleft().result())
                if len(batch) >= _BATCH_PHOTOS or sum(len(detected.crops) for detected in batch) >= _BATCH_FACES:
                    yield list(self._rows(batch))
                    batch = []
            if photo is None and batch:
                yield list(self._rows(batch))
                batch = []

    def _detect(self, photo: PhotoFile, data: Future[bytes]) -> _DetectedPhoto:
        try:
            picture = self._recognizer.decode(data.result())
        except PhotoError as error:
            return _DetectedPhoto(photo, (0, 0), (), error)
        crops = self._recognizer.crop_faces(picture, self._recognizer.detect(picture))
        return _DetectedPhoto(photo, (picture.width, picture.height), crops)

    def _rows(self, batch: Sequence[_DetectedPhoto]) -> Iterator[Row]:
        identified = self._recognizer.identify_crops([photo.crops for photo in batch])
        for photo, faces in zip(batch, identified, strict=True):
            if photo.error:
                yield error_row(photo.file, photo.error.code, photo_files.explain(photo.error))
                continue
            # A row needs the size of the picture, not its pixels, which were freed after alignment.
            picture = Picture(np.empty((0, 0, 3), np.uint8), photo.size)
            yield photo_row(photo.file, Identification(picture, faces, self._job.settings.fpir))
