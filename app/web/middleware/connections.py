"""Connections of the gunicorn worker: their phases, turns of clients, and delays after too many requests."""

from __future__ import annotations

import enum
import heapq
import math
import socket
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from app.web.middleware import SAFE_METHODS, client_network
from app.web.middleware.request_buffer import RequestBuffer
from app.web.middleware.response_buffer import ResponseBuffer

PICTURES = "/library/pictures/"
"""Start of the paths of pictures, which wait for a decoder."""
PAGE_THREADS = 4
_PICTURE_THREADS = 4
_PROBES = ("/healthz/live", "/healthz/ready", "/metrics")
_PROBE_THREADS = 2

_YOUNG_SECONDS = 2.0
"""Age below which a body or an answer is not called slow."""

_UNSENT_BYTES = 64_000_000
"""Most bytes of all answers that wait for their clients."""

# Delay of a request, and time between two requests, of a client that should wait; and the longest wait.
_BACKOFF_DELAY, _BACKOFF_STEP, _MAX_BACKOFF_SECONDS = 1.0, 0.1, 60.0


class Phase(enum.IntEnum):
    """What a connection waits for. The first phases give way first when connections are short."""

    IDLE = 0  # the first byte of a request
    LINGER = 1  # the end of the client's data, after the last answer
    HEAD = 2
    DELAY = 3  # the client exceeded a limit
    WRITE = 4  # the client reads the answer
    BODY = 5
    APP = 6  # the app's answer


READING = (Phase.IDLE, Phase.LINGER, Phase.HEAD, Phase.BODY)


class Connection:
    """A client's connection, which only the main loop changes."""

    def __init__(self, connection: socket.socket, client: Any, server: Any, network: str) -> None:
        self.socket, self.client, self.server, self.network = connection, client, server, network
        self.visitor = network
        """Whose request it is: behind a proxy, the client that the proxy names."""
        self.phase = Phase.IDLE
        self.since = time.monotonic()
        self.deadline = math.inf
        self.body_deadline = 0.0
        self.requests: RequestBuffer
        self.output: ResponseBuffer
        self.reserved = self.dropped = self.events = 0
        self.closed = self.keep = False

    def enter(self, phase: Phase, deadline: float) -> None:
        """Begin a phase that ends at the latest at a time of `time.monotonic`."""
        self.phase, self.since, self.deadline = phase, time.monotonic(), deadline

    def gives_way(self, now: float) -> bool:
        """Whether the connection waits for its client, and may be closed in favor of another one."""
        return self.phase < Phase.WRITE or (self.phase < Phase.APP and now - self.since > _YOUNG_SECONDS)


class BodyBudget:
    """Memory of all bodies that have arrived and are not answered."""

    def __init__(self) -> None:
        self.bytes = 0

    def count(self, connection: Connection) -> None:
        """Count the bytes of a connection's body that are in memory now."""
        size = connection.requests.size
        self.bytes += size - connection.reserved
        connection.reserved = size

    def release(self, connection: Connection) -> None:
        """Count the body of a connection no longer."""
        self.bytes -= connection.reserved
        connection.reserved = 0

    def find_victim(self, connections: Collection[Connection], limit: int) -> Connection | None:
        """Return the slowest arriving body of the client with most bytes if all bodies are over a limit."""
        bodies = [one for one in connections if one.phase is Phase.BODY] if self.bytes > limit else []
        totals: defaultdict[str, int] = defaultdict(int)
        for one in bodies:
            totals[one.visitor] += one.reserved
        now = time.monotonic()
        return max(bodies, key=lambda one: (totals[one.visitor], (now - one.since) / (one.reserved + 1)), default=None)


def visitor_of(request: Any, network: str, proxies: int) -> str:
    """Return the client of a gunicorn request: behind proxies, the client that they name."""
    values = [value for name, value in request.headers if name == "X-FORWARDED-FOR"]
    addresses = ",".join(values).split(",") if values else []
    if not proxies or len(addresses) < proxies:
        return network
    return client_network(addresses[-proxies].strip())


