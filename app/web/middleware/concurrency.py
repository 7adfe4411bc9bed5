"""Concurrency limiter: active requests and a bounded queue.

Without a bound, waiting times grow. Requests over the limit get status 503 before the app parses their bodies, and with
the gunicorn worker of this package before they are received.
"""

import threading
import time

from flask import Flask, request

from app.errors import ServerBusy
from app.web.middleware import SAFE_METHODS


class ConcurrencyLimiter:
    """Thread-safe slots for requests, and a queue with a longest wait."""

    def __init__(self, slots: int, queue: int, seconds: float) -> None:
        self.waiting = 0
        self._slots = slots
        self._queue = queue
        self._seconds = seconds
        self._started: dict[int, float] = {}
        self._changed = threading.Condition()

    @property
    def active(self) -> int:
        """Number of requests that have a slot."""
        return len(self._started)

    @property
    def longest_seconds(self) -> float:
        """Seconds since the longest active request got its slot; 0 without active requests."""
        with self._changed:
            return time.monotonic() - min(self._started.values()) if self._started else 0.0

    def check_queue(self) -> None:
        """Raise ServerBusy if the queue is full."""
        with self._changed:
            if self._is_full():
                raise ServerBusy

    def acquire(self, key: int) -> None:
        """Wait for a slot for the request with this unique number; raise ServerBusy if there is none."""
        with self._changed:
            if self._is_full():
                raise ServerBusy
            self.waiting += 1
            try:
                if not self._changed.wait_for(lambda: len(self._started) < self._slots, self._seconds):
                    raise ServerBusy
                self._started[key] = time.monotonic()
            finally:
                self.waiting -= 1

    def release(self, key: int) -> None:
        """Return the slot of a request, if it has one."""
        with self._changed:
            if self._started.pop(key, None) is not None:
                self._changed.notify()

    def _is_full(self) -> bool:
        return len(self._started) >= self._slots and self.waiting >= self._queue


def install(app: Flask, limiter: ConcurrencyLimiter) -> None:
    """Reject requests before their bodies are parsed; install it after all checks that can reject a request."""

    def check() -> None:
        # Set by the gunicorn worker if it refused the body.
        error = getattr(request.environ["wsgi.input"], "error", None)
        if error is not None:
            raise error
        if request.method not in SAFE_METHODS:
            limiter.check_queue()

    app.before_request(check)
