"""Some pictures -> their rows, on one core: what every worker of the pool and every actor of Ray does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from app.batch.sources import PhotoSources, shown
from app.gallery.snapshot import Snapshot
from app.settings import Settings

THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
"""Environment of a worker. It has one core, so the libraries of network and detectors may use one thread each."""

_READ = 8
"""Pictures read ahead: a bucket takes its time to answer, and the core is not to wait for it."""

_LOOKED_AT = 2
"""Pictures in work at once: while one is searched for faces, the next is decoded."""

_FACES, _PICTURES = 64, 16
"""So many faces, the network's largest batch, or faces of so many pictures are embedded at once."""


@dataclass(frozen=True, eq=False)
class Job:
    """Everything a worker has to know. The gallery comes along, as it was when the work began."""

    settings: Settings
    places: PhotoSources
    snapshot: Snapshot


@dataclass(frozen=True, eq=False)
class _Seen:
    """A picture that was looked at: its size and faces cut out of it, or why there is none."""

    file: str
    size: tuple[int, int]
    cuts: tuple
    error: Exception | None = None


class _Frozen:
    """A gallery that does not change."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def snapshot(self) -> Snapshot:
        return self._snapshot


class BatchIdentifier:
    """Names everybody in pictures; loading it takes seconds.

    Raises:
        card.ModelError: card or weights are missing, altered or foreign.
        backends.DetectorError: the detector cannot be used.
    """

    def __init__(self, job: Job) -> None:
        import cv2

        from app.recognition.inference import load_network
        from app.recognition.recognizer import Recognizer
        from app.vision.detection import Detector

        cv2.setNumThreads(1)
        self._job = job
        detector = Detector.from_settings(job.settings)
        self._recognizer = Recognizer(job.settings, detector, load_network(job.settings.model), _Frozen(job.snapshot))
        self._recognizer.warm_up()
        self._readers = ThreadPoolExecutor(_READ)
        self._lookers = ThreadPoolExecutor(_LOOKED_AT)

    def batches(self, places: Iterable[str | None]) -> Iterator[list[dict[str, Any]]]:
        """The row of each picture, in order: what `identify --json` says of it, or why it cannot be read.

        Reading, decoding, finding faces and embedding go on at the same time. However many pictures there are, only
        a few are in memory: of the others, the cut-out faces.

        Args:
            places: pictures. None among them says that the next one may be long in coming: all rows before it are
                given first.
        """
        begun: deque[Future[_Seen]] = deque()
        waiting: list[_Seen] = []
        for place in chain(places, [None]):
            if place is not None:
                begun.append(self._begin(place))
            while begun and (place is None or len(begun) >= _READ):
                waiting.append(begun.popleft().result())
                if len(waiting) >= _PICTURES or sum(len(one.cuts) for one in waiting) >= _FACES:
                    yield list(self._named(waiting))
                    waiting = []
            if place is None and waiting:
                yield list(self._named(waiting))
                waiting = []

    def _begin(self, place: str) -> Future[_Seen]:
        data = self._readers.submit(self._job.places.read, place, self._job.settings.max_file_bytes)
        return self._lookers.submit(self._look, place, data)

    def _look(self, place: str, data: Future[bytes]) -> _Seen:
        from app.errors import UnreadableFile, UnreadableImage

        recognizer = self._recognizer
        try:
            picture = recognizer.decode(data.result())
        except (UnreadableFile, UnreadableImage) as error:
            return _Seen(shown(place), (0, 0), (), error)
        cuts = recognizer.cut(picture, recognizer.find(picture))
        return _Seen(shown(place), (picture.width, picture.height), cuts)

    def _named(self, seen: Sequence[_Seen]) -> Iterator[dict[str, Any]]:
        from app import serialization
        from app.recognition.recognizer import Identification
        from app.vision.decoding import Picture

        for one, faces in zip(seen, self._recognizer.name_cut([one.cuts for one in seen]), strict=True):
            if one.error:
                yield serialization.failure(one.file, one.error.code, str(one.error))
                continue
            # The pixels are gone: nothing of a row needs them.
            picture = Picture(np.empty((0, 0, 3), np.uint8), one.size)
            yield serialization.identification(one.file, Identification(picture, faces, self._job.settings.fpir))
