"""gunicorn worker whose main loop reads requests and writes answers, so that slow clients occupy no thread.

gunicorn's own thread worker reads from sockets in its threads: a few half requests occupy all of them. Here a request
gets a thread when it is complete, and the thread is free again when the app has answered. A client that has too many
connections loses the one that waits longest.
"""

from __future__ import annotations

import errno
import math
import selectors
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.exceptions import BadRequest, RequestTimeout

from app.errors import ServerBusy
from app.web.middleware import client_network, plain_answers
from app.web.middleware.connections import (
    READING,
    Backoff,
    BodyBudget,
    Connection,
    Lane,
    Lanes,
    Phase,
    longest_waiting,
    slow_readers,
    visitor_of,
)
from app.web.middleware.request_buffer import INCOMPLETE, RequestBuffer
from app.web.middleware.response_buffer import ResponseBuffer

_HEAD_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
"""Time for a client to read the last answer, and for a request on a kept connection while the worker stops."""
_TICK_SECONDS = 0.5
_LARGEST_BODIES = 4
"""Number of request bodies of the largest size that are in memory at the same time."""
_SWITCH_SECONDS = 0.0005
_READ_BYTES = 262_144
_READ_HEAD_BYTES = 16_384
_UNREAD_BYTES = 100_000_000
"""Most bytes of a refused body that are read and dropped, so that the browser shows the answer."""
_DROPPED_PER_TICK = 25_000_000
"""Most bytes of all refused bodies that are read between two ticks, so that they leave processor time to others."""
_SEND_BUFFER_BYTES = 262_144
"""Send buffer of a socket. The kernel's own can hold 4 MB: a dozen pages for a client that reads none of them."""
_ACCEPTS = 32  # connections at a time, so that a flood does not delay others
_SHARED_ACCEPTS = 4  # of several workers, so that one does not take all requests of a burst

