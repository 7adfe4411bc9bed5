"""Request tracing: durations of the recognition stages, verdict counts and the request deadline.

The recognizer names its stages, and the detector checks the deadline between two searches. Only a server
starts a trace. Without a trace, all functions here do nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from app.errors import DeadlineExceeded

STAGES = ("decode", "detect", "embed", "rank", "check")
"""All stages in order. `embed` includes alignment, `rank` the decision; `check` is the gallery check."""


@dataclass
class RequestTrace:
    """Measurements of one request. `admit` is called once, before the first stage, and may raise."""

    deadline: float  # by `time.monotonic`
    admit: Callable[[], None] = lambda: None
    seconds: Counter[str] = field(default_factory=Counter)  # total duration of each stage
    verdicts: Counter[str] = field(default_factory=Counter)  # number of faces with each verdict
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
    trace = _TRACE.get()
    if trace is not None and time.monotonic() > trace.deadline:
        raise DeadlineExceeded


def record_verdicts(verdicts: Iterable[str]) -> None:
    """Count the verdicts of a photo's faces."""
    trace = _TRACE.get()
    if trace is not None:
        trace.verdicts.update(verdicts)
