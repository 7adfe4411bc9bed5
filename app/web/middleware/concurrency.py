"""Concurrency limiter: active requests, a bounded queue, and memory for request bodies.

Without a bound, waiting times grow and memory fills with photos. Requests over the limit get status 503 before the
server reads their bodies.
"""

import threading
import time

from flask import Flask, g, request

from app.errors import ServerBusy
from app.web.middleware import SAFE_METHODS


class ConcurrencyLimiter:
    """Thread-safe slots for requests, a queue with a longest wait, and a budget for the bytes of all bodies."""

    def __init__(self, slots: int, queue: int, seconds: float, body_bytes: int) -> None:
        self.waiting = 0
        self._slots = slots
        self._queue = queue
        self._seconds = seconds
        self._free_bytes = self._body_bytes = body_bytes
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

    def reserve_body(self, size: int) -> None:
        """Reserve memory for a body before the server reads it; raise ServerBusy if the budget or the queue is full."""
        with self._changed:
            # A body over the whole budget passes, so that it is rejected for its own size.
            if self._is_full() or size > self._free_bytes < self._body_bytes:
                raise ServerBusy
            self._free_bytes -= size

    def release_body(self, size: int) -> None:
        """Release the memory that `reserve_body` reserved."""
        with self._changed:
            self._free_bytes += size

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


def install(app: Flask, limiter: ConcurrencyLimiter, max_request_bytes: int) -> None:
    """Reserve memory for every request body; install it after all checks that can reject a request."""

    def reserve() -> None:
        if request.method not in SAFE_METHODS:
            unknown = max_request_bytes if "Transfer-Encoding" in request.headers else 0
            size = unknown if request.content_length is None else request.content_length
            limiter.reserve_body(size)
            g.reserved_bytes = size

    def release(_error: BaseException | None) -> None:
        limiter.release_body(g.pop("reserved_bytes", 0))

    app.before_request(reserve)
    app.teardown_request(release)