_SHORT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Worker(ThreadWorker):
    """Threaded worker that answers with the security headers and logs nothing of the client's address or input."""

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse TLS options, which the worker would ignore."""
        if cfg.is_ssl:
            sys.exit("The server has no TLS. Put a proxy in front that terminates TLS.")

    def init_process(self) -> None:
        """Prepare the loop; gunicorn then loads the app and calls `run`."""
        self._connections: set[Connection] = set()
        self._networks: defaultdict[str, set[Connection]] = defaultdict(set)
        self._backoff = Backoff()
        self._budget = BodyBudget()
        self._dropped = 0
        self.alive: bool
        self._scratch = memoryview(bytearray(_READ_BYTES))
        super().init_process()

    def run(self) -> None:
        """Serve until a signal, then finish accepted requests."""
        # Imported after the fork: the master process does not need the app.
        from app.web.middleware.admission import Admission

        self._admission = Admission(self.wsgi, self._backoff)
        self._lanes = Lanes(self.tpool, self.cfg.threads)
        settings = self._settings = self.wsgi.extensions["settings"]
        headers = (settings.proxy_user_header.upper(), settings.proxy_groups_header.upper())
        self._single_headers = headers if settings.access_mode == "proxy" else ()
        # With Python's 5 ms, a loop that competes with twenty threads for the interpreter needs seconds for a request.
        sys.setswitchinterval(_SWITCH_SECONDS)
        for listener in self.sockets:
            # Accepted connections inherit it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self._addresses = {listener: listener.getsockname() for listener in self.sockets}
        self.poller.register(self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks)
        next_tick = 0.0
        while self.alive and self.is_parent_alive():
            next_tick = self._turn(next_tick)
        self.alive = False
        self.set_accept_enabled(False)
        end = time.monotonic()
        for connection in self._connections:
            if connection.phase in (Phase.IDLE, Phase.HEAD):
                connection.deadline = min(connection.deadline, end + _CLOSE_SECONDS)
        while self._connections and time.monotonic() < end + self.cfg.graceful_timeout:
            next_tick = self._turn(next_tick)
        for connection in list(self._connections):
            self._close(connection)
        self._lanes.shutdown()
        self.poller.close()
        self.method_queue.close()
        for listener in self.sockets:
            listener.close()

    def accept(self, listener: socket.socket) -> None:
        """Accept waiting connections. Out of descriptors, close a connection that waits, or pause."""
        for _ in range(_ACCEPTS if self.cfg.workers == 1 else _SHARED_ACCEPTS):
            try:
                accepted, client = listener.accept()
            except OSError as error:
                if error.errno in _SHORT_OF_DESCRIPTORS and not self._make_room(self._connections):
                    # The next tick accepts again.
                    self.set_accept_enabled(False)
                return
            # The client may be gone already.
            with suppress(OSError):
                self._add(accepted, client, self._addresses[listener])

    def handle_error(self, req: object, client: ResponseBuffer, addr: object, exc: BaseException) -> None:
        """Answer on the client's connection, and log the error."""
        invalid_response = isinstance(exc, errors.InvalidResponseHeader | errors.InvalidResponseHeaderName)
        if isinstance(exc, errors.ParseException) and not invalid_response:
            answer = plain_answers.for_parse_error(exc)
            self.log.warning("malformed_http_request")
        else:
            answer = plain_answers.FAILED
            self.log.error("request_failed", exc_info=exc)
        # The client may have disconnected.
        with suppress(OSError):
            client.sendall(plain_answers.response(*answer))

    def _turn(self, next_tick: float) -> float:
        """Handle events, and deadlines from time to time; return the time of the next check of deadlines."""
        # New connections last: they could take the place of one whose request has just arrived.
        for key, _ in sorted(self.poller.select(_TICK_SECONDS), key=lambda event: event[0].fileobj in self.sockets):
            key.data(key.fileobj)
        now = time.monotonic()
        if now < next_tick:
            return next_tick
        self.notify()
        self.set_accept_enabled(self.alive)
        self._dropped = 0
        for connection in list(self._connections):
            if connection.deadline <= now:
                self._guard(connection, self._expire)
            elif connection.phase is Phase.LINGER:
                self._guard(connection, self._watch)
        self._backoff.forget(now)
        self._cut_slow_readers(now)
        return now + _TICK_SECONDS

    def _add(self, accepted: socket.socket, client: Any, server: Any) -> None:
        accepted.setblocking(False)
        network = client_network(client[0]) if client else ""
        peers, limit = self._networks.get(network, set()), self._settings.client_connections
        # All connections of a proxy come from its address.
        crowded = not self._settings.proxies and len(peers) >= limit and not self._make_room(peers)
        if crowded or (len(self._connections) >= self.worker_connections and not self._make_room(self._connections)):
            with suppress(OSError):
                accepted.send(plain_answers.response(*plain_answers.CROWDED))
            accepted.close()
            return
        connection = Connection(accepted, client, server, network)
        connection.enter(Phase.IDLE, connection.since + _HEAD_SECONDS)
        wake = partial(self.method_queue.defer, self._watch, connection)
        connection.output = ResponseBuffer(accepted, wake, self._settings.body_seconds)
        connection.requests = RequestBuffer(self.cfg, client, self._admission.admit)
        self._connections.add(connection)
        self._networks[network].add(connection)
        self._guard(connection, self._watch)

    def _make_room(self, connections: Collection[Connection]) -> bool:
        """Close connections that have waited longest for their clients; return whether there were any."""
        longest = longest_waiting(connections, time.monotonic())
        for connection in longest:
            self._close(connection)
        return bool(longest)

    def _ready(self, connection: Connection, _socket: socket.socket) -> None:
        self._guard(connection, self._read_and_write)

    def _guard(self, connection: Connection, handle: Any) -> None:
        """Handle an event of a connection. A fault of one connection must not end the others."""
        if connection.closed:
            return
        try:
            handle(connection)
            self._watch(connection)
        except OSError:
            # The client is gone.
            self._close(connection)
        except Exception as error:
            self.log.error("connection_failed", exc_info=error)
            self._close(connection)

    def _read_and_write(self, connection: Connection) -> None:
        if connection.output.size:
            connection.output.flush()
        if connection.phase is Phase.WRITE and not connection.output.size:
            self._after_answer(connection)
        elif connection.phase in READING:
            try:
                limit = _READ_BYTES if connection.phase in (Phase.BODY, Phase.LINGER) else _READ_HEAD_BYTES
                size = connection.socket.recv_into(self._scratch, limit)
            except BlockingIOError:
                return
            if connection.phase is Phase.LINGER:
                connection.dropped += size
                self._dropped += size
                if not size or connection.dropped > _UNREAD_BYTES:
                    self._close(connection)
            elif size:
                self._advance(connection, partial(connection.requests.feed, self._scratch[:size]))
            elif connection.phase is Phase.BODY:
                connection.requests.refuse(BadRequest(INCOMPLETE))
                self._call_app(connection)
            else:
                self._close(connection)

    def _advance(self, connection: Connection, parse: Any) -> None:
        """Parse data of the client, and call the app if the request is complete."""
        requests = connection.requests
        try:
            parse()
        except errors.ParseException as error:
            self.handle_error(None, connection.output, connection.client, error)
            self._finish(connection, keep=False)
            return
        if requests.request is None:
            if connection.phase is Phase.IDLE and not requests.empty:
                connection.enter(Phase.HEAD, time.monotonic() + min(_HEAD_SECONDS, self._settings.body_seconds))
            return
        if connection.phase is not Phase.BODY:
            connection.visitor = visitor_of(requests.request, connection.network, self._settings.proxies)
            connection.body_deadline = time.monotonic() + self._settings.body_seconds
            connection.enter(Phase.BODY, connection.body_deadline)
            if requests.take_continue():
                connection.output.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._reserve(connection)
        if requests.complete and connection.phase is Phase.BODY:
            self._call_app(connection)

    def _reserve(self, connection: Connection) -> None:
        """Count the bytes of a body. Over the limit of the process, refuse the slowest body of the largest client."""
        self._budget.count(connection)
        limit = _LARGEST_BODIES * self._settings.max_request_bytes
        while victim := self._budget.find_victim(self._connections, limit):
            victim.requests.refuse(ServerBusy())
            self._call_app(victim)
            self._watch(victim)

    def _call_app(self, connection: Connection) -> None:
        self._budget.count(connection)
        now, lane = time.monotonic(), self._lanes.choose(connection.requests.request)
        waits = lane is self._lanes.posts and connection.phase is not Phase.DELAY
        if waits and self._backoff.seconds_left(connection.visitor, now):
            connection.enter(Phase.DELAY, self._backoff.due(connection.visitor, now))
            return
        connection.enter(Phase.APP, math.inf)
        lane.put(connection)
        self._start(lane)

    def _start(self, lane: Lane) -> None:
        while (connection := lane.take()) is not None:
            future = lane.threads.submit(self._respond, connection)
            responded = partial(self._responded, lane, connection)
            future.add_done_callback(partial(self.method_queue.defer, responded))

    def _respond(self, connection: Connection) -> bool:
        """Answer a request in a thread; return whether the connection stays open."""
        requests = connection.requests
        request = requests.request
        request.body = requests.body
        names = [name for name, _ in request.headers]
        if any(names.count(name) > 1 for name in self._single_headers):
            # The client may have sent one of them, and WSGI would join their values.
            connection.output.sendall(plain_answers.response(*plain_answers.REPEATED))
            return False
        if requests.unread:
            request.force_close()
        try:
            exchange = SimpleNamespace(sock=connection.output, client=connection.client, server=connection.server)
            return bool(self.handle_request(request, exchange))
        except StopIteration:
            # gunicorn logged an error in the middle of the answer.
            return False
        except OSError as error:
            if not isinstance(error, ConnectionError | TimeoutError):
                self.log.error("request_failed", exc_info=error)
        except Exception as error:
            self.handle_error(request, connection.output, connection.client, error)
        return False

    def _responded(self, lane: Lane, connection: Connection, future: Future[bool]) -> None:
        lane.free += 1
        self._start(lane)
        keep = future.exception() is None and future.result()
        if seconds := connection.output.take_retry_after():
            self._backoff.start(connection.visitor, seconds, time.monotonic())
        connection.requests.drop_body()
        self._budget.release(connection)
        self._guard(connection, partial(self._finish, keep=keep))

    def _finish(self, connection: Connection, keep: bool) -> None:
        """Continue after the app has answered and the client has read the answer."""
        connection.keep = keep
        if connection.output.size:
            connection.enter(Phase.WRITE, time.monotonic() + self._settings.body_seconds)
        else:
            self._after_answer(connection)

    def _after_answer(self, connection: Connection) -> None:
        now = time.monotonic()
        if connection.keep:
            connection.enter(Phase.IDLE, now + (self.cfg.keepalive if self.alive else _CLOSE_SECONDS))
            self._advance(connection, connection.requests.start_next)
        else:
            connection.socket.shutdown(socket.SHUT_WR)
            unread_until = connection.body_deadline if connection.requests.unread else 0.0
            connection.enter(Phase.LINGER, max(now + _CLOSE_SECONDS, unread_until))

    def _expire(self, connection: Connection) -> None:
        """End a phase at its deadline."""
        if connection.phase is Phase.BODY:
            connection.requests.refuse(RequestTimeout())
            self._call_app(connection)
        elif connection.phase is Phase.DELAY:
            self._call_app(connection)
        elif connection.phase is Phase.HEAD:
            connection.output.sendall(plain_answers.response(*plain_answers.LATE))
            self._finish(connection, keep=False)
        else:
            self._close(connection)

    def _cut_slow_readers(self, now: float) -> None:
        """Close connections whose client takes too long to read, and the slowest if all answers need much memory."""
        for connection in slow_readers(self._connections, now - self._settings.body_seconds):
            self._close(connection)

    def _watch(self, connection: Connection) -> None:
        """Wait for the events that the phase and the answer need."""
        if connection.closed:
            return
        pausing = connection.phase is Phase.LINGER and self._dropped > _DROPPED_PER_TICK
        events = selectors.EVENT_READ if connection.phase in READING and not pausing else 0
        events |= selectors.EVENT_WRITE if connection.output.size else 0
        if events == connection.events:
            return
        if not events:
            self.poller.unregister(connection.socket)
        elif connection.events:
            self.poller.modify(connection.socket, events, partial(self._ready, connection))
        else:
            self.poller.register(connection.socket, events, partial(self._ready, connection))
        connection.events = events

    def _close(self, connection: Connection) -> None:
        if connection.closed:
            return
        connection.closed = True
        self._connections.discard(connection)
        peers = self._networks[connection.network]
        peers.discard(connection)
        if not peers:
            del self._networks[connection.network]
        if connection.events:
            self.poller.unregister(connection.socket)
        connection.output.close()
        connection.socket.close()
        # In a thread, the body is still in memory.
        if connection.phase is not Phase.APP:
            self._budget.release(connection)
