"""Request tracing: durations of the recognition stages, usage, verdict counts and the request deadline.

The recognizer names its stages, and the detector checks the deadline between two searches. Only a server
starts a trace. Without a trace, all functions here do nothing.
"""

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from app.errors import DeadlineExceeded

STAGES = ("decode", "detect", "embed", "rank", "check")
"""All stages in order. `embed` includes alignment, `rank` the decision; `check` is the gallery check."""


_FORGETTING_SECONDS = 60.0
_LONG_SECONDS = 0.5


class ClientUsage:
    """Seconds of decoders, detector and network that a client's requests used, of which 37 % count after a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds, self._updated = 0.0, clock()
        self.rank = -math.inf
        """A number that is smaller for clients with less recent usage, and does not change over time."""

    @property
    def seconds(self) -> float:
        """Recent usage in seconds."""
        return self._seconds * math.exp((self._updated - self._clock()) / _FORGETTING_SECONDS)

    def add(self, seconds: float) -> None:
        """Count seconds. Several threads may do so at the same time; a lost update is harmless."""
        self._seconds, self._updated = self.seconds + seconds, self._clock()
        if self._seconds:
            # The logarithm of `seconds` without the current time.
            self.rank = math.log(self._seconds) + self._updated / _FORGETTING_SECONDS


@dataclass(eq=False)
class Usage:
    """Seconds of decoders, detector and network that a request used."""

    client: ClientUsage = field(default_factory=ClientUsage)
    seconds: float = 0.0
    number: int = field(default_factory=itertools.count().__next__)  # in the order in which requests came

    def add(self, seconds: float) -> None:
        """Count seconds for the request and its client."""
        self.seconds += seconds
        self.client.add(seconds)

    def priority(self) -> tuple[float, float, int]:
        """Return a key that is smaller for a request that comes first.

        Long requests are served one after the other: all would end late if they took turns.
        """
        return self.client.rank, min(self.seconds, _LONG_SECONDS), self.number


@dataclass
class RequestTrace:
    """Measurements of one request. `admit` is called once, before the first stage, and may raise."""

    deadline: float  # by `time.monotonic`
    admit: Callable[[], None] = lambda: None
    seconds: Counter[str] = field(default_factory=Counter)  # total duration of each stage
    verdicts: Counter[str] = field(default_factory=Counter)  # number of faces with each verdict
    usage: Usage = field(default_factory=Usage)
    admitted: bool = False


_TRACE: ContextVar[RequestTrace | None] = ContextVar("trace", default=None)


def start_trace(trace: RequestTrace) -> None:
    """Record the stages of this thread in a trace, until `end_trace`."""
    _TRACE.set(trace)


def end_trace() -> None:
    """Stop recording the stages of this thread."""
    _TRACE.set(None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure one of `STAGES`, after `RequestTrace.admit` and `check_deadline`, which may raise."""
    trace = _TRACE.get()
    if trace is None:
        yield
        return
    if not trace.admitted:
        trace.admit()
        trace.admitted = True
    check_deadline()
    start = time.monotonic()
    try:
        yield
    finally:
        # Durations are fractions of a second; typeshed types the values of a Counter as int.
        trace.seconds[name] += time.monotonic() - start  # type: ignore[assignment]


def check_deadline() -> None:
    """Raise `DeadlineExceeded` if the deadline of this thread's request has passed."""
    left = seconds_left()
    if left is not None and left < 0:
        raise DeadlineExceeded


def seconds_left() -> float | None:
    """Return the seconds until the deadline of this thread's request, or None without a deadline."""
    trace = _TRACE.get()
    return None if trace is None or trace.deadline == math.inf else trace.deadline - time.monotonic()


def current_usage() -> Usage:
    """Return the usage of this thread's request; without a trace, that of a new request."""
    trace = _TRACE.get()
    return Usage() if trace is None else trace.usage


def record_verdicts(verdicts: Iterable[str]) -> None:
    """Count the verdicts of a photo's faces."""
    trace = _TRACE.get()
    if trace is not None:
        trace.verdicts.update(verdicts)
