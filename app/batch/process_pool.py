"""Process pool for batch jobs: one worker per core, replaced after a failure without losing or repeating rows.

Workers import this module, so it imports nothing that reads the environment before a worker has set it.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING

from app.batch.failures import Failure
from app.errors import BatchError

if TYPE_CHECKING:
    from app.batch.job import BatchJob
    from app.batch.rows import PhotoRow
    from app.batch.sources import PhotoFile

WORKER_ENVIRONMENT = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)
"""A worker has one core, so the libraries use one thread each."""

_MAX_CHUNK_PHOTOS = 32
_QUEUED_CHUNKS = 2  # per worker

_MAX_FAILED_STARTS = 3
_MAX_FAILURES = 10  # Without any processed photo, the program is broken and not the photos.

_STOP_SECONDS = 0.2
"""Maximum time until the pool notices that it is to stop."""

_FINISH_SECONDS = 20
"""Time in which workers finish the photos in progress after a stop. A video may take much longer."""


@dataclass
class _Chunk:
    """Photos sent to a worker together that have no row yet."""

    photos: deque[PhotoFile]
    failed: bool = False


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
        self._send(job)

    def send_chunk(self, chunk: _Chunk) -> None:
        """Send the photos of a chunk."""
        self.chunks.append(chunk)
        self._send((tuple(chunk.photos), chunk.failed))

    def request_stop(self) -> None:
        """Make the worker send the rows of the photos in progress, and end."""
        self._send(None)

    def mark_done(self, count: int) -> None:
        """Remove photos whose rows were received, in the order of the chunks."""
        for _ in range(count):
            self.chunks[0].photos.popleft()
            if not self.chunks[0].photos:
                self.chunks.popleft()

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()

    def _send(self, message: object) -> None:
        # The pool notices a crashed worker when it receives.
        with suppress(ConnectionError):
            self.connection.send(message)


class ProcessPool:
    """Worker processes, each with its own network, started when `embed` is called. `count` may be approximate."""

    def __init__(self, job: BatchJob, workers: int, count: int) -> None:
        self._job = job
        self._size = workers
        self._count = count
        self._workers: list[_Worker] = []
        self._retries: deque[_Chunk] = deque()
        self._failed_starts = 0
        self._failures = 0
        self._any_succeeded = False

    def embed(self, photos: Iterable[PhotoFile], stop: threading.Event) -> Generator[list[PhotoRow], None, None]:
        """Yield the rows of photos in batches, as soon as they arrive.

        After `stop` is set, yield the rows of the photos in progress only, for some seconds. Raises what a worker
        raises while it starts, with its traceback as a note.
        """
        source = (_Chunk(deque(chunk)) for chunk in split_into_chunks(photos, self._count, self._size))
        try:
            self._workers = [_Worker(self._job) for _ in range(self._size)]
            while not stop.is_set() and (self._send_chunks(source) or self._retries or self._busy()):
                yield from self._receive()
            for worker in self._workers:
                worker.request_stop()
            deadline = time.monotonic() + _FINISH_SECONDS
            while self._busy() and time.monotonic() < deadline:
                yield from self._receive(stopping=True)
        finally:
            for worker in self._workers:
                worker.stop()

    def _busy(self) -> bool:
        return any(worker.chunks for worker in self._workers)

    def _send_chunks(self, source: Iterator[_Chunk]) -> bool:
        """Fill the queue of every worker. Returns whether the source may have more chunks."""
        free = [worker for worker in self._workers if worker.ready for _ in range(_QUEUED_CHUNKS - len(worker.chunks))]
        for worker in sorted(free, key=lambda worker: len(worker.chunks)):
            chunk = self._retries.popleft() if self._retries else next(source, None)
            if chunk is None:
                return False
            worker.send_chunk(chunk)
        return True

    def _receive(self, stopping: bool = False) -> Iterator[list[PhotoRow]]:
        """Yield the rows of the workers that have some. Replace workers that failed, unless the pool is stopping."""
        ready = connection.wait([worker.connection for worker in self._workers], _STOP_SECONDS)
        for worker in [worker for worker in self._workers if worker.connection in ready]:
            message: list[PhotoRow] | Failure | Exception | None = None
            # A worker that is killed may have sent half a message.
            with suppress(EOFError, OSError):
                message = worker.connection.recv()
            if isinstance(message, Exception):
                raise message
            if isinstance(message, list):
                worker.ready, self._failed_starts = True, 0
                self._any_succeeded |= any(row.failure is None for row in message)
                worker.mark_done(len(message))
                yield message
            elif stopping:
                self._workers.remove(worker)
                worker.stop()
            else:
                yield self._replace(worker, message)

    def _replace(self, failed: _Worker, failure: Failure | None) -> list[PhotoRow]:
        """Start a new worker and retry the photos of one that failed; `failure` is None if it crashed.

        The photos of its first chunk are retried one by one, since one of them may be the cause. Return the error row
        of a photo that fails alone.
        """
        from app.batch.rows import PhotoRow

        failed.stop()
        exit_code = failed.process.exitcode
        if not failed.ready:
            self._failed_starts += 1
        if self._failed_starts >= _MAX_FAILED_STARTS:
            raise BatchError(
                f"Workers crash while they start (exit code {exit_code}). "
                "The machine may lack memory. Try fewer: --workers 1."
            )
        failure = failure or Failure.crash(f"exit code {exit_code}")
        self._failures += 1
        if self._failures >= _MAX_FAILURES and not self._any_succeeded:
            raise BatchError(f"Workers failed {self._failures} times before they read a photo. {failure.message}")
        rows = []
        if failed.chunks:
            first = failed.chunks[0]
            if first.failed:
                rows.append(PhotoRow(first.photos.popleft(), failure=failure))
            first.failed = True
        self._retries.extend(chunk for chunk in failed.chunks if chunk.photos)
        self._workers[self._workers.index(failed)] = _Worker(self._job)
        return rows


def split_into_chunks(photos: Iterable[PhotoFile], count: int, workers: int) -> Iterator[tuple[PhotoFile, ...]]:
    """Yield photos in chunks that get smaller near the end, so that all workers finish at the same time."""
    source, remaining = iter(photos), count
    while chunk := tuple(itertools.islice(source, max(1, min(_MAX_CHUNK_PHOTOS, remaining // (4 * workers))))):
        remaining -= len(chunk)
        yield chunk


def _run_worker(remote: connection.Connection) -> None:
    """Embed the faces of photos until the pool closes the connection.

    Receives a `BatchJob`, then tuples of photos and whether to process them one by one, and None to stop. Sends an
    empty list when ready, then lists of rows in the order of the photos. Before it ends, it sends the exception that
    prevents its start, or the `Failure` of a photo.
    """
    os.environ.update(WORKER_ENVIRONMENT)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # A terminal sends Ctrl-C to all its processes. The pool decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, ConnectionError):
        try:
            # Unpickling the job imports NumPy.
            job = remote.recv()
            from app.batch.embedder import BatchEmbedder

            embedder = BatchEmbedder.load(job)
        except Exception as error:
            error.add_note(traceback.format_exc())
            remote.send(error)
            return
        remote.send([])
        try:
            for rows in embedder.embed(_receive_photos(remote)):
                remote.send(rows)
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            remote.send(Failure.exception(error))


def _end_with_parent() -> None:
    """End this process as soon as its parent has ended, for whatever reason."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _receive_photos(remote: connection.Connection) -> Iterator[PhotoFile | None]:
    """Yield photos as they arrive, until the pool requests a stop.

    None, which flushes, comes before waiting and around photos to process one by one.
    """
    queue: deque[PhotoFile | None] = deque()
    while True:
        if not queue and not remote.poll():
            yield None
        while not queue or remote.poll():
            message: tuple[tuple[PhotoFile, ...], bool] | None = remote.recv()
            if message is None:
                return
            photos, one_by_one = message
            for photo in photos:
                queue.extend([None, photo, None] if one_by_one else [photo])
        yield queue.popleft()
