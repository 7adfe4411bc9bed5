"""Attack a server with one client while others use it: `.venv/bin/python -m bench.attack [--minutes 10]`.

A process per attack runs on this machine, at the lowest priority, since attackers would have processors of their own.
The server listens on all addresses, which enables its limits per client. The attackers share one address.
"""

from __future__ import annotations

import http.client
import itertools
import multiprocessing
import os
import random
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from urllib.parse import urlsplit

import click
import numpy as np
from PIL import Image

from bench.common import API, FORM_HEAD, FORM_TYPE, PeakMemory, measure_usage, portrait_photo, start_server
from tests import photos
from tests.server import workers

ATTACKER = "127.0.0.1"
VISITORS = ("127.0.0.2", "127.0.0.3")
PROBE = "127.0.0.4"

LAST_ANSWER_SECONDS = 60.0

PAUSE = 1.0
"""Seconds between two requests of a visitor or of the probe."""

# What the attack may cost the visitors.
MIN_ANSWERED = 0.95
MAX_SLOWDOWN = 4.0
MAX_MEMORY = 2.0
MAX_PROBE_SECONDS = 1.0

URL_ENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}

Netloc = tuple[str, int]

Attack = Callable[[Netloc], Iterator[int | None]]
"""Yields statuses of answers, 0 for a connection that broke and None for none."""


def request(
    server: Netloc,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    source: str = ATTACKER,
) -> int:
    """Send a request, and return the status, or 0 if the connection broke."""
    connection = http.client.HTTPConnection(*server, timeout=60, source_address=(source, 0))
    with closing(connection):
        try:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers or {})
            response = http.client.HTTPResponse(connection.sock, method=method)
            response.begin()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            return 0


def connect(server: Netloc, data: bytes = b"", receive_buffer: int = 0) -> socket.socket | None:
    """Open a connection and send the start of a request; None if the server refuses."""
    client = socket.socket()
    try:
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(5)
        client.bind((ATTACKER, 0))
        client.connect(server)
        client.sendall(data)
    except OSError:
        client.close()
        return None
    return client


def hold(server: Netloc, starts: list[bytes], drip: bytes = b"", receive_buffer: int = 0) -> Iterator[int | None]:
    """Keep connections open that started with these bytes, send a byte now and then, and replace closed ones."""
    clients = [connect(server, start, receive_buffer) for start in starts]
    while True:
        for number, client in enumerate(clients):
            try:
                if client is None:
                    raise OSError
                client.setblocking(False)
                if drip:
                    client.send(drip)
                if not receive_buffer and client.recv(4096) == b"":
                    raise OSError
            except BlockingIOError:
                continue
            except OSError:
                if client is not None:
                    client.close()
                clients[number] = connect(server, starts[number], receive_buffer)
                yield 0
        time.sleep(0.5)
        yield None


def head(path: str, length: int, method: str = "POST") -> bytes:
    """Return the head of a request that announces a body."""
    kind = "multipart/form-data; boundary=x"
    lines = f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {kind}", f"Content-Length: {length}"
    return "\r\n".join([*lines, "", ""]).encode()


def huge_bodies(server: Netloc) -> Iterator[int | None]:
    """Announce bodies of a terabyte, to every kind of address."""
    return hold(server, [head(path, 10**12) for path in ("/identify", API, "/missing", "/manage/add")] * 3, b"x")


def slow_bodies(server: Netloc) -> Iterator[int | None]:
    """Send bodies of 50 MB, a byte at a time."""
    return hold(server, [head(path, 49_000_000) + FORM_HEAD for path in ("/identify", API)] * 4, b"x")


def url_encoded_forms(server: Netloc) -> Iterator[int | None]:
    """Send 20 MB of `a&`."""
    body = b"a&" * 10_000_000
    for path in itertools.cycle(("/sign-in", "/identify", API)):
        yield request(server, "POST", path, body, URL_ENCODED)


def idle_connections(server: Netloc) -> Iterator[int | None]:
    """Hold a thousand connections that say nothing."""
    return hold(server, [b""] * 1000)