def longest_waiting(connections: Collection[Connection], now: float) -> list[Connection]:
    """Return connections that wait longest for their clients: one, or several of thousands.

    Several, so that a flood does not sort all of them for every new connection.
    """
    waiting = [connection for connection in connections if connection.gives_way(now)]
    count = 1 + len(connections) // 500
    return heapq.nsmallest(count, waiting, key=lambda connection: (connection.phase, connection.since))


def slow_readers(connections: Collection[Connection], begun_before: float) -> Iterator[Connection]:
    """Yield connections whose answer waits since a time, and the slowest while all answers need much memory."""
    unsent = [connection for connection in connections if connection.output.size]
    total = sum(connection.output.size for connection in unsent)
    for connection in sorted(unsent, key=lambda connection: connection.output.since):
        if total <= _UNSENT_BYTES and connection.output.since > begun_before:
            break
        total -= connection.output.size
        yield connection


class Lane:
    """Threads for one kind of request. Clients take turns, so that one with many requests delays only its own."""

    def __init__(self, threads: ThreadPoolExecutor, free: int) -> None:
        self.threads, self.free = threads, free
        self.queues: dict[str, deque[Connection]] = {}

    def put(self, connection: Connection) -> None:
        """Queue a connection whose request is complete."""
        self.queues.setdefault(connection.visitor, deque()).append(connection)

    def take(self) -> Connection | None:
        """Return the next connection if a thread is free for it."""
        if not self.free or not self.queues:
            return None
        visitor = next(iter(self.queues))
        queue = self.queues.pop(visitor)
        connection = queue.popleft()
        if queue:
            self.queues[visitor] = queue
        self.free -= 1
        return connection


class Lanes:
    """Threads of the kinds of requests, so that one kind occupies no threads of another.

    Python runs one thread at a time, so pages have few. `posts` are all requests that change or identify something.
    """

    def __init__(self, posts: ThreadPoolExecutor, threads: int) -> None:
        self.posts = Lane(posts, threads)
        self.pages = Lane(ThreadPoolExecutor(PAGE_THREADS), PAGE_THREADS)
        self._pictures = Lane(ThreadPoolExecutor(_PICTURE_THREADS), _PICTURE_THREADS)
        self._probes = Lane(ThreadPoolExecutor(_PROBE_THREADS), _PROBE_THREADS)

    def choose(self, request: Any) -> Lane:
        """Return the threads for a gunicorn request."""
        if request.path in _PROBES:
            return self._probes
        if request.path.startswith(PICTURES):
            return self._pictures
        return self.pages if request.method in SAFE_METHODS else self.posts

    def shutdown(self) -> None:
        """Let the threads end after their requests."""
        for lane in (self.posts, self.pages, self._pictures, self._probes):
            lane.threads.shutdown(wait=False)


class Backoff:
    """Clients over a limit. Until they may try again, their requests wait and follow each other slowly.

    Refusing a request takes processor time too, so a flood of refused requests would slow others down.
    """

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        self._due: dict[str, float] = {}

    def start(self, visitor: str, seconds: float, now: float) -> None:
        """Let further requests of a client wait."""
        self._ends[visitor] = now + min(seconds, _MAX_BACKOFF_SECONDS)

    def seconds_left(self, visitor: str, now: float) -> float:
        """Return how long the client should have waited before its next request; 0 if it may send one."""
        return max(0.0, self._ends.get(visitor, 0.0) - now)

    def due(self, visitor: str, now: float) -> float:
        """Return when the app answers the next request of a waiting client."""
        self._due[visitor] = max(now + _BACKOFF_DELAY, self._due.get(visitor, 0.0) + _BACKOFF_STEP)
        return self._due[visitor]

    def forget(self, now: float) -> None:
        """Forget clients that have waited long enough."""
        self._ends = {visitor: end for visitor, end in self._ends.items() if end > now}
        self._due = {visitor: due for visitor, due in self._due.items() if visitor in self._ends}
