"""A real server: signals, slow and broken connections, several workers, and what it leaves on the disk."""

import json
import os
import resource
import select
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from app.settings import ROOT
from tests import photos
from tests.server import serving, workers
from tests.slow import slow
from tests.web.middleware.test_metrics import figures

STUCK = """
import time
from types import SimpleNamespace
from app.recognition.model_card import read_card
from app.web.factory import create_app
from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.settings import Settings
from app.tracing import stage

def detect(self, picture):
    with stage("detect"):
        time.sleep(1000 if picture.width == 900 else 0)
    return ()

Recognizer.detect = detect
settings = Settings()
card = read_card(settings.model)
network, gallery = SimpleNamespace(card=card), Gallery.open(settings.database_url, card.id, None)
recognizer = Recognizer(settings, SimpleNamespace(backend="none"), network, gallery)
app = create_app(settings, recognizer)
"""
"""What gunicorn serves where a request is to get stuck: the real thing, without what takes seconds to load."""

MARK = b"a byte of an upload that nobody may find again"


@pytest.fixture(scope="module")
def log():
    """What the server with two workers has written so far."""
    return []


@pytest.fixture(scope="module")
def server(tmp_path_factory, log):
    """Two workers that have little time."""
    folder = tmp_path_factory.mktemp("server")
    settings = {"FACES_WORKERS": "2", "FACES_BODY_SECONDS": "2", "TMPDIR": str(folder)}
    with serving(folder, **settings) as server:
        assert "Ready" in server.line(180)

        def read_on():
            # A full pipe would stop the server.
            for line in server.process.stdout:
                log.append(line)

        threading.Thread(target=read_on, daemon=True).start()
        # One worker could answer all of a few requests.
        until(
            lambda: (
                ready(server) == {200} and figures(fetch(f"{server.address}/metrics")[1])["faces_workers_ready",] == 2
            )
        )
        yield server


def fetch(address: str, data: bytes | None = None, name: str = "photo.jpg") -> tuple[int, str]:
    """Get a page, or send a photo."""
    request = urllib.request.Request(address)
    if data is not None:
        head = f'--x\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()
        request.data = head + data + b"\r\n--x--\r\n"
        request.add_header("Content-Type", "multipart/form-data; boundary=x")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def ready(server) -> set[int]:
    """Statuses of some requests, which all workers get."""
    return {fetch(f"{server.address}/healthz/ready")[0] for _ in range(10)}


def connect(server) -> socket.socket:
    host, port = server.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def files(*folders: Path) -> set[str]:
    """Every file in folders."""
    return {str(path) for folder in folders for path in folder.rglob("*") if path.is_file()}


def open_files(server) -> set[str]:
    """What the server's processes have open on a disk, deleted files too."""
    found = set()
    for pid in [server.process.pid, *workers(server)]:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found.add(str(link.readlink()))
            except OSError:
                continue
    return {name for name in found if name.startswith("/") and not name.startswith(("/dev/", "/proc/", "/memfd:"))}


def test_rejected_uploads_are_drained(server):
    """Otherwise the client sees a broken connection instead of the answer."""
    status, page = fetch(f"{server.address}/identify", bytes(60_000_000))
    assert status == 413
    assert "The request is too large. The limit is 20 MB per photo and 50 MB in total." in page


def test_metrics_cover_all_workers(server):
    for _ in range(20):
        assert fetch(f"{server.address}/people/0/portrait.webp")[0] == 404
    found = figures(fetch(f"{server.address}/metrics")[1])
    assert found["faces_requests_total", "GET", "/people/<int:person_id>/portrait.webp", "404"] == 20


def test_uploads_are_not_written_to_disk(server, photo, log):
    data = photo(photos.PERSON, kind="BMP") + MARK
    assert len(data) > 1_000_000
    assert fetch(f"{server.address}/identify", data)[0] == 200
    before, seen, stop = files(server.folder), set(), threading.Event()
    program = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))]
    photographed = files(*program)
    descriptors = open_files(server)

    def watch():
        while not stop.is_set():
            seen.update(open_files(server) - descriptors)
            seen.update(files(server.folder) - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    doors = [f"{server.address}{path}" for path in ("/identify", "/api/v1/identify")]
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(fetch, doors[n % 2], data if n % 3 else MARK, "Ann Lee.jpg") for n in range(30)]
        statuses = {one.result()[0] for one in sent}
    for _ in range(6):
        with connect(server) as canceled:
            canceled.sendall(
                b"POST /identify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + MARK * 1000
            )
    stop.set()
    watcher.join()
    assert statuses <= {200, 422, 503}
    ours = (str(ROOT), str(server.folder / "server.sqlite"))
    assert [name for name in seen if not name.startswith(ours)] == []
    assert files(server.folder) == before
    assert {name for name in files(*program) - photographed if not name.endswith(".pyc")} == set()
    for name in files(server.folder):
        assert MARK not in Path(name).read_bytes()
        assert b"Ann Lee" not in Path(name).read_bytes()
    assert any(b'"request"' in line for line in log)
    assert not any(MARK in line or b"Ann" in line or b"127.0.0.1" in line for line in log)