def half_heads(server: Netloc) -> Iterator[int | None]:
    """Send heads a byte at a time."""
    return hold(server, [b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "] * 48, b"x")


def slow_readers(server: Netloc) -> Iterator[int | None]:
    """Ask for large answers without reading them."""
    asked = b"".join(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in ("/people", "/api/v1/people")
    )
    return hold(server, [asked * 20] * 48, receive_buffer=1)


def crowds(server: Netloc) -> Iterator[int | None]:
    """Send 484 small portraits on one picture."""
    data = photos.encode(photos.crowd(22, 2000))
    while True:
        yield request(server, "POST", API, FORM_HEAD + data + b"\r\n--x--\r\n", FORM_TYPE)


def blank_pictures(server: Netloc) -> Iterator[int | None]:
    """Send a large picture without a face."""
    data = photos.encode(Image.new("RGB", (2400, 2400), (90, 120, 150)), "PNG")
    while True:
        yield request(server, "POST", API, FORM_HEAD + data + b"\r\n--x--\r\n", FORM_TYPE)


def random_methods(server: Netloc) -> Iterator[int | None]:
    """Send methods that do not exist."""
    letters = random.Random(1)
    while True:
        yield request(server, "".join(letters.choices("ABCDEFGHIJ", k=12)), "/")
        time.sleep(0.01)


def hostile_values(server: Netloc) -> Iterator[int | None]:
    """Send values that parsers fail on, and connections that end in the middle of a body."""
    number = "9" * 5000
    requests: list[tuple[str, str, bytes | None, dict[str, str]]] = [
        ("POST", "/identify", b"a=1", URL_ENCODED | {"Origin": "http://["}),
        ("POST", "/sign-in", b"token=x&back=%0d%0aX:1", URL_ENCODED),
        ("POST", "/manage/restore", f"person={number}".encode(), URL_ENCODED),
        ("PATCH", "/api/v1/people/1", b"[" * 100_000, JSON),
        ("GET", f"/people/{number}", None, {}),
        ("GET", "/people?q=" + "+".join(["jason"] * 1900), None, {}),
    ]
    for method, path, body, headers in itertools.cycle(requests):
        yield request(server, method, path, body, headers)
        if client := connect(server, head("/missing", 1_000_000) + bytes(5000)):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
            client.close()
        time.sleep(0.05)


ATTACKS: dict[Attack, int] = {
    huge_bodies: 1,
    slow_bodies: 1,
    url_encoded_forms: 2,
    idle_connections: 1,
    half_heads: 1,
    slow_readers: 1,
    crowds: 2,
    blank_pictures: 8,
    random_methods: 1,
    hostile_values: 1,
}
"""The attacks, and how often each runs at the same time."""


def run_attack(attack: Attack, server: Netloc, seconds: float, results: Queue) -> None:
    """Attack for some seconds, and put the statuses into the queue."""
    os.nice(19)
    end, statuses = time.monotonic() + seconds, Counter[int]()
    steps = attack(server)
    while time.monotonic() < end:
        if (status := next(steps)) is not None:
            statuses[status] += 1
    results.put((attack.__name__, statuses))


class Visitors:
    """Visitors who send a photo with one face now and then, and a probe of `/healthz/live`.

    Args:
        server: its host and port.
        addresses: source address of each visitor.
    """

    def __init__(self, server: Netloc, addresses: tuple[str, ...], probe: str) -> None:
        self._server, self._addresses, self._probe = server, addresses, probe
        self._form = FORM_HEAD + portrait_photo() + b"\r\n--x--\r\n"

    def watch(self, seconds: float) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
        """Return seconds and status of the visitors' photos and of the probes."""
        end = time.monotonic() + seconds

        def loop(method: str, path: str, body: bytes | None, source: str) -> list[tuple[float, int]]:
            answers = []
            while time.monotonic() < end:
                started = time.monotonic()
                status = request(self._server, method, path, body, FORM_TYPE if body else {}, source)
                answers.append((time.monotonic() - started, status))
                time.sleep(PAUSE)
            return answers

        with ThreadPoolExecutor() as pool:
            probe = pool.submit(loop, "GET", "/healthz/live", None, self._probe)
            visits = [pool.submit(loop, "POST", API, self._form, address) for address in self._addresses]
            return [answer for visit in visits for answer in visit.result()], probe.result()


@click.command()
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--attack", "names", multiple=True, help="Run only this attack; repeat it for more. Default: all.")
@click.option("--same-address", is_flag=True, help="Let visitors share the attackers' address, without rate limits.")
def main(minutes: float, names: tuple[str, ...], same_address: bool) -> None:
    """Attack a server for some minutes beside two visitors; exit 1 if they are not served well enough."""
    chosen = {attack: count for attack, count in ATTACKS.items() if not names or attack.__name__ in names}
    settings = {} if same_address else {"FACES_HOST": "0.0.0.0", "FACES_ACCESS": "open"}
    spawn = multiprocessing.get_context("spawn")
    results: Queue = spawn.Queue()
    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder), **settings) as server:
        parts = urlsplit(server.address)
        address = (str(parts.hostname), int(parts.port or 80))
        visitors = Visitors(address, (ATTACKER,) * 2 if same_address else VISITORS, ATTACKER if same_address else PROBE)
        visitors.watch(5)
        quiet, _ = visitors.watch(20)
        before, started = measure_usage(server.process.pid), set(workers(server))
        attackers = [
            spawn.Process(target=run_attack, args=(attack, address, 60 * minutes, results), daemon=True)
            for attack, count in chosen.items()
            for _ in range(count)
        ]
        with PeakMemory(server.process.pid) as peak:
            for attacker in attackers:
                attacker.start()
            time.sleep(5)
            visits, probes = visitors.watch(60 * minutes - 10)
        statuses = {attack.__name__: Counter[int]() for attack in chosen}
        with suppress(Empty):
            # An attacker whose last request is never answered reports nothing.
            for _ in attackers:
                name, found = results.get(timeout=LAST_ANSWER_SECONDS)
                statuses[name] += found
        for attacker in attackers:
            attacker.terminate()
        time.sleep(5)
        after, lost = measure_usage(server.process.pid), started - set(workers(server))
        metrics = _size_of_metrics(address)

    normal = float(np.median([seconds for seconds, _ in quiet]))
    answered = [seconds for seconds, status in visits if status == 200]
    in_time = sum(seconds <= MAX_SLOWDOWN * normal for seconds in answered) / len(visits)
    slowest_probe = max(seconds for seconds, _ in probes)
    failed_probes = sum(status != 200 for _, status in probes)
    for name, found in statuses.items():
        texts = ", ".join(f"{status or 'broken'}: {count}" for status, count in sorted(found.items()))
        click.echo(f"{name:<18} {texts}")
    click.echo(f"quiet              {1000 * normal:.0f} ms (median of {len(quiet)}), {before.memory:.0f} MB")
    slowdowns = np.percentile(answered, [50, 95, 100]) / normal if answered else [float("nan")] * 3
    click.echo("attacked           {:.1f} times (median), {:.1f} times (95 %), {:.1f} times (most)".format(*slowdowns))
    click.echo("                   " + ", ".join(f"{s}: {n}" for s, n in Counter(s for _, s in visits).items()))
    click.echo(f"answered in time   {in_time:.1%} of {len(visits)} within {MAX_SLOWDOWN:g} times the quiet median")
    click.echo(f"memory             {peak.memory:.0f} MB peak, {after.memory:.0f} MB after")
    click.echo(f"/healthz/live      {slowest_probe:.2f} s at most, {failed_probes} of {len(probes)} failed")
    click.echo(f"/metrics           {metrics} bytes; workers lost: {len(lost)}")
    failures = sum(count for found in statuses.values() for status, count in found.items() if status == 500)
    if (
        in_time < MIN_ANSWERED
        or peak.memory > MAX_MEMORY * before.memory
        or slowest_probe > MAX_PROBE_SECONDS
        or failed_probes
        or lost
        or failures
    ):
        raise SystemExit("The attack succeeded.")


def _size_of_metrics(server: Netloc) -> int:
    connection = http.client.HTTPConnection(*server, timeout=60, source_address=(PROBE, 0))
    with closing(connection):
        connection.request("GET", "/metrics")
        return len(connection.getresponse().read())


if __name__ == "__main__":
    main()
