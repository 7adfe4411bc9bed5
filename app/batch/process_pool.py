"""The local pool: one process a core, each with a network of its own, that may die without a row lost or doubled."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection as pipes
from typing import Any

from app import serialization
from app.batch import pool_worker
from app.batch.identifier import THREADS, Job
from app.batch.sources import shown
from app.errors import BatchError

CHUNK = 32
"""Most pictures of a chunk."""

KILLED = "too_heavy"
"""The code of a picture that ended its worker twice."""

_KILLED_SENTENCE = "The picture ended the process that looked at it, twice; it may need more memory than there is."

_GIVEN = 2
_WINDOW = 4
_STARTS = 3

Row = dict[str, Any]


@dataclass
class _Chunk:
    """Pictures given out together, and the rows that have come back: those of the first so many."""

    places: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    suspect: bool = False

    @property
    def whole(self) -> bool:
        return len(self.rows) == len(self.places)

    @property
    def left(self) -> tuple[str, ...]:
        return self.places[len(self.rows) :]


class _Worker:
    """A process, the pipe to it, and the chunks it was given."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=pool_worker.main, args=(theirs, THREADS), daemon=True)
        self.process.start()
        theirs.close()
        self.chunks: deque[_Chunk] = deque()
        self.ready = False
        with suppress(BrokenPipeError):
            self.pipe.send(job)

    def give(self, chunk: _Chunk) -> None:
        """Let it work on what is left of a chunk. If it is dead, that is noticed where its answer is awaited."""
        self.chunks.append(chunk)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send((chunk.left, chunk.suspect))

    def take(self, rows: list[Row]) -> None:
        """Put rows, which come in the order of the pictures, where they belong."""
        for row in rows:
            first = self.chunks[0]
            first.rows.append(row)
            if first.whole:
                self.chunks.popleft()

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


class Pool:
    """So many workers.

    Args:
        job: what they have to know.
        workers: how many.
    """

    def __init__(self, job: Job, workers: int) -> None:
        self._job = job
        self._size = workers
        self._workers: list[_Worker] = []
        self._again: deque[_Chunk] = deque()
        self._failed_starts = 0

    def start(self) -> None:
        """Start the workers; they load their networks while others do."""
        self._workers = [_Worker(self._job) for _ in range(self._size)]

    def close(self) -> None:
        """End the workers, whatever they do."""
        for one in self._workers:
            one.end()
        self._workers = []

    def __enter__(self) -> Pool:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, chunks: Iterable[tuple[str, ...]]) -> Iterator[list[Row]]:
        """The rows of all pictures, in their order, a chunk at a time.

        Args:
            chunks: pictures that are given to a worker together.

        Raises:
            BatchError: workers cannot be started.
            Exception: what a worker raised; its notes tell where.
        """
        source = map(_Chunk, chunks)
        order: deque[_Chunk] = deque()
        while self._hand_out(source, order) or order:
            self._collect()
            while order and order[0].whole:
                yield order.popleft().rows

    @property
    def processes(self) -> list[int]:
        """The numbers of the processes that work."""
        return [one.process.pid for one in self._workers]

    def _hand_out(self, chunks: Iterator[_Chunk], order: deque[_Chunk]) -> bool:
        """Keep every worker busy; whether there may be more to hand out.

        A chunk that takes long must not let rows of later ones pile up: only so many are on their way.
        """
        hungry = [one for one in self._workers if one.ready for _ in range(_GIVEN - len(one.chunks))]
        for one in sorted(hungry, key=lambda one: len(one.chunks)):
            if self._again:
                one.give(self._again.popleft())
            elif len(order) < _WINDOW * self._size:
                chunk = next(chunks, None)
                if chunk is None:
                    return False
                order.append(chunk)
                one.give(chunk)
        return True

    def _collect(self) -> None:
        """Wait for what workers have to say, and take it."""
        by_pipe = {one.pipe: one for one in self._workers}
        for pipe in pipes.wait(list(by_pipe)):
            one = by_pipe[pipe]
            try:
                said = pipe.recv()
            except (EOFError, ConnectionResetError):
                self._replace(one)
                continue
            if isinstance(said, Exception):
                raise said
            if not one.ready:
                one.ready, self._failed_starts = True, 0
                continue
            one.take(said)

    def _replace(self, dead: _Worker) -> None:
        """Start another worker for one that died, and have its pictures done again: one by one, for it may be one of
        them that killed it. One that does so again is given up.
        """
        dead.end()
        if not dead.ready:
            self._failed_starts += 1
        if self._failed_starts >= _STARTS:
            raise BatchError(
                f"Workers end while they start (exit code {dead.process.exitcode}). "
                "Is there memory for so many? Try fewer: --workers 1."
            )
        if dead.chunks:
            first = dead.chunks[0]
            if first.suspect:
                first.rows.append(killed(first.left[0]))
            first.suspect = True
        self._again.extend(chunk for chunk in dead.chunks if not chunk.whole)
        self._workers[self._workers.index(dead)] = _Worker(self._job)


def killed(place: str) -> Row:
    """The row of a picture that ended its worker twice."""
    return serialization.failure(shown(place), KILLED, _KILLED_SENTENCE)


def rows(job: Job, workers: int, pictures: int, places: Iterable[str]) -> Iterator[list[Row]]:
    """The rows of an archive, in the order of its pictures, by a pool that is there for it alone.

    Args:
        job: what the workers have to know.
        workers: how many.
        pictures: how many there are, or nearly.
        places: the pictures.

    Raises:
        BatchError, Exception: as `Pool.rows`.
    """
    with Pool(job, workers) as pool:
        yield from pool.rows(chunks(places, pictures, workers))


def chunks(places: Iterable[str], pictures: int, workers: int) -> Iterator[tuple[str, ...]]:
    """An archive in chunks, the fewer pictures each the fewer are left, so that all workers end at the same time.

    Args:
        places: the archive.
        pictures: how many there are, or nearly.
        workers: that they are for.
    """
    source, left = iter(places), pictures
    while chunk := tuple(itertools.islice(source, max(1, min(CHUNK, left // (_WINDOW * workers))))):
        left -= len(chunk)
        yield chunk
