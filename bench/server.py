"""Server: start, memory, load and overload. `.venv/bin/python -m bench.server COMMAND [OPTIONS]`.

All commands start a real server with one worker on this machine, with its default settings unless they say otherwise.
"""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import click
import numpy as np
from PIL import Image

from app.settings import Settings
from app.vision import decoding
from bench.common import (
    API,
    FOLDER,
    PAGE,
    PeakMemory,
    decoder_processes,
    descendants,
    load_recognizer,
    measure_usage,
    portrait_photo,
    post_form,
    post_photo,
    resident_memory,
    start_server,
)
from bench.growth import photo_of_faces
from tests import photos
from tests.server import Server, workers

CLIENTS = (1, 4, 16)
REQUESTS = 100
PHOTO_SIZES = ((900, 700), (1280, 960), (960, 1280), (4000, 3000), (3000, 4000))
WARM_PHOTOS = 40
LARGE_REQUESTS = 4
_BARE = "import tensorflow, sys; print('imported', flush=True); sys.stdin.read()"


@click.group()
def main() -> None:
    """Measure the server."""


def closed_loop(server: Server, files: Sequence[bytes], clients: int, seconds: float) -> tuple[float, list[float]]:
    """Let each client send the next photo after the last response; return photos a second, and seconds of each."""
    times: list[float] = []
    turns = itertools.count()
    end = time.monotonic() + seconds

    def run() -> None:
        while time.monotonic() < end:
            started = time.monotonic()
            if post_photo(server, files[next(turns) % len(files)]) == 200:
                times.append(time.monotonic() - started)

    with ThreadPoolExecutor(clients) as pool:
        for _ in range(clients):
            pool.submit(run)
    return len(times) / seconds, times


def open_loop(
    server: Server, data: bytes, rate: float, seconds: float
) -> tuple[Counter[int], list[float], list[float]]:
    """Send photos at a fixed rate; return statuses, seconds of accepted requests and of rejected ones."""
    statuses: Counter[int] = Counter()
    accepted: list[float] = []
    rejected: list[float] = []
    lock = threading.Lock()

    def run() -> None:
        started = time.monotonic()
        status = post_photo(server, data)
        with lock:
            statuses[status] += 1
            (accepted if status == 200 else rejected).append(time.monotonic() - started)

    start = time.monotonic()
    with ThreadPoolExecutor(64) as pool:
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            pool.submit(run)
    return statuses, accepted, rejected


