"""Embed the faces of many photos and videos on one core: the work of a pool worker or a Ray actor."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Self

import cv2
import numpy as np

from app.batch.failures import Failure
from app.batch.job import BatchJob
from app.batch.rows import FaceRow, PhotoRow, digest, digest_file
from app.batch.sources import PhotoFile
from app.enrollment.crops import encode_thumbnail
from app.errors import PhotoError
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.recognition.inference import load_network
from app.recognition.recognizer import Recognizer
from app.recognition.results import FaceCrop, Probe
from app.recognition.videos import track_faces
from app.vision import photo_files
from app.vision.detection import Detector
from app.vision.photo_files import is_video
from app.vision.time_span import TimeSpan

_READ_AHEAD = 8
# While one photo is searched for faces, the next is decoded.
_DETECTION_THREADS = 2
# Embed when one limit is reached; 64 is the network's largest batch.
_BATCH_FACES, _BATCH_PHOTOS = 64, 16


@dataclass(frozen=True, eq=False)
class _DetectedPhoto:
    row: PhotoRow
    crops: tuple[FaceCrop, ...] = ()


class _EmptyGallery(Gallery):
    """A gallery without people and database: the faces are compared after the job."""

    def __init__(self) -> None:
        self._empty = Snapshot((), (), np.zeros((0, 0), np.float32), np.zeros(1, np.int64), 0)

    def snapshot(self) -> Snapshot:
        return self._empty


class BatchEmbedder:
    """A recognizer for many photos, whose gallery is not used."""

    def __init__(self, job: BatchJob, recognizer: Recognizer) -> None:
        self._job = job
        self._recognizer = recognizer
        self._reading = ThreadPoolExecutor(_READ_AHEAD)
        self._detecting = ThreadPoolExecutor(_DETECTION_THREADS)

    @classmethod
    def load(cls, job: BatchJob) -> Self:
        """Load detector and network, which takes seconds, for one core."""
        cv2.setNumThreads(1)
        detector = Detector.from_settings(job.settings)
        network = load_network(job.settings.model)
        recognizer = Recognizer(job.settings, detector, network, _EmptyGallery())
        recognizer.warm_up()
        return cls(job, recognizer)

    def embed(self, photos: Iterable[PhotoFile | None]) -> Iterator[list[PhotoRow]]:
        """Yield the rows of photos in batches and in order.

        Threads read and decode a few photos ahead and detect their faces. None among the photos flushes: all rows of
        earlier photos are yielded before the next photo is requested.
        """
        running: deque[tuple[PhotoFile, Future[_DetectedPhoto]]] = deque()
        batch: list[_DetectedPhoto] = []
        for photo in chain(photos, [None]):
            if photo is not None:
                running.append((photo, self._start(photo)))
            while running and (photo is None or len(running) >= _READ_AHEAD):
                next_photo, detected = running.popleft()
                if batch and is_video(next_photo.path):
                    # A video takes long.
                    yield list(self._rows(batch))
                    batch = []
                batch.append(detected.result())
                if len(batch) >= _BATCH_PHOTOS or sum(len(one.crops) for one in batch) >= _BATCH_FACES:
                    yield list(self._rows(batch))
                    batch = []
            if photo is None and batch:
                yield list(self._rows(batch))
                batch = []

    def _start(self, photo: PhotoFile) -> Future[_DetectedPhoto]:
        if is_video(photo.path):
            return self._detecting.submit(self._track, photo)
        data = self._reading.submit(self._job.sources.read, photo.path, self._job.settings.max_file_bytes)
        return self._detecting.submit(self._detect, photo, data)

    def _track(self, video: PhotoFile) -> _DetectedPhoto:
        """Return the complete row of a video."""
        row = PhotoRow(video)
        try:
            with self._job.sources.open_video(video.path, self._job.settings.max_video_bytes) as file:
                row = replace(row, digest=digest_file(file))
                tracked = track_faces(self._recognizer, file)
        except PhotoError as error:
            return _DetectedPhoto(replace(row, failure=Failure(error.code, photo_files.explain(error))))
        still = io.BytesIO()
        tracked.still.picture.save(still, "WEBP", quality=75)
        faces = tuple(self._face_row(face.probe, face.time) for face in tracked.faces)
        row = replace(row, size=tracked.size, duration=tracked.duration, taken=tracked.taken, faces=faces)
        return _DetectedPhoto(replace(row, still=(tracked.still.time, still.getvalue())))

    def _detect(self, photo: PhotoFile, data: Future[bytes]) -> _DetectedPhoto:
        row = PhotoRow(photo)
        try:
            row = replace(row, digest=digest(data.result()))
            picture = self._recognizer.decode(data.result())
        except PhotoError as error:
            return _DetectedPhoto(replace(row, failure=Failure(error.code, photo_files.explain(error))))
        crops = self._recognizer.crop_faces(picture, self._recognizer.detect(picture))
        return _DetectedPhoto(replace(row, size=(picture.width, picture.height), taken=picture.taken), crops)

    def _rows(self, batch: Sequence[_DetectedPhoto]) -> Iterator[PhotoRow]:
        probes = iter(self._recognizer.embed_crops([crop for photo in batch for crop in photo.crops]))
        for photo in batch:
            faces = tuple(self._face_row(next(probes)) for _ in photo.crops)
            yield replace(photo.row, faces=faces) if faces else photo.row

    def _face_row(self, probe: Probe, time: TimeSpan | None = None) -> FaceRow:
        face, landmarks = probe.face, probe.face.landmarks
        return FaceRow(
            box=face.box,
            confidence=face.confidence,
            landmarks=None if landmarks is None else landmarks.astype(np.float32),
            quality=probe.quality,
            embedding=None if probe.embedding is None else probe.embedding.astype(np.float16),
            # Cutting the face of a video later would mean reading all of it again.
            thumbnail=encode_thumbnail(probe.crop)
            if probe.crop is not None and (self._job.thumbnails or time)
            else None,
            time=time,
        )
