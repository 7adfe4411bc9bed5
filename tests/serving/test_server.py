"""A real server: signals, slow and broken connections, several workers, and what it leaves on the disk."""

import json
import os
import select
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from app.settings import ROOT
from tests import photos
from tests.server import serving
from tests.serving.test_metrics import figures

MARK = b"a byte of an upload that nobody may find again"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Two workers that allow little and have little time."""
    folder = tmp_path_factory.mktemp("server")
    settings = {"FACES_WORKERS": "2", "FACES_BODY_SECONDS": "2", "TMPDIR": str(folder)}
    with serving(folder, **settings) as server:
        assert "Ready" in server.line(180)
        until(lambda: {fetch(f"{server.address}/healthz/ready")[0] for _ in range(10)} == {200})
        yield server


@pytest.fixture(scope="module", autouse=True)
def log(server):
    """What the server has written so far; a full pipe would stop it."""
    lines: list[bytes] = []

    def read_on():
        for line in server.process.stdout:
            lines.append(line)

    threading.Thread(target=read_on, daemon=True).start()
    return lines


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


def connect(server) -> socket.socket:
    host, port = server.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def workers(server) -> list[int]:
    """The process ids of the server's workers."""
    text = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text(encoding="ascii")
    return [int(word) for word in text.split()]


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


def test_figures_of_all_workers_add_up(server):
    for _ in range(20):
        assert fetch(f"{server.address}/people/0/portrait.webp")[0] == 404
    found = figures(fetch(f"{server.address}/metrics")[1])
    assert found["faces_requests_total", "GET", "/people/<int:person_id>/portrait.webp", "404"] == 20


def test_uploads_never_touch_the_disk(server, photo, log):
    data = photo(photos.PERSON, kind="BMP") + MARK
    assert len(data) > 1_000_000
    assert fetch(f"{server.address}/identify", data)[0] == 200
    before, seen, stop = files(server.folder), set(), threading.Event()
    descriptors = open_files(server)

    def watch():
        while not stop.is_set():
            seen.update(open_files(server) - descriptors)
            seen.update(files(server.folder) - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    doors = [f"{server.address}{path}" for path in ("/identify", "/api/v1/identify")]
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(fetch, doors[n % 2], data if n % 3 else MARK, "Ann Lee.jpg") for n in range(94)]
        statuses = {one.result()[0] for one in sent}
    for _ in range(6):
        with connect(server) as cancelled:
            cancelled.sendall(
                b"POST /identify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + MARK * 1000
            )
    stop.set()
    watcher.join()
    assert statuses <= {200, 422, 503}
    ours = (str(ROOT), str(server.folder / "server.sqlite"))
    assert [name for name in seen if not name.startswith(ours)] == []
    assert files(server.folder) == before
    for name in files(server.folder):
        assert MARK not in Path(name).read_bytes()
        assert b"Ann Lee" not in Path(name).read_bytes()
    assert any(b'"request"' in line for line in log)
    assert not any(MARK in line or b"Ann" in line or b"127.0.0.1" in line for line in log)


def test_a_body_that_never_ends_or_arrives_is_given_up(server):
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
    assert fetch(f"{server.address}/healthz/live")[0] == 200


def test_a_killed_worker_is_replaced_and_the_other_goes_on(server, photo):
    data = photo(photos.PERSON)
    before = workers(server)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    assert fetch(f"{server.address}/identify", data)[0] in (200, 503)
    until(lambda: len(workers(server)) == 2 and before[0] not in workers(server))
    until(lambda: {fetch(f"{server.address}/healthz/ready")[0] for _ in range(6)} == {200})
    # The decoders of the dead one do not outlive it.
    decoders = [
        path for path in Path("/proc").glob("[0-9]*/cmdline") if b"app.decoder_process" in read(path) and orphan(path)
    ]
    assert decoders == []


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def orphan(path: Path) -> bool:
    status = read(path.with_name("status"))
    return b"\nPPid:\t1\n" in status


def test_accepted_requests_are_answered_when_the_server_is_asked_to_end(tmp_path, photo):
    data = photo(photos.PERSON, kind="BMP")
    with serving(tmp_path, FACES_THREADS="2", FACES_QUEUE="8") as server:
        assert "Ready" in server.line(180)
        with ThreadPoolExecutor(6) as pool:
            sent = [pool.submit(fetch, f"{server.address}/api/v1/identify", data) for _ in range(6)]
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            answers = [one.result() for one in sent]
        assert [status for status, _ in answers] == [200] * 6
        assert all(json.loads(text)["faces"] for _, text in answers)
        assert server.process.wait(60) == 0
    assert not list(Path("/dev/shm").glob(f"faces-metrics-*{server.process.pid}"))


def test_a_stuck_worker_is_replaced(tmp_path, photo):
    """The first photo of every worker never ends; a second worker process has to come."""
    (tmp_path / "stuck.py").write_text(
        "import time\nfrom app.detection import Detector\n"
        "def stuck(self, picture):\n    time.sleep(1000) if picture.width == 900 else None\n    return ()\n"
        "Detector.find_faces = stuck\nfrom wsgi import app\n",
        encoding="utf-8",
    )
    settings = {"FACES_STUCK_SECONDS": "2", "PYTHONPATH": str(tmp_path)}
    with serving(tmp_path, "stuck:app", **settings) as server:
        assert "Ready" in server.line(180)
        [first] = workers(server)
        with connect(server) as request:
            body = photo(photos.PERSON)
            form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + body + b"\r\n--x--"
            request.sendall(
                b"POST /identify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                b"Content-Length: %d\r\n\r\n" % len(form) + form
            )
            until(lambda: workers(server) not in ([first], []))
            until(lambda: fetch(f"{server.address}/healthz/ready")[0] == 200)
