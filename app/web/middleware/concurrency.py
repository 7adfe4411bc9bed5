"""Concurrency limiter: active requests and a bounded queue.

Without a bound, waiting times grow. Requests over the limit get status 503 before the app parses their bodies, and with
the gunicorn worker of this package before they are received.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from flask import Flask, request

from app.errors import ServerBusy
from app.tracing import ClientUsage
from app.web.middleware import SAFE_METHODS
from app.web.middleware.rate_limits import client_key

_MAX_IDLE_CLIENTS, _MIN_SECONDS = 1000, 0.1  # Above this number, clients that used less are forgotten.


@dataclass(eq=False)
class _Request:
    key: int
    client: str
    usage: ClientUsage
    started: float | None = None
    decided: threading.Event = field(default_factory=threading.Event)


class ConcurrencyLimiter:
    """Thread-safe slots for requests, and a queue with a longest wait, shared fairly by clients.

    A free slot goes to the client with the fewest active requests, then to the one that used the least seconds, then
    to the request that came first. One slot in eight is kept from each client, for the others. If the queue is
    full, the client with the most requests loses its newest waiting one.
    """

    def __init__(self, slots: int, queue: int, seconds: float) -> None:
        self._slots = slots
        self._client_slots = slots - slots // 8
        self._queue = queue
        self._seconds = seconds
        self._active: dict[int, _Request] = {}
        self._waiting: list[_Request] = []
        self._usages: dict[str, ClientUsage] = {}
        self._lock = threading.Lock()

    @property
    def active(self) -> int:
        """Number of requests that have a slot."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """Number of requests in the queue."""
        return len(self._waiting)

    @property
    def longest_seconds(self) -> float:
        """Seconds since the longest active request got its slot; 0 without active requests."""
        with self._lock:
            starts = [request.started for request in self._active.values() if request.started is not None]
        return time.monotonic() - min(starts) if starts else 0.0

    def check_queue(self, client: str = "") -> None:
        """Raise ServerBusy if `acquire` would raise it immediately for this client."""
        with self._lock:
            self._make_room(client)

    def acquire(self, key: int, client: str = "") -> ClientUsage:
        """Wait for a slot for the request with this unique number; raise ServerBusy if there is none.

        Returns:
            The recent usage of the client.
        """
        with self._lock:
            loser = self._make_room(client)
            if loser is not None:
                self._waiting.remove(loser)
                loser.decided.set()
            request = _Request(key, client, self._usage(client))
            self._waiting.append(request)
            self._fill_slots()
        try:
            request.decided.wait(self._seconds)
        finally:
            with self._lock:
                if request in self._waiting:
                    self._waiting.remove(request)
        if request.started is None:
            raise ServerBusy
        return request.usage

    def release(self, key: int) -> None:
        """Return the slot of a request, if it has one."""
        with self._lock:
            if self._active.pop(key, None) is not None:
                self._fill_slots()

    def _make_room(self, client: str) -> _Request | None:
        """Return the waiting request that a new one of this client replaces, None if it replaces none."""
        counts = Counter(request.client for request in self._active.values())
        free = len(self._active) < self._slots and counts[client] < self._client_slots
        if free or len(self._waiting) < self._queue:
            return None
        counts.update(request.client for request in self._waiting)
        # The newest of equals.
        loser = max(reversed(self._waiting), key=lambda request: counts[request.client], default=None)
        if loser is None or counts[loser.client] <= counts[client] + 1:
            raise ServerBusy
        return loser

    def _fill_slots(self) -> None:
        while len(self._active) < self._slots:
            counts = Counter(request.client for request in self._active.values())
            ready = [request for request in self._waiting if counts[request.client] < self._client_slots]
            if not ready:
                return
            # The first of equals.
            request = min(ready, key=lambda request: (counts[request.client], request.usage.rank))
            self._waiting.remove(request)
            request.started = time.monotonic()
            self._active[request.key] = request
            request.decided.set()

    def _usage(self, client: str) -> ClientUsage:
        if len(self._usages) >= _MAX_IDLE_CLIENTS and client not in self._usages:
            present = {request.client for request in (*self._active.values(), *self._waiting)}
            self._usages = {
                name: usage for name, usage in self._usages.items() if name in present or usage.seconds > _MIN_SECONDS
            }
        return self._usages.setdefault(client, ClientUsage())


def install(app: Flask, limiter: ConcurrencyLimiter) -> None:
    """Reject requests before their bodies are parsed; install it after all checks that can reject a request."""

    def check() -> None:
        # Set by the gunicorn worker if it refused the body.
        error = getattr(request.environ["wsgi.input"], "error", None)
        if error is not None:
            raise error
        if request.method not in SAFE_METHODS:
            limiter.check_queue(client_key())

    app.before_request(check)