@main.command()
@click.option("--seconds", default=10.0, show_default=True, help="Length of each measurement.")
@click.option("--rounds", default=3, show_default=True)
def clients(seconds: float, rounds: int) -> None:
    """Compare 1, 4 and 16 clients with the pipeline in one process: photos a second and latency, interleaved."""
    data = portrait_photo()
    rates: dict[int, list[float]] = {count: [] for count in (0, *CLIENTS)}
    times: dict[int, list[float]] = {count: [] for count in CLIENTS}
    with (
        tempfile.TemporaryDirectory() as folder,
        start_server(Path(folder), FACES_RATE_LIMIT="off", FACES_QUEUE="32") as server,
        load_recognizer() as recognizer,
    ):
        for turn in range(rounds + 1):
            length = seconds if turn else 2.0  # The first round warms up.
            end, count = time.monotonic() + length, 0
            while time.monotonic() < end:
                recognizer.identify(data)
                count += 1
            found = {0: count / length}
            for number in CLIENTS:
                found[number], latencies = closed_loop(server, [data], number, length)
                times[number] += latencies if turn else []
            if turn:
                for number, rate in found.items():
                    rates[number].append(rate)
    click.echo(f"{'':<12}{'photos/s':>10}{'relative':>10}{'median':>10}{'95 %':>10}{'99 %':>10}")
    click.echo(f"{'one process':<12}{np.median(rates[0]):>10.1f}")
    for number in CLIENTS:
        relative = np.median(np.divide(rates[number], rates[0]))
        percentiles = "".join(f"{1000 * value:>7.0f} ms" for value in np.percentile(times[number], [50, 95, 99]))
        name = "1 client" if number == 1 else f"{number} clients"
        click.echo(f"{name:<12}{np.median(rates[number]):>10.1f}{relative:>10.2f}{percentiles}")


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--seconds", default=15.0, show_default=True, help="Length of each measurement.")
@click.option("--photos", "count", default=12, show_default=True, help="Number of photos.")
def mix(folder: Path, seconds: float, count: int) -> None:
    """Send photos of a folder at 12 megapixels, a third of them without faces, and a face beside a crowd.

    Prints latencies with 1, 4 and 16 clients, and how much longer a photo with one face takes while another client
    sends crowds of 48 faces.
    """
    paths = sorted(path for path in folder.iterdir() if decoding.is_photo_file(path))
    step = max(1, len(paths) // count)
    files = [enlarge(path) for path in paths[::step][:count]]
    files[::3] = [photos.encode(photos.background(4000, 3000))] * len(files[::3])
    single, crowd = portrait_photo(), photo_of_faces(48)
    with (
        tempfile.TemporaryDirectory() as temporary,
        start_server(Path(temporary), FACES_RATE_LIMIT="off", FACES_QUEUE="32") as server,
    ):
        for data in (*files, single, crowd):
            post_photo(server, data)
        click.echo(f"{'':<12}{'photos/s':>10}{'median':>10}{'95 %':>10}")
        for number in CLIENTS:
            rate, times = closed_loop(server, files, number, seconds)
            median, most = 1000 * np.percentile(times, [50, 95])
            click.echo(f"{number:>4} clients{rate:>10.2f}{median:>7.0f} ms{most:>7.0f} ms")
        _, alone = closed_loop(server, [single], 1, seconds / 2)
        with ThreadPoolExecutor(1) as pool:
            crowds = pool.submit(closed_loop, server, [crowd], 1, seconds)
            _, beside = closed_loop(server, [single], 1, seconds)
            _, crowded = crowds.result()
    own, other, of_crowd = (1000 * float(np.median(times)) for times in (alone, beside, crowded))
    click.echo(f"one face alone {own:.0f} ms, beside a crowd {other:.0f} ms ({other / own:.1f} times)")
    click.echo(f"crowd beside it {of_crowd:.0f} ms")


def enlarge(path: Path) -> bytes:
    """Return a photo as a JPEG file of 12 megapixels."""
    photo = Image.open(path).convert("RGB")
    scale = (12e6 / (photo.width * photo.height)) ** 0.5
    return photos.encode(photo.resize((round(photo.width * scale), round(photo.height * scale))))


@main.command()
@click.option("--minutes", default=3.0, show_default=True)
@click.option("--workers", "count", default=1, show_default=True)
def overload(minutes: float, count: int) -> None:
    """Find the capacity, then send photos at four times that rate."""
    data = photos.encode(photos.paste(photos.portraits()[photos.PERSON]))
    settings = {"FACES_WORKERS": str(count), "FACES_RATE_LIMIT": "off"}
    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder), **settings) as server:
        closed_loop(server, [data], 4, 5)
        _, alone = closed_loop(server, [data], 1, 15)
        capacity, _ = closed_loop(server, [data], 4, 15)
        usages = [measure_usage(server.process.pid)]
        statuses: Counter[int] = Counter()
        times: dict[str, list[float]] = {"accepted": [], "rejected": []}
        for _ in range(2):
            found, accepted, rejected = open_loop(server, data, 4 * capacity, 30 * minutes)
            statuses += found
            times["accepted"] += accepted
            times["rejected"] += rejected
            usages.append(measure_usage(server.process.pid))
    median = float(np.median(alone))
    click.echo(f"one client           {1000 * median:.0f} ms (median)")
    click.echo(f"capacity             {capacity:.1f} photos a second by 4 clients")
    click.echo(f"offered              {4 * capacity:.1f} photos a second for {minutes:g} minutes")
    click.echo("statuses             " + ", ".join(f"{status or 'broken'}: {n}" for status, n in statuses.items()))
    for name, latencies in times.items():
        if latencies:
            half, most = np.percentile(latencies, [50, 95]) / median
            click.echo(f"{name:<20} {half:.1f} times one client (median), {most:.1f} times (95th percentile)")
    click.echo(f"{'':<20} {'before':>8} {'midway':>8} {'after':>8}")
    for name in ("memory", "threads", "descriptors"):
        click.echo(f"{name:<20} " + " ".join(f"{getattr(usage, name):>8.0f}" for usage in usages))
    if set(statuses) - {200, 503}:
        raise SystemExit("The server sent other statuses than 200 and 503.")


@main.command()
@click.option("--requests", default=10_000, show_default=True)
def soak(requests: int) -> None:
    """Send photos and invalid files, and print memory, descriptors, threads and temporary files every tenth."""
    people = [photos.portraits()[name] for name in (photos.PERSON, photos.OTHER)]
    files = [photos.encode(photos.paste(person, size=(600, 450), side=200)) for person in people]
    files += [photos.encode(photos.paste(people[0], size=(600, 450), side=200), "WEBP"), b"no photo", files[0][:3000]]
    statuses: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder), TMPDIR=folder) as server:
        click.echo(f"{'requests':>9} {'MB':>7} {'descriptors':>12} {'threads':>8} {'files':>6}")
        with ThreadPoolExecutor(4) as pool:
            for part in range(11):
                if part:
                    numbers = range(requests // 10)
                    statuses.update(pool.map(lambda n: post_photo(server, files[n % 5], (PAGE, API)[n % 2]), numbers))
                usage = measure_usage(server.process.pid)
                left = sum(path.is_file() for path in Path(folder).rglob("*"))
                done = part * (requests // 10)
                click.echo(f"{done:>9} {usage.memory:>7.0f} {usage.descriptors:>12} {usage.threads:>8} {left:>6}")
    click.echo("statuses " + ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items())))


