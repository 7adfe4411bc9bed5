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

from app import serialize
from app.archive import worker
from app.archive.errors import ArchiveError
from app.archive.namer import THREADS, Job
from app.archive.places import shown

CHUNK = 32
"""Most pictures that a worker is given at once."""

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
        self.process = context.Process(target=worker.main, args=(theirs, THREADS), daemon=True)
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

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


class Pool:
    """So many workers.

    Arguments:
        job: what they have to know.
        workers: how many.
        chunk: pictures given to a worker at once.
    """

    def __init__(self, job: Job, workers: int, chunk: int = CHUNK) -> None:
        self._job = job
        self._size = workers
        self._chunk = chunk
        self._workers: list[_Worker] = []
        self._again: deque[_Chunk] = deque()
        self._failed_starts = 0

    def rows(self, places: Iterable[str]) -> Iterator[list[Row]]:
        """The rows of all pictures, in their order, some at a time.

        Raises:
            ArchiveError: workers cannot be started.
            Exception: what a worker raised; its notes tell where.
        """
        source = iter(places)
        chunks = map(_Chunk, iter(lambda: tuple(itertools.islice(source, self._chunk)), ()))
        order: deque[_Chunk] = deque()
        try:
            self._workers = [_Worker(self._job) for _ in range(self._size)]
            while self._hand_out(chunks, order) or order:
                self._collect()
                while order and order[0].whole:
                    yield order.popleft().rows
        finally:
            for one in self._workers:
                one.end()

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
            one.chunks[0].rows += said
            if one.chunks[0].whole:
                one.chunks.popleft()

    def _replace(self, dead: _Worker) -> None:
        """Start another worker for one that died, and have its pictures done again: one by one, for it may be one of
        them that killed it. One that does so again is given up.
        """
        dead.end()
        if not dead.ready:
            self._failed_starts += 1
        if self._failed_starts >= _STARTS:
            raise ArchiveError(
                f"Workers end while they start (exit code {dead.process.exitcode}). "
                "Is there memory for so many? Try fewer: --workers 1."
            )
        if dead.chunks:
            first = dead.chunks[0]
            if first.suspect:
                first.rows.append(serialize.failure(shown(first.left[0]), KILLED, _KILLED_SENTENCE))
            first.suspect = True
        self._again.extend(chunk for chunk in dead.chunks if not chunk.whole)
        self._workers[self._workers.index(dead)] = _Worker(self._job)


def chunk(pictures: int, workers: int) -> int:
    """How many pictures to give to a worker at once: of a small archive few, so that all have something to do."""
    return max(1, min(CHUNK, pictures // (_WINDOW * workers)))
