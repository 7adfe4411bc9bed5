"""Two apps behind nginx, with PostgreSQL and Redis, as in deploy/compose.yaml: real processes in temporary folders."""

from __future__ import annotations

import http.client
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.gallery.database import migrate_gallery
from app.settings import ROOT
from tests import photos, postgres
from tests.server import Server, free_port, serving, workers
from tests.slow import slow
from tests.web.middleware.test_metrics import figures

LIMIT = 8
CUT_OFF = "cut off"
PHOTOS = "/api/v1/identify"
_HEAD = b'--x\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n\r\n'
_KIND = {"Content-Type": "multipart/form-data; boundary=x"}


@contextmanager
def running(port: int, *command: object) -> Iterator[subprocess.Popen]:
    """A program of Debian's that listens on a port; tests skip where it is missing, but not in CI."""
    if shutil.which(str(command[0])) is None:
        assert "CI" not in os.environ, f"{command[0]} is not installed: .ci/run does that."
        pytest.skip(f"needs {command[0]}: apt-get install nginx-light redis-server")
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            try:
                connection.connect()
                break
            except OSError:
                time.sleep(0.1)
            finally:
                connection.close()
        yield process
    finally:
        process.terminate()
        process.wait(30)


def is_ready(app: Server) -> bool:
    return app.line(180).startswith("FACES_ACCESS is open") and app.line(180).startswith("Ready")


class Site:
    """Two apps, the settings that they share, and the address before them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        server = stack.enter_context(postgres.running())
        self.database = server.url(server.create())
        migrate_gallery(self.database)
        redis, self.port = free_port(), free_port()
        stack.enter_context(running(redis, "redis-server", "--port", redis, "--bind", "127.0.0.1", "--save", ""))
        self.settings = {
            "FACES_DATABASE_URL": self.database,
            "FACES_RATE_LIMIT_STORAGE": f"redis://127.0.0.1:{redis}",
            "FACES_RATE_LIMIT": f"{LIMIT}/day",
            "FACES_CLIENT_SECONDS": "off",
            "FACES_PROXIES": "1",
            "FACES_ACCESS": "open",
            "FACES_LOG": "off",
        }
        self.apps = [self.start() for _ in range(2)]
        for app in self.apps:
            assert is_ready(app)
        config = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        for number, app in enumerate(self.apps, start=1):
            config = config.replace(f"app{number}:8000", urlsplit(app.address).netloc)
        config = config.replace("listen 80;", f"listen 127.0.0.1:{self.port};").replace("/tmp/", f"{folder}/")
        (folder / "nginx.conf").write_text(f"daemon off;\n{config}")
        stack.enter_context(running(self.port, "nginx", "-c", folder / "nginx.conf", "-e", "stderr"))

    def start(self, address: str | None = None) -> Server:
        """Start an app, where an earlier one was if it is to take its place."""
        there = {"FACES_PORT": str(urlsplit(address).port)} if address else {}
        server = self.stack.enter_context(serving(self.folder, **self.settings, **there))
        return replace(server, address=address or server.address)

    def ask(self, path: str, data: bytes | None = None, client: str | None = None) -> tuple[int, str]:
        """One request through nginx, from an address of this machine; without one, of a visitor never seen before."""
        client = client or f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120, source_address=(client, 0))
        try:
            if data is None:
                connection.request("GET", path)
            else:
                connection.request("POST", path, _HEAD + data + b"\r\n--x--\r\n", _KIND)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    @contextmanager
    def load(self, data: bytes) -> Iterator[Counter]:
        """Three visitors, who send photos and read pages one after the other: what they are answered."""
        statuses, over = Counter(), threading.Event()

        def visit(number: int) -> None:
            while not over.is_set():
                try:
                    status, text = self.ask(*((PHOTOS, data) if number else ("/people",)))
                except http.client.IncompleteRead:
                    statuses[CUT_OFF] += 1
                    continue
                except OSError as error:
                    status, text = 0, repr(error)
                statuses[status if status == 200 else (status, text[:200])] += 1

        visitors = [threading.Thread(target=visit, args=(number,)) for number in range(3)]
        for one in visitors:
            one.start()
        try:
            yield statuses
        finally:
            over.set()
            for one in visitors:
                one.join()

    def counted(self) -> float:
        """Photos answered by both apps, as Prometheus would add them up."""
        key = ("faces_requests_total", "POST", PHOTOS, "200")
        return sum(figures(fetch(app)).get(key, 0) for app in self.apps)


def fetch(app: Server) -> str:
    connection = http.client.HTTPConnection(urlsplit(app.address).netloc, timeout=30)
    try:
        connection.request("GET", "/metrics", headers={"Host": "localhost"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    if postgres.programs() is None:
        assert "CI" not in os.environ, "PostgreSQL is not installed: .ci/run does that."
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("site")
    folder.chmod(0o755)
    with ExitStack() as stack:
        yield Site(folder, stack)


@pytest.fixture(scope="module")
def portrait(photo) -> bytes:
    return photo(photos.PERSON, size=(400, 320))


def wait_for(statuses: Counter, more: int) -> None:
    """Wait until so many more requests were answered."""
    end = sum(statuses.values()) + more
    for _ in range(1200):
        if sum(statuses.values()) >= end:
            return
        time.sleep(0.05)
    raise TimeoutError(f"Too few answers: {statuses}")


@slow
def test_all_servers_know_an_added_person(site, portrait, tmp_path):
    assert site.ask(PHOTOS, portrait)[0] == 200
    (tmp_path / "one.jpg").write_bytes(portrait)
    command = [sys.executable, "main.py", "people", "add", "New Name", "--yes", "--allow", "look_alike"]
    environment = os.environ | {"FACES_DATABASE_URL": site.database}
    done = subprocess.run([*command, tmp_path / "one.jpg"], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    # nginx gives requests to both in turns, as long as both are idle.
    answers = [site.ask(PHOTOS, portrait) for _ in range(4)]
    assert all(status == 200 and '"New Name"' in text for status, text in answers)
    assert all(("faces_requests_total", "POST", PHOTOS, "200") in figures(fetch(app)) for app in site.apps)


@slow
def test_rate_limits_and_metrics_cover_all_servers(site, portrait):
    before = site.counted()
    statuses = [site.ask(PHOTOS, portrait, "127.0.0.9")[0] for _ in range(LIMIT + 4)]
    assert statuses == [200] * LIMIT + [429] * 4
    assert site.counted() == before + LIMIT
    assert site.ask("/metrics")[0] == 403


@slow
def test_nginx_retries_after_a_server_is_killed(site, portrait):
    killed = site.apps[0]
    with site.load(portrait) as statuses:
        wait_for(statuses, 12)
        # The worker and its master, in the middle of requests.
        for child in workers(killed):
            os.kill(child, signal.SIGKILL)
        killed.process.kill()
        wait_for(statuses, 12)
        killed.process.wait()
        site.apps[0] = site.start(killed.address)
        assert is_ready(site.apps[0])
        wait_for(statuses, 6)
    # An answer that was on its way is cut off, and its visitor has to ask again: each at most one.
    assert statuses.pop(CUT_OFF, 0) <= 3
    assert set(statuses) == {200}


@slow
def test_a_rolling_restart_fails_no_request(site, portrait):
    with site.load(portrait) as statuses:
        for number, old in enumerate(site.apps):
            wait_for(statuses, 6)
            old.process.terminate()
            old.process.wait(90)
            site.apps[number] = site.start(old.address)
            assert is_ready(site.apps[number])
        wait_for(statuses, 6)
    assert set(statuses) == {200}
