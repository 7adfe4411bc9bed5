"""Some pictures -> their rows, on one core: what every worker of the pool and every actor of Ray does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.archive.places import Places, shown
from app.gallery.snapshot import Snapshot
from app.settings import Settings

THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
"""The environment that a worker starts in: it has one core, and its libraries are not to fight over the others'."""

_AHEAD = 2
"""Pictures in work at once: while one is searched for faces, the next is read and decoded."""

_EMBEDDED = 64
"""Faces embedded at once: the network's largest batch."""


@dataclass(frozen=True, eq=False)
class Job:
    """Everything a worker has to know. The gallery comes along, as it was when the work began."""

    settings: Settings
    places: Places
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


class Namer:
    """Names everybody in pictures; loading it takes seconds.

    Raises:
        siamese.ModelError: card or weights are missing, altered or foreign.
        backends.DetectorError: the detector cannot be used.
    """

    def __init__(self, job: Job) -> None:
        import cv2

        from app.detection import Detector
        from app.recognizer import Recognizer
        from app.siamese import load_network

        cv2.setNumThreads(1)
        self._job = job
        detector = Detector.from_settings(job.settings)
        self._recognizer = Recognizer(job.settings, detector, load_network(job.settings.model), _Frozen(job.snapshot))
        self._recognizer.warm_up()
        self._threads = ThreadPoolExecutor(_AHEAD)

    def batches(self, places: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """The row of each picture, in order: what `identify --json` says of it, or why it cannot be read.

        Decoding, finding faces and embedding go on at the same time. However many pictures there are, only a few
        are in memory: of the others, the cut-out faces.
        """
        waiting: list[_Seen] = []
        for seen in self._threads.map(self._look, places):
            waiting.append(seen)
            if sum(len(one.cuts) for one in waiting) >= _EMBEDDED:
                yield list(self._named(waiting))
                waiting = []
        if waiting:
            yield list(self._named(waiting))

    def _look(self, place: str) -> _Seen:
        from app.files import UnreadableFile
        from app.images import UnreadableImage

        recognizer = self._recognizer
        try:
            data = self._job.places.read(place, self._job.settings.max_bytes)
            picture = recognizer.decode(data)
        except (UnreadableFile, UnreadableImage) as error:
            return _Seen(shown(place), (0, 0), (), error)
        cuts = recognizer.cut(picture, recognizer.find(picture))
        return _Seen(shown(place), (picture.width, picture.height), cuts)

    def _named(self, seen: Sequence[_Seen]) -> Iterator[dict[str, Any]]:
        from app import serialize
        from app.images import Picture
        from app.recognizer import Identification

        faces = iter(self._recognizer.name_cut([cut for one in seen for cut in one.cuts]))
        for one in seen:
            if one.error:
                yield serialize.failure(one.file, one.error.code, str(one.error))
                continue
            own = tuple(next(faces) for _ in one.cuts)
            # The pixels are gone: nothing of a row needs them.
            picture = Picture(np.empty((0, 0, 3), np.uint8), one.size)
            yield serialize.identification(one.file, Identification(picture, own))
