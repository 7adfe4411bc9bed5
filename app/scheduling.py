"""Fair scheduling of the detector, the network and the decoders between requests.

Least attained service: the request that used the least gets the next turn. So a small photo beside crowds and blank
pictures is answered soon, although the duration of a photo is unknown in advance. Clients come before requests: one
that keeps the server busy waits for the others. Requests over half a second are served in the order they came.
"""

import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from app.errors import DeadlineExceeded
from app.tracing import Usage, current_usage, seconds_left


def usable_cores() -> int:
    """Return the number of processor cores that this process may use. macOS only knows those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(eq=False)
class _Turn:
    usage: Usage
    arrival: int
    started: float = 0.0
    granted: threading.Event = field(default_factory=threading.Event)


class FairLock:
    """A lock with one or several holders. The waiting request that used the least gets it next, then the first.

    The time that a thread holds the lock counts as its request's usage.

    Example:
        >>> lock = FairLock()
        >>> with lock:
        ...     for photo in photos:
        ...         lock.share()
        ...         process(photo)
    """

    def __init__(self, holders: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = holders
        self._clock = clock
        self._waiting: list[_Turn] = []
        self._mutex = threading.Lock()
        self._arrivals = itertools.count()
        self._held = threading.local()

    @property
    def waiting(self) -> int:
        """Number of threads that wait."""
        return len(self._waiting)

    def __enter__(self) -> None:
        self._acquire(current_usage())

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._count_usage()
        self._release()

    def share(self) -> None:
        """Let a waiting request that used less than the holder's go first. Raise DeadlineExceeded like `with`."""
        self._count_usage()
        usage = self._held.turn.usage
        with self._mutex:
            used = usage.priority()
            if all(turn.usage.priority() >= used for turn in self._waiting):
                return
        self._release()
        self._acquire(usage)

    def _acquire(self, usage: Usage) -> None:
        turn = _Turn(usage, next(self._arrivals))
        with self._mutex:
            self._waiting.append(turn)
            self._grant()
        try:
            if not turn.granted.wait(seconds_left()):
                raise DeadlineExceeded
        except BaseException:
            with self._mutex:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    self._free += 1
                    self._grant()
            raise
        turn.started = self._clock()
        self._held.turn = turn

    def _release(self) -> None:
        if self._held.turn is not None:
            self._held.turn = None
            with self._mutex:
                self._free += 1
                self._grant()

    def _count_usage(self) -> None:
        turn = self._held.turn
        if turn is not None:
            now = self._clock()
            turn.usage.add(now - turn.started)
            turn.started = now

    def _grant(self) -> None:
        while self._free and self._waiting:
            turn = min(self._waiting, key=lambda turn: (turn.usage.priority(), turn.arrival))
            self._waiting.remove(turn)
            self._free -= 1
            turn.granted.set()
