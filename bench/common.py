"""Shared by the benchmarks: photos, a test server and its client, process memory, and interleaved timings."""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from app import tracing
from app.recognition.recognizer import Recognizer
from app.settings import Settings
from tests import photos
from tests.server import Server, serving

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)

PAGE, API = "/identify", "/api/v1/identify"
FORM_HEAD = b'--x\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n\r\n'
FORM_TYPE = {"Content-Type": "multipart/form-data; boundary=x"}


def portrait_photo(width: int = 1200, height: int = 840, side: int = 380) -> bytes:
    """Return a JPEG photo with one face, whose portrait is `side` pixels large."""
    return photos.encode(photos.paste(photos.portraits()[photos.PERSON], size=(width, height), side=side))


@contextmanager
def load_recognizer() -> Iterator[Recognizer]:
    """Load the recognizer with the shipped gallery in a temporary file, warmed up."""
    with tempfile.TemporaryDirectory() as folder:
        recognizer = Recognizer.load(Settings(database_url=f"sqlite:///{folder}/gallery.sqlite"))
        recognizer.warm_up()
        yield recognizer
        recognizer.gallery.close()


def time_stages(recognizer: Recognizer, data: bytes) -> tuple[dict[str, float], int]:
    """Identify a photo, and return the seconds of each stage and the number of faces."""
    trace = tracing.RequestTrace(deadline=float("inf"))
    tracing.start_trace(trace)
    try:
        faces = len(recognizer.identify(data).faces)
    finally:
        tracing.end_trace()
    return dict(trace.seconds), faces


def interleave(*calls: Callable[[], object], rounds: int = 15) -> list[float]:
    """Return the shortest time of each call in seconds, run in turns."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, times in zip(calls, seconds, strict=True):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
    return [min(times) for times in seconds]


@contextmanager
def start_server(folder: Path, **settings: str) -> Iterator[Server]:
    """Start a server, wait until it is ready, and discard its output."""
    with serving(folder, **{"FACES_LOG": "off", **settings}) as server:
        line = server.line(300)
        if not line.startswith("Ready"):
            raise SystemExit(f"The server did not start: {line}")
        threading.Thread(target=server.process.stdout.read, daemon=True).start()
        yield server


def post_form(server: Server, path: str, body: bytes | Iterator[bytes], timeout: float = 120) -> int:
    """Post a multipart form, and return the status, or 0 if the connection broke."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=timeout)
    try:
        try:
            connection.request("POST", path, body, FORM_TYPE, encode_chunked=not isinstance(body, bytes))
        except BrokenPipeError:
            # The server responded and closed its side before it had read the whole body.
            response = http.client.HTTPResponse(connection.sock, method="POST")
            response.begin()
            return response.status
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def post_photo(server: Server, data: bytes, path: str = API) -> int:
    """Post one photo, and return the status, or 0 if the connection broke."""
    return post_form(server, path, FORM_HEAD + data + b"\r\n--x--\r\n")


@dataclass(frozen=True)
class ProcessUsage:
    """Resources of a process and its descendants; `memory` is private memory in megabytes."""

    memory: float
    descriptors: int
    threads: int
    processes: int


def descendants(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            found += descendants(int(child))
    return found


def measure_usage(pid: int) -> ProcessUsage:
    """Measure a process and its descendants."""
    memory = descriptors = threads = processes = 0
    for member in descendants(pid):
        try:
            status = _read_status(member)
            memory += int(status["RssAnon"].split()[0]) + int(status["RssShmem"].split()[0])
            threads += int(status["Threads"])
            descriptors += len(list(Path(f"/proc/{member}/fd").iterdir()))
            processes += 1
        except (OSError, KeyError):
            continue
    return ProcessUsage(memory / 1024, descriptors, threads, processes)


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants so far, in all threads that have not ended."""
    nanoseconds = 0
    for member in descendants(pid):
        for task in Path(f"/proc/{member}/task").glob("*/schedstat"):
            with suppress(OSError):
                nanoseconds += int(task.read_text(encoding="ascii").split()[0])
    return nanoseconds / 1e9


def resident_memory(pid: int, peak: bool = False) -> float:
    """Return the resident memory of a process in megabytes, now or at its peak; 0 if the process ended."""
    try:
        return int(_read_status(pid)["VmHWM" if peak else "VmRSS"].split()[0]) / 1024
    except (OSError, KeyError):
        return 0.0


def command_line(pid: int) -> bytes:
    """Return the command line of a process, empty if it ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def decoder_processes(pid: int) -> list[int]:
    """Return the decoder processes among the descendants of a process."""
    return [member for member in descendants(pid) if b"app.vision.decoder_process" in command_line(member)]


class PeakMemory:
    """Largest memory while the block runs, sampled every 50 ms; `measure` returns the megabytes of a process."""

    def __init__(self, pid: int, measure: Callable[[int], float] = lambda pid: measure_usage(pid).memory) -> None:
        self._pid = pid
        self._measure = measure
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.memory = 0.0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            self.memory = max(self.memory, self._measure(self._pid))


def _read_status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
