"""The stages that a photo goes through, as whoever waits for the answer sees them: how long each took, and whether
there is time to go on.

The recognizer names its stages; the detector, whose stage can take seconds, asks between two looks whether there is
time for the next. A server follows each request's course; elsewhere nobody does, and nothing is kept.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from app.errors import DeadlineExceeded

STAGES = ("decode", "detect", "embed", "rank", "check")
"""All stages, in their order; `embed` includes cutting the faces out, `rank` judging them; `check` is the gallery's."""


@dataclass
class RequestTrace:
    """What became of one request so far.

    `deadline` is when it is given up, by `time.monotonic`. `admit` is called once, before the first stage, and may
    raise. `seconds` sums up each stage, `verdicts` counts the faces.
    """

    deadline: float
    admit: Callable[[], None] = lambda: None
    seconds: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    admitted: bool = False


_TRACE: ContextVar[RequestTrace | None] = ContextVar("course", default=None)


def follow(course: RequestTrace) -> None:
    """Record the stages of this thread in a course, until `leave`."""
    _TRACE.set(course)


def leave() -> None:
    """End what `follow` began."""
    _TRACE.set(None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """One stage.

    Raises:
        DeadlineExceeded: the request's time was over before the stage began.
        ServerBusy: it is the first stage, and the server has no room for the request.
    """
    course = _TRACE.get()
    if course is None:
        yield
        return
    if not course.admitted:
        course.admit()
        course.admitted = True
    check_deadline()
    started = time.monotonic()
    try:
        yield
    finally:
        course.seconds[name] += time.monotonic() - started


def check_deadline() -> None:
    """Give this thread's request up if its time is over; to be called wherever that can be done.

    Raises:
        DeadlineExceeded: the request's time is over.
    """
    course = _TRACE.get()
    if course is not None and time.monotonic() > course.deadline:
        raise DeadlineExceeded


def judged(verdicts: Iterable[str]) -> None:
    """Count the verdicts of a picture's faces."""
    course = _TRACE.get()
    if course is not None:
        course.verdicts.update(verdicts)
