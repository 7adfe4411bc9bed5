"""Process pool for batch jobs: one worker per core, replaced after a crash without losing or repeating rows.

Workers import this module, so it imports nothing that reads the environment before a worker has set it.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import TYPE_CHECKING

from app.errors import BatchError
from app.text import display_path

if TYPE_CHECKING:
    from app.batch.job import BatchJob, Row

WORKER_CRASHED = "worker_crashed"
"""Error code of a photo that crashed its worker twice."""

WORKER_ENVIRONMENT = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)
"""A worker has one core, so the libraries use one thread each."""

_MAX_CHUNK_PHOTOS = 32
_QUEUED_CHUNKS, _UNFINISHED_CHUNKS = 2, 4
"""Per worker. The finished ones that wait for an earlier one are unfinished: a slow chunk must not fill the memory."""

_MAX_FAILED_STARTS = 3


@dataclass
class _Chunk:
    """Photos sent to a worker together, and the rows received so far, in the same order."""

    photos: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    crashed: bool = False

    @property
    def complete(self) -> bool:
        return len(self.rows) == len(self.photos)

    @property
    def remaining(self) -> tuple[str, ...]:
        return self.photos[len(self.rows) :]


class _Worker:
    def __init__(self, job: BatchJob) -> None:
        # Not fork: TensorFlow does not survive it.
        context = multiprocessing.get_context("spawn")
        self.connection, remote = context.Pipe()
        self.process = context.Process(target=_run_worker, args=(remote,), daemon=True)
        self.process.start()
        remote.close()
        self.chunks: deque[_Chunk] = deque()
        self.ready = False
        with suppress(BrokenPipeError):
            self.connection.send(job)

    def send(self, chunk: _Chunk) -> None:
        """Send the remaining photos of a chunk. `ProcessPool` notices a crashed worker when it receives."""
        self.chunks.append(chunk)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send((chunk.remaining, chunk.crashed))

    def add_rows(self, rows: list[Row]) -> None:
        for row in rows:
            self.chunks[0].rows.append(row)
            if self.chunks[0].complete:
                self.chunks.popleft()

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


class ProcessPool:
    """Worker processes, each with its own network, started when `identify` is called. `count` may be approximate."""

    def __init__(self, job: BatchJob, workers: int, count: int) -> None:
        self._job = job
        self._size = workers
        self._count = count
        self._workers: list[_Worker] = []
        self._retries: deque[_Chunk] = deque()
        self._failed_starts = 0

    def identify(self, photos: Iterable[str]) -> Iterator[list[Row]]:
        """Yield the rows of photos in batches, in order. Raises what a worker raised, with its traceback as a note."""
        source = map(_Chunk, split_into_chunks(photos, self._count, self._size))
        unfinished: deque[_Chunk] = deque()
        try:
            self._workers = [_Worker(self._job) for _ in range(self._size)]
            while self._send_chunks(source, unfinished) or unfinished:
                self._receive()
                while unfinished and unfinished[0].complete:
                    yield unfinished.popleft().rows
        finally:
            for worker in self._workers:
                worker.stop()

    def _send_chunks(self, source: Iterator[_Chunk], unfinished: deque[_Chunk]) -> bool:
        """Fill the queue of every worker. Returns whether the source may have more chunks."""
        free = [worker for worker in self._workers if worker.ready for _ in range(_QUEUED_CHUNKS - len(worker.chunks))]
        for worker in sorted(free, key=lambda worker: len(worker.chunks)):
            if self._retries:
                worker.send(self._retries.popleft())
            elif len(unfinished) < _UNFINISHED_CHUNKS * self._size:
                chunk = next(source, None)
                if chunk is None:
                    return False
                unfinished.append(chunk)
                worker.send(chunk)
        return True

    def _receive(self) -> None:
        ready = connection.wait([worker.connection for worker in self._workers])
        for worker in [worker for worker in self._workers if worker.connection in ready]:
            try:
                message: list[Row] | Exception = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                self._replace(worker)
                continue
            if isinstance(message, Exception):
                raise message
            if not worker.ready:
                worker.ready, self._failed_starts = True, 0
            worker.add_rows(message)

    def _replace(self, crashed: _Worker) -> None:
        """Start a new worker and retry the photos of the crashed one.

        The photos of its first chunk are retried one by one, since one of them may be the cause. A photo that crashes
        again is reported as an error.
        """
        crashed.stop()
        if not crashed.ready:
            self._failed_starts += 1
        if self._failed_starts >= _MAX_FAILED_STARTS:
            raise BatchError(
                f"Workers crash while they start (exit code {crashed.process.exitcode}). "
                "The machine may lack memory. Try fewer: --workers 1."
            )
        if crashed.chunks:
            first = crashed.chunks[0]
            if first.crashed:
                first.rows.append(crash_row(first.remaining[0]))
            first.crashed = True
        self._retries.extend(chunk for chunk in crashed.chunks if not chunk.complete)
        self._workers[self._workers.index(crashed)] = _Worker(self._job)


def crash_row(photo: str) -> Row:
    """Return the row of a photo that crashed its worker twice."""
    from app import serialization

    message = "The photo crashed its worker twice. It may need more memory than the machine has."
    return serialization.identification_error(display_path(photo), WORKER_CRASHED, message)


def split_into_chunks(photos: Iterable[str], count: int, workers: int) -> Iterator[tuple[str, ...]]:
    """Yield photos in chunks that get smaller near the end, so that all workers finish at the same time."""
    source, remaining = iter(photos), count
    while chunk := tuple(itertools.islice(source, max(1, min(_MAX_CHUNK_PHOTOS, remaining // (4 * workers))))):
        remaining -= len(chunk)
        yield chunk


def _run_worker(remote: connection.Connection) -> None:
    """Identify photos until the pool closes the connection.

    Receives a `BatchJob`, then tuples of photos and whether to process them one by one. Sends an empty list when
    ready, then lists of rows in the order of the photos, or the exception that ends the worker.
    """
    os.environ.update(WORKER_ENVIRONMENT)
    # A terminal sends Ctrl-C to all its processes. The pool decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # Unpickling the job imports NumPy.
        job = remote.recv()
        from app.batch.identifier import BatchIdentifier

        identifier = BatchIdentifier(job)
        remote.send([])
        for rows in identifier.identify(_receive_photos(remote)):
            remote.send(rows)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except Exception as error:
        error.add_note(traceback.format_exc())
        remote.send(error)


def _receive_photos(remote: connection.Connection) -> Iterator[str | None]:
    """Yield photos as they arrive; None, which flushes, before waiting and around photos to process one by one."""
    while True:
        if not remote.poll():
            yield None
        photos, one_by_one = remote.recv()
        for photo in photos:
            yield from [None, photo, None] if one_by_one else [photo]
