"""The worker in a thread, with little time, few connections and an app that does what the tests need."""

from __future__ import annotations

import http.client
import logging
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from flask import Flask, Response, request
from gunicorn.config import Config
from gunicorn.glogging import Logger

from app.errors import ServerBusy
from app.web import uploads
from app.web.middleware import admission, concurrency, connections, gunicorn_worker, response_buffer
from app.web.middleware.concurrency import ConcurrencyLimiter
from app.web.middleware.connections import Backoff, Phase
from app.web.middleware.gunicorn_worker import Worker

THREADS = connections.PAGE_THREADS
CONNECTIONS = 6
PIECE = bytes(100_000)
FORM = "multipart/form-data; boundary=x"
"""Only multipart forms may be large."""


class Service:
    """A worker that runs in a thread of the test."""

    def __init__(self, settings) -> None:
        self.release = threading.Event()
        self.started = threading.Semaphore(0)
        app = self.app = Flask("app")
        app.extensions["settings"] = settings
        limiter = self.limiter = app.extensions["concurrency_limiter"] = ConcurrencyLimiter(2, 2, 1)
        uploads.install(app)
        concurrency.install(app, limiter)
        app.register_error_handler(ServerBusy, lambda _error: ("busy", 503))

        @app.post("/echo")
        @uploads.accepts_photos(1)
        def echo():
            return request.get_data()

        @app.get(f"{connections.PICTURES}1")
        @app.get("/wait")
        def wait():
            self.started.release()
            assert self.release.wait(20)
            return "waited"

        @app.post("/limited")
        @uploads.accepts_photos(1)
        def limited():
            return "later", 429, {"Retry-After": "60"}

        @app.get("/large")
        def large():
            return Response(PIECE for _ in range(300))

        app.add_url_rule("/", "page", lambda: "page")
        app.add_url_rule("/user", "user", lambda: request.headers.get("X-Forwarded-User", "none"))
        app.add_url_rule("/healthz/live", "live", lambda: "alive")
        config = Config()
        config.set("threads", THREADS)
        config.set("worker_connections", 50)
        config.set("graceful_timeout", 20)

        class Threaded(Worker):
            def init_signals(self) -> None:
                """Signals belong to the main thread."""

            def load_wsgi(self) -> None:
                self.wsgi = app

        self.listener = socket.create_server(("0.0.0.0", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.worker = Threaded(1, os.getppid(), [self.listener], None, 30, config, Logger(config))
        self.worker.log.error_log.handlers = []
        self.thread = threading.Thread(target=self.worker.init_process)
        self.thread.start()

    def connect(self, data: bytes = b"", source: str = "127.0.0.1", receive_buffer: int = 0) -> socket.socket:
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(10)
        client.bind((source, 0))
        client.connect(("127.0.0.1", self.port))
        client.sendall(data)
        return client

    def ask(self, data: bytes, **options) -> tuple[int, bytes, bool]:
        """Status, body, and whether the connection closes."""
        with self.connect(data, **options) as client:
            return answer(client)

    def reset(self) -> None:
        """Let the next requests to /wait wait again."""
        self.release.clear()
        while self.started.acquire(blocking=False):
            pass

    def stop(self) -> None:
        self.release.set()
        self.worker.handle_exit(None, None)
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.worker.tmp.close()
        for end in self.worker.PIPE:
            os.close(end)


@pytest.fixture(scope="module")
def service(settings) -> Iterator[Service]:
    patch = pytest.MonkeyPatch()
    for name, seconds in (("HEAD", 0.4), ("CLOSE", 0.2), ("TICK", 0.05)):
        patch.setattr(gunicorn_worker, f"_{name}_SECONDS", seconds)
    patch.setattr(connections, "_YOUNG_SECONDS", 0.1)
    patch.setattr(connections, "_BACKOFF_DELAY", 0.2)
    limits = {"max_request_bytes": 300_000, "max_file_bytes": 300_000, "max_field_bytes": 1000}
    service = Service(settings.with_changes(client_connections=CONNECTIONS, **limits))
    yield service
    service.stop()
    patch.undo()


@pytest.fixture
def hurried(service, monkeypatch) -> Service:
    """The worker with less time for bodies and answers than the settings accept."""
    monkeypatch.setattr(service.worker, "_settings", service.worker._settings.model_copy(update={"body_seconds": 0.6}))
    return service


@pytest.fixture(autouse=True)
def no_faults(service, caplog) -> Iterator[None]:
    """Nothing that clients do is an error in the log, and no test begins with connections of another."""
    yield
    service.release.set()
    wait_until(lambda: not service.worker._connections)
    service.reset()
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []


def answer(client: socket.socket) -> tuple[int, bytes, bool]:
    with closing(http.client.HTTPResponse(client)) as response:
        response.begin()
        return response.status, response.read(), response.headers["Connection"] == "close"


def post(body: bytes | None, length: int | None = None, path: str = "/echo", extra: str = "") -> bytes:
    size = len(body or b"") if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\n{extra}Content-Length: {size}\r\n\r\n"
    return head.encode() + (body or b"")


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def wait_until(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_tls_options_are_refused():
    config = Config()
    config.set("certfile", "certificate.pem")
    with pytest.raises(SystemExit, match="The server has no TLS"):
        Worker.check_config(config, None)


def test_requests_share_a_connection_and_can_be_sent_together(service):
    with service.connect(get("/") + post(b"hello") + get("/")) as client, client.makefile("rb") as stream:
        for expected in (b"page", b"hello", b"page"):
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = http.client.parse_headers(stream)
            assert headers["Connection"] == "keep-alive"
            assert stream.read(int(headers["Content-Length"])) == expected


def test_clients_can_wait_for_permission_to_send_the_body(service):
    with service.connect(post(None, 5, extra="Expect: 100-continue\r\n")) as client:
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert answer(client) == (200, b"hello", False)
    status, _, closes = service.ask(post(None, 10**12, extra="Expect: 100-continue\r\n"))
    assert (status, closes) == (413, True)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (post(b"abc", 10**12), 413),
        (post(b"abc", 10**12, "/nowhere"), 404),
        (post(b"abc", 10**12, "/"), 405),
        (get("/").replace(b"\r\n\r\n", b"\r\nContent-Length: 1000000000000\r\n\r\n"), 200),
        (post(b"abc", 9000).replace(FORM.encode(), b"application/x-www-form-urlencoded"), 413),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000, 431),
        (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    ],
)
def test_refused_requests_are_answered_before_their_bodies_arrive(service, sent, status):
    found, _, closes = service.ask(sent)
    assert found == status
    assert closes or sent.startswith(b"BREW")


def test_refused_bodies_are_dropped_until_the_client_has_the_answer(service, monkeypatch):
    monkeypatch.setattr(gunicorn_worker, "_DROPPED_PER_TICK", 3_000_000)
    with service.connect(post(bytes(5_000_000))) as client:
        assert answer(client)[0] == 413


def test_a_full_queue_refuses_bodies_before_they_arrive(service, monkeypatch):
    for name in ("_slots", "_queue"):
        monkeypatch.setattr(service.limiter, name, 0)
    assert service.ask(post(None, 100_000))[:2] == (503, b"busy")
    assert service.ask(get("/"))[0] == 200


def test_bodies_of_visitors_are_not_received_where_a_key_is_needed(service, monkeypatch):
    monkeypatch.setattr(service.worker._admission, "_credentials", {"AUTHORIZATION", "COOKIE"})
    assert service.ask(post(None, 100_000)) == (200, b"", True)
    for header in (b"Authorization: Bearer x", b"Cookie: a=b"):
        sent = post(b"photo").replace(b"Host: a", b"Host: a\r\n" + header)
        assert service.ask(sent)[:2] == (200, b"photo")


def test_headers_that_name_the_user_are_single_and_have_no_underscores(service, monkeypatch):
    monkeypatch.setattr(service.worker, "_single_headers", ("X-FORWARDED-USER", "X-FORWARDED-GROUPS"))

    def ask(*headers: bytes) -> tuple[int, bytes]:
        return service.ask(get("/user").replace(b"Host: a", b"\r\n".join([b"Host: a", *headers])))[:2]

    assert ask(b"X-Forwarded-User: ann", b"X-Forwarded-Groups: a, b") == (200, b"ann")
    for name in (b"X-Forwarded-User", b"x-forwarded-user", b"X-Forwarded-Groups"):
        status, body = ask(b"X-Forwarded-User: ann", b"X-Forwarded-Groups: a", name + b": eve")
        assert (status, body) == (400, b"A header that names the user is repeated.\n")
    for name in (b"X_Forwarded_User", b"X-Forwarded_User", b"HTTP_X_FORWARDED_USER"):
        assert ask(name + b": eve") == (200, b"none")


def test_slow_heads_and_bodies_time_out(hurried):
    slow = [get("/")[:-2], post(b"half", 1000), b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"]
    with ExitStack() as stack:
        clients = [stack.enter_context(hurried.connect(start)) for start in slow]
        idle = stack.enter_context(hurried.connect())
        assert [answer(client)[0] for client in clients] == [408, 408, 408]
        assert idle.recv(1) == b""


def test_incomplete_bodies_are_rejected(service):
    with service.connect(post(b"half", 1000)) as client:
        client.shutdown(socket.SHUT_WR)
        assert answer(client)[0] == 400


def test_photos_and_probes_are_answered_while_all_threads_of_pages_are_occupied(service):
    with ExitStack() as stack:
        busy = [stack.enter_context(service.connect(get("/wait"))) for _ in range(THREADS)]
        for _ in busy:
            assert service.started.acquire(timeout=10)
        # Another client's page has to wait for a thread. Photos and health checks have not.
        page = stack.enter_context(service.connect(get("/"), source="127.0.0.2"))
        assert service.ask(get("/healthz/live"))[:2] == (200, b"alive")
        assert service.ask(post(b"hello"))[:2] == (200, b"hello")
        assert not select.select([page], [], [], 0)[0]
        service.release.set()
        assert {answer(client)[1] for client in busy} == {b"waited"}
        assert answer(page)[1] == b"page"
    service.reset()


def test_pages_are_answered_while_pictures_of_a_library_wait_for_a_decoder(service):
    with ExitStack() as stack:
        busy = [stack.enter_context(service.connect(get(f"{connections.PICTURES}1"))) for _ in range(THREADS)]
        for _ in busy:
            assert service.started.acquire(timeout=10)
        assert service.ask(get("/"), source="127.0.0.2")[:2] == (200, b"page")
        service.release.set()
        assert {answer(client)[1] for client in busy} == {b"waited"}
    service.reset()


def test_a_client_with_many_requests_delays_only_its_own(service):
    with ExitStack() as stack:
        # Four are answered, two wait.
        many = [stack.enter_context(service.connect(get("/wait"))) for _ in range(CONNECTIONS)]
        for _ in range(THREADS):
            assert service.started.acquire(timeout=10)
        other = stack.enter_context(service.connect(get("/wait"), source="127.0.0.2"))
        wait_until(lambda: sum(map(len, service.worker._lanes.pages.queues.values())) == 3)
        # The other client has the second turn, although its request came last.
        queues = [list(queue) for queue in service.worker._lanes.pages.queues.values()]
        assert [len(queue) for queue in queues] == [2, 1]
        service.release.set()
        assert {answer(client)[1] for client in [*many, other]} == {b"waited"}
    service.reset()


def test_clients_behind_a_proxy_take_turns(service, monkeypatch):
    monkeypatch.setattr(service.worker, "_settings", service.worker._settings.model_copy(update={"proxies": 1}))
    visitors = ["192.0.2.1"] * (THREADS + 2) + ["192.0.2.1, 192.0.2.2"]
    with ExitStack() as stack:
        clients = []
        for visitor in visitors:
            sent = get("/wait").replace(b"\r\n\r\n", f"\r\nX-Forwarded-For: {visitor}\r\n\r\n".encode())
            clients.append(stack.enter_context(service.connect(sent)))
            if len(clients) == THREADS:
                for _ in clients:
                    assert service.started.acquire(timeout=10)
        wait_until(lambda: sum(map(len, service.worker._lanes.pages.queues.values())) == 3)
        assert {visitor: len(queue) for visitor, queue in service.worker._lanes.pages.queues.items()} == {
            "192.0.2.1": 2,
            "192.0.2.2": 1,
        }
        service.release.set()
        assert {answer(client)[1] for client in clients} == {b"waited"}
    service.reset()


def test_idle_connections_give_way_to_new_ones_of_their_client(service):
    with ExitStack() as stack:
        for _ in range(5 * CONNECTIONS):
            stack.enter_context(service.connect())
        for _ in range(5 * CONNECTIONS):
            stack.enter_context(service.connect(b"GET / HT"))
        assert service.ask(get("/"))[:2] == (200, b"page")
        assert service.ask(get("/"), source="127.0.0.2")[:2] == (200, b"page")
        wait_until(lambda: len(service.worker._connections) <= CONNECTIONS + 1)


def test_connections_of_many_clients_give_way_to_new_ones(service):
    with ExitStack() as stack:
        for number in range(60):
            stack.enter_context(service.connect(source=f"127.0.1.{number + 1}"))
        assert service.ask(get("/"))[:2] == (200, b"page")
        assert len(service.worker._connections) <= 50


def test_too_many_requests_of_a_client_at_the_same_time_are_rejected(service):
    with ExitStack() as stack:
        busy = [stack.enter_context(service.connect(get("/wait"))) for _ in range(CONNECTIONS)]
        for _ in range(THREADS):
            assert service.started.acquire(timeout=10)
        wait_until(lambda: [one.phase for one in list(service.worker._connections)] == [Phase.APP] * CONNECTIONS)
        status, text, closes = service.ask(b"")
        assert (status, closes) == (503, True)
        assert text.startswith(b"Your address has too many connections.")
        service.release.set()
        assert {answer(client)[1] for client in busy} == {b"waited"}
    service.reset()


def test_connections_of_a_proxy_are_not_limited(service, monkeypatch):
    monkeypatch.setattr(service.worker, "_settings", service.worker._settings.model_copy(update={"proxies": 1}))
    with ExitStack() as stack:
        clients = [stack.enter_context(service.connect()) for _ in range(3 * CONNECTIONS)]
        for client in clients:
            client.sendall(get("/"))
            assert answer(client)[0] == 200


def test_without_memory_the_slowest_body_of_the_largest_client_is_refused(service):
    """The limit is four times 300 kB."""
    with ExitStack() as stack:
        slow = stack.enter_context(service.connect(post(bytes(100_000), 250_000)))
        wait_until(lambda: service.worker._budget.bytes == 100_000)
        time.sleep(0.05)
        others = [stack.enter_context(service.connect(post(bytes(249_000), 250_000))) for _ in range(4)]
        wait_until(lambda: service.worker._budget.bytes == 4 * 249_000 + 100_000)
        visitor = stack.enter_context(service.connect(post(bytes(150_000)), source="127.0.0.2"))
        assert answer(visitor)[0] == 200
        assert answer(slow)[:2] == (503, b"busy")
        for client in others:
            client.sendall(bytes(1000))
            assert answer(client)[0] == 200
    wait_until(lambda: service.worker._budget.bytes == 0)


def test_slow_readers_get_large_answers_and_occupy_little_memory(service, monkeypatch):
    monkeypatch.setattr(response_buffer, "MAX_BYTES", 500_000)
    with service.connect(get("/large"), receive_buffer=2048) as client:
        wait_until(lambda: any(connection.output.size for connection in list(service.worker._connections)))
        assert max(connection.output.size for connection in list(service.worker._connections)) < 700_000
        assert service.ask(get("/"))[0] == 200
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
        assert answer(client) == (200, PIECE * 300, False)


def test_clients_that_do_not_read_are_cut_off(hurried):
    with hurried.connect(get("/large"), receive_buffer=2048) as client:
        wait_until(lambda: hurried.worker._connections)
        wait_until(lambda: not hurried.worker._connections)
        wait_until(lambda: hurried.worker._lanes.pages.free == THREADS)
        with pytest.raises((OSError, http.client.HTTPException)):
            answer(client)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", post(b"half", 1000), post(b"half", 10**12), get("/large")])
def test_resets_are_no_errors(service, sent):
    with service.connect(sent) as client:
        if sent.endswith(b"0000\r\n\r\nhalf"):
            assert answer(client)[0] == 413
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: not service.worker._connections)
    wait_until(lambda: service.worker._lanes.pages.free == THREADS)
    wait_until(lambda: service.worker._budget.bytes == 0)


def test_a_fault_in_the_loop_closes_one_connection_only(service, monkeypatch, caplog):
    monkeypatch.setattr(admission, "body_limits", None)
    with service.connect(post(b"hello")) as client:
        assert client.recv(1) == b""
    assert [record.message for record in caplog.records] == ["connection_failed"]
    caplog.clear()
    assert service.ask(get("/"))[0] == 200


def test_clients_over_a_limit_wait_before_the_next_answer(service, monkeypatch):
    backoff = Backoff()
    for holder in (service.worker, service.worker._admission):
        monkeypatch.setattr(holder, "_backoff", backoff)
    with service.connect(post(b"photo", path="/limited")) as client:
        assert answer(client)[:2] == (429, b"later")
        started = time.monotonic()
        # The body is refused before it arrives.
        client.sendall(post(None, 200_000))
        status, body, closed = answer(client)
    assert (status, closed) == (429, True)
    assert b"You sent too many requests. Try again in 60 seconds." in body
    assert time.monotonic() - started >= 0.2
    assert service.ask(get("/healthz/live"))[0] == service.ask(get("/"))[0] == 200
    assert service.ask(post(b"photo"), source="127.0.0.9")[:2] == (200, b"photo")


def test_waiting_clients_follow_each_other_slowly():
    backoff = Backoff()
    backoff.start("a", 5, now=100)
    assert (backoff.seconds_left("a", 101), backoff.seconds_left("b", 101)) == (4, 0)
    first, second = backoff.due("a", 101), backoff.due("a", 101)
    assert 101 < first < second
    backoff.forget(106)
    assert backoff.seconds_left("a", 106) == 0
    backoff.start("a", 100_000, now=110)
    assert backoff.seconds_left("a", 110) <= 60


def test_accepted_requests_are_answered_before_the_worker_stops(service):
    """The last test with this worker."""
    with service.connect(get("/wait")) as accepted, service.connect(post(b"half", 8)) as sending:
        assert service.started.acquire(timeout=10)
        wait_until(lambda: len(service.worker._connections) == 2)
        service.worker.handle_exit(None, None)
        sending.sendall(b"half")
        assert answer(sending) == (200, b"halfhalf", True)
        service.release.set()
        assert answer(accepted)[:2] == (200, b"waited")
    service.thread.join(10)
    assert not service.thread.is_alive()