@main.command()
@click.option("--rounds", default=5, show_default=True)
def start(rounds: int) -> None:
    """Measure start, first request and memory, relative to a bare `import tensorflow`; medians."""
    data = portrait_photo()
    _import_tensorflow()  # Fills the file cache.
    imports, starts = zip(*((_import_tensorflow(), _start_and_request(data)) for _ in range(rounds)), strict=True)
    seconds, memory = (float(value) for value in np.median(imports, axis=0))
    median = {name: float(np.median([values[name] for values in starts])) for name in starts[0]}
    first = np.median([values["first"] / values["hundredth"] for values in starts])
    click.echo(f"import tensorflow        {seconds:7.2f} s {memory:8.0f} MB")
    for name, key in (("first start until ready", "ready"), ("start with a gallery", "again")):
        click.echo(f"{name:<24} {median[key]:7.2f} s   {median[key] / seconds:.2f} times as long")
    click.echo(f"first request            {1000 * median['first']:7.1f} ms  {first:.2f} times the hundredth")
    click.echo(f"hundredth request        {1000 * median['hundredth']:7.1f} ms  (median of ten)")
    for name in ("steady", "peak"):
        click.echo(f"memory, {name:<16} {median[name]:8.0f} MB  {median[name] - memory:+.0f} MB")


def _import_tensorflow() -> tuple[float, float]:
    """Return the seconds and megabytes of a process that imports TensorFlow."""
    started = time.perf_counter()
    command = [sys.executable, "-c", _BARE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        seconds, memory = time.perf_counter() - started, resident_memory(process.pid)
        process.stdin.close()
    return seconds, memory


def _start_and_request(data: bytes) -> dict[str, float]:
    """Return seconds until ready and of requests, and megabytes of the server's largest process."""

    def largest(pid: int) -> float:
        return max(map(resident_memory, descendants(pid)))

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with start_server(Path(folder)):
            ready = time.perf_counter() - started
        started = time.perf_counter()
        with start_server(Path(folder), FACES_RATE_LIMIT="off") as server:
            again = time.perf_counter() - started
            times = []
            with PeakMemory(server.process.pid, largest) as peak:
                for _ in range(REQUESTS + 5):
                    sent = time.perf_counter()
                    if (status := post_photo(server, data)) != 200:
                        raise SystemExit(f"The server sent status {status}.")
                    times.append(time.perf_counter() - sent)
            hundredth = float(np.median(times[REQUESTS - 5 :]))
            steady = largest(server.process.pid)
    memory = {"steady": steady, "peak": peak.memory}
    return {"ready": ready, "again": again, "first": times[0], "hundredth": hundredth} | memory


@main.command()
def memory() -> None:
    """Measure memory of processes and requests, and the disk space of people, for docs/how-to/run-a-server.md."""
    settings = Settings()
    files = [portrait_photo(width, height, height // 2) for width, height in PHOTO_SIZES]
    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder)) as server:
        [process] = workers(server)
        at_start = resident_memory(process)
        for number in range(WARM_PHOTOS):
            post_photo(server, files[number % len(files)])
        warm = resident_memory(process)
        decoders = [resident_memory(pid) for pid in decoder_processes(server.process.pid)]
        with PeakMemory(process, resident_memory) as peak:
            for _ in range(LARGE_REQUESTS):
                _post_large(server, settings)
        gallery = _measure_gallery(server.folder / "server.sqlite")
    body = settings.max_request_bytes / 2**20
    extra = peak.memory - warm
    click.echo(f"server process       {at_start:.0f} MB at the start, {warm:.0f} MB after {WARM_PHOTOS} photos")
    click.echo(f"decoder process      {max(decoders):.0f} MB after these photos, {len(decoders)} processes")
    click.echo(f"request of {body:.0f} MB    {extra:.0f} MB at the peak, {extra / body:.1f} times its size")
    click.echo(f"anchor               {gallery['embedding']:.0f} bytes in memory, {gallery['anchors']:.0f} anchors")
    click.echo(f"portrait             {gallery['portrait'] / 1000:.1f} kB")
    click.echo(f"person               {gallery['person'] / 1000:.0f} kB on disk, {gallery['people']:.0f} people")


def _post_large(server: Server, settings: Settings) -> None:
    """Post a request of the largest size, in files that are not photos."""
    files = -(-settings.max_request_bytes // settings.max_file_bytes)
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    part = head + bytes(settings.max_request_bytes // files - 200) + b"\r\n"
    if not 0 < (status := post_form(server, API, part * files + b"--x--\r\n")) < 500:
        raise SystemExit(f"The server sent status {status} for a large request.")


def _measure_gallery(path: Path) -> dict[str, float]:
    """Return people, anchors, and bytes of an embedding, of a portrait, and of a person in a gallery file."""
    with closing(sqlite3.connect(path)) as database:
        [row] = database.execute(
            "SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM anchor), "
            "(SELECT avg(length(embedding)) FROM anchor), (SELECT avg(length(webp)) FROM portrait), "
            "(SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)"
        )
    values = dict(zip(("people", "anchors", "embedding", "portrait", "size"), row, strict=True))
    return values | {"person": values["size"] / values["people"]}


if __name__ == "__main__":
    main()