@slow
def test_slow_bodies_time_out(server):
    head = b"POST /api/v1/identify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with connect(server) as silent:
        silent.sendall(head + b"Content-Length: 1000\r\n\r\n--x\r\n")
        assert b"408" in silent.recv(1000).split(b"\r\n")[0]
    with connect(server) as endless:
        endless.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n--x\r\n\r\n")
        started = time.monotonic()
        with suppress(OSError):
            while not select.select([endless], [], [], 0.05)[0]:
                endless.sendall(b"8\r\nabcdefgh\r\n")
                assert time.monotonic() - started < 20
        assert b"408" in endless.recv(1000).split(b"\r\n")[0]
    with connect(server) as broken:
        broken.sendall(head + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n")
        assert b"400" in broken.recv(1000).split(b"\r\n")[0]
    assert fetch(f"{server.address}/healthz/live")[0] == 200


def test_slow_and_idle_clients_delay_nobody(server):
    """gunicorn's thread worker waits five seconds for each idle one, and longer for the others."""
    sent = [b""] * 300 + [b"GET / HTTP/1.1\r\nHost: localhost\r\nX"] * 60
    sent += [b"POST /identify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n"] * 4
    sent += [
        b"POST /identify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Content-Length: 50000000\r\n\r\nx"
    ] * 60
    sent += [b"GET /people HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2] * 40
    with ExitStack() as stack:
        for start in sent:
            stack.enter_context(connect(server)).sendall(start)
        for path in ("/healthz/live", "/healthz/ready", "/metrics", "/"):
            started = time.monotonic()
            assert fetch(f"{server.address}{path}")[0] == 200
            assert time.monotonic() - started < 5


def test_workers_out_of_descriptors_accept_connections_in_place_of_idle_ones(server):
    before = workers(server)
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in before}
    try:
        for pid, (soft, hard) in limits.items():
            assert soft == min(hard, 65_536)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())) + 8, hard))
        with ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(connect(server))
            assert {fetch(f"{server.address}/healthz/live")[0] for _ in range(6)} == {200}
    finally:
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
    assert workers(server) == before


def test_a_killed_worker_of_two_is_replaced(server, photo, log):
    data = photo(photos.PERSON)
    before = workers(server)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    assert fetch(f"{server.address}/identify", data)[0] in (200, 503)
    until(lambda: len(workers(server)) == 2 and before[0] not in workers(server))
    until(lambda: {fetch(f"{server.address}/healthz/ready")[0] for _ in range(6)} == {200})
    assert {json.loads(line)["level"] for line in log if b"SIGKILL" in line} == {"error"}
    # The decoders of the dead one notice that it is gone, and end.
    until(lambda: not any(map(orphaned_decoder, Path("/proc").glob("[0-9]*/cmdline"))))


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def orphaned_decoder(command: Path) -> bool:
    return b"app.vision.decoder_process" in read(command) and b"\nPPid:\t1\n" in read(command.with_name("status"))


@slow
def test_a_single_killed_worker_is_replaced_and_shuts_down_gracefully(tmp_path, photo):
    with serving(tmp_path, FACES_CONCURRENCY="2", FACES_QUEUE="8") as server:
        assert "Ready" in server.line(180)
        [first] = workers(server)
        os.kill(first, signal.SIGKILL)
        until(lambda: workers(server) not in ([first], []))
        until(lambda: fetch(f"{server.address}/healthz/ready")[0] == 200)
        ends_politely(server, photo(photos.PERSON, kind="BMP"))


@slow
@pytest.mark.parametrize("count", [1, 2])
def test_a_stuck_worker_is_replaced(tmp_path, count):
    """No photo of 900 pixels' width ever ends; another worker process has to come, and the others have to stay."""
    (tmp_path / "stuck.py").write_text(STUCK, encoding="utf-8")
    settings = {"FACES_WATCHDOG_SECONDS": "3", "FACES_WORKERS": str(count), "PYTHONPATH": str(tmp_path)}
    with serving(tmp_path, "stuck:app", **settings) as server:
        assert "Ready" in server.line(60)
        until(lambda: len(workers(server)) == count)
        before = set(workers(server))
        with connect(server) as request:
            body = photos.encode(photos.background(900, 700))
            form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + body + b"\r\n--x--"
            request.sendall(
                b"POST /identify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                b"Content-Length: %d\r\n\r\n" % len(form) + form
            )
            until(lambda: len(set(workers(server)) - before) == 1)
            assert request.recv(1) == b""
        assert len(before & set(workers(server))) == count - 1
        until(lambda: fetch(f"{server.address}/healthz/ready")[0] == 200)
        status, page = fetch(f"{server.address}/identify", photos.encode(photos.background(320, 240)))
        assert (status, "find a face" in page) == (422, True)


def test_two_workers_shut_down_gracefully(server, photo):
    """The last test with this server."""
    ends_politely(server, photo(photos.PERSON))


def taken(server) -> float:
    """Photos sent to the API that are answered, worked on or waiting; each worker is asked often enough."""
    for _ in range(6):
        found = figures(fetch(f"{server.address}/metrics")[1])
    answered = found.get(("faces_requests_total", "POST", "/api/v1/identify", "200"), 0)
    return answered + found["faces_requests_active",] + found["faces_requests_waiting",]


def ends_politely(server, data: bytes) -> None:
    """Ask a server to end while it works on six photos, which it has to answer."""
    before = taken(server)
    with ThreadPoolExecutor(6) as pool:
        sent = [pool.submit(fetch, f"{server.address}/api/v1/identify", data) for _ in range(6)]
        # Those that are not accepted yet may be refused.
        until(lambda: taken(server) >= before + 6)
        server.process.send_signal(signal.SIGTERM)
        answers = [one.result() for one in sent]
    assert [status for status, _ in answers] == [200] * 6
    assert all(json.loads(text)["faces"] for _, text in answers)
    assert server.process.wait(60) == 0
    assert not list(Path("/dev/shm").glob(f"faces-metrics-*{server.process.pid}"))
