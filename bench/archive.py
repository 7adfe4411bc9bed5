"""Batch identification of an archive: `.venv/bin/python -m bench.archive throughput|memory`.

`throughput` compares the local process pool on one and two cores with Ray, in turns, with processor time and memory of
each kind of process, and estimates the cores for a million photos an hour. `bench.camera_photos` writes photos of 12
megapixels for it, a third of them without a face. `memory` prints the peak memory of each process for two sizes of
archive.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import click
import cv2

from app import tracing
from app.batch.failures import Failure
from app.batch.job import BatchJob
from app.batch.process_pool import WORKER_ENVIRONMENT, ProcessPool
from app.batch.ray_engine import RayCluster
from app.batch.rows import PhotoRow, digest
from app.batch.sources import PhotoSources
from app.library.indexing import IndexRun
from app.library.store import Library
from app.library.summary import summarize
from app.recognition.recognizer import Recognizer
from app.settings import ROOT, Settings
from app.vision import photo_files
from bench.common import FOLDER, command_line, descendants, resident_memory, time_stages
from tests import photos

PHOTOS_A_SECOND = 1_000_000 / 3600
GIGABIT = 100e6
"""Bytes a second of a gigabit line or one cheap disk."""

STAGED_PHOTOS = 60
COPIES = 4
EMPTY_FILES = (10_000, 100_000)
ROLES = {
    b"app.vision.decoder_process": "decoder",
    b"spawn_main": "worker",
    b"ray::": "worker",
    b"main.py": "command",
    b"bench.archive": "command",
}
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measurement:
    """Photos a second, and by role the processor time a photo in seconds and the largest memory of a process in MB."""

    rate: float
    seconds: dict[str, float]
    memory: dict[str, float]


@click.group()
def main() -> None:
    """Measure batch identification."""


def write_photos(folder: Path, count: int) -> None:
    """Write photos of a megapixel with one to three shipped portraits."""
    faces = list(photos.portraits().values())
    for number in range(count):
        shown = [faces[(number + offset) % len(faces)] for offset in range(1 + number % 3)]
        (folder / f"{number:05d}.jpg").write_bytes(photos.encode(photos.paste(*shown, size=(1150, 870))))


def role_of(pid: int) -> str:
    """Return what a process does."""
    words = command_line(pid)
    return next((role for mark, role in ROLES.items() if mark in words), "other")


def usage_by_process() -> dict[int, tuple[str, float]]:
    """Return role and processor time of this process and its descendants."""
    usage = {}
    for pid in descendants(os.getpid()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        usage[pid] = role_of(pid), (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
    return usage


def measure(cores: set[int], start: Callable[[], Iterable[list[PhotoRow]]], total: int) -> Measurement:
    """Measure an engine on some cores, over the last three quarters: until then all workers have started."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        done, first_done, started = 0, 0, 0.0
        first: dict[int, tuple[str, float]] = {}
        last: dict[int, tuple[str, float]] = {}
        memory: dict[str, float] = defaultdict(float)
        for rows in start():
            done += len(rows)
            if not first_done and done >= total / 4:
                first_done, started, first = done, time.monotonic(), usage_by_process()
            if first_done:
                # The processes end with the last rows.
                last |= usage_by_process()
                for pid, (role, _) in last.items():
                    memory[role] = max(memory[role], resident_memory(pid, peak=True))
        elapsed = time.monotonic() - started
    finally:
        os.sched_setaffinity(0, before)
    seconds: Counter[str] = Counter()
    for pid, (role, used) in last.items():
        seconds[role] += used - first.get(pid, (role, 0.0))[1]
    count = done - first_done
    return Measurement(count / elapsed, {role: used / count for role, used in seconds.items()}, memory)


@main.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--photos", "count", default=1000, show_default=True, help="Photos of the archive.")
@click.option("--rounds", default=2, show_default=True)
def throughput(folder: Path | None, count: int, rounds: int) -> None:
    """Compare the process pool with Ray on FOLDER, or on generated photos; best of the rounds."""
    with tempfile.TemporaryDirectory() as name:
        if folder is None:
            folder = Path(name) / "photos"
            folder.mkdir()
            write_photos(folder, count)
        settings = Settings().with_changes(database_url=f"sqlite:///{name}/gallery.sqlite")
        job = BatchJob.prepare(settings, PhotoSources([str(folder)]))
        files = list(job.sources.photos())[:count]
        total = len(files)
        first, second = sorted(os.sched_getaffinity(0))[:2]
        engines = {
            "pool, 1 worker": lambda: measure({first}, lambda: ProcessPool(job, 1, total).embed(files, Event()), total),
            "pool, 2 workers": lambda: measure(
                {first, second}, lambda: ProcessPool(job, 2, total).embed(files, Event()), total
            ),
            "Ray, 2 actors": lambda: measure(
                {first, second}, lambda: RayCluster(job, None, 2, total).embed(files, Event()), total
            ),
        }
        results: dict[str, list[Measurement]] = {engine: [] for engine in engines}
        for _ in range(rounds):
            for engine, run in engines.items():
                results[engine].append(run())
        best = {engine: max(measured, key=lambda one: one.rate) for engine, measured in results.items()}
        one, two, ray = (measured.rate for measured in best.values())
        click.echo(f"{total} photos, one core per worker")
        for engine, found in best.items():
            click.echo(f"  {engine:<16} {found.rate:6.2f} photos a second, {found.rate / one:5.2f} times one core")
            for role, seconds in sorted(found.seconds.items()):
                click.echo(f"    {role:<9} {1000 * seconds:6.1f} ms of a core a photo, {found.memory[role]:5.0f} MB")
        click.echo(f"  Ray costs {1 - ray / two:.0%} of the pool's speed.")
        # Stages are measured in a process that starts as workers do: on one core, with one thread per library.
        os.sched_setaffinity(0, {first})
        os.environ.update(WORKER_ENVIRONMENT)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            sample = [Path(file.path) for file in files[:STAGED_PHOTOS]]
            stages, size = process.submit(measure_stages, settings, sample).result()
        print_estimate(stages, size, one)


def measure_stages(settings: Settings, paths: list[Path]) -> tuple[dict[str, float], float]:
    """Return seconds per photo of each stage, and bytes per photo."""
    cv2.setNumThreads(1)
    recognizer = Recognizer.load(settings)
    recognizer.warm_up()
    total: Counter[str] = Counter()
    size = 0
    for path in paths:
        started = time.monotonic()
        data = photo_files.read_photo(path, settings.max_file_bytes)
        total["read"] += time.monotonic() - started
        size += len(data)
        total.update(time_stages(recognizer, data)[0])
    recognizer.gallery.close()
    return {name: total[name] / len(paths) for name in ("read", *tracing.STAGES)}, size / len(paths)


def print_estimate(seconds: dict[str, float], size: float, rate: float) -> None:
    """Print the cores for a million photos an hour; `rate` is the pool's photos a second on one core."""
    total = sum(seconds.values())
    click.echo(f"\nA million photos an hour are {PHOTOS_A_SECOND:.0f} a second, of {size / 1e3:.0f} kB each:")
    for name, each in sorted(seconds.items(), key=lambda item: -item[1]):
        click.echo(f"  {name:<8} {1000 * each:8.2f} ms {PHOTOS_A_SECOND * each:8.1f} cores {each / total:6.0%}")
    click.echo(f"  {'all':<8} {1000 * total:8.2f} ms {PHOTOS_A_SECOND * total:8.1f} cores")
    click.echo(f"  at the pool's rate: {PHOTOS_A_SECOND / rate:.0f} cores")
    traffic = PHOTOS_A_SECOND * size
    click.echo(f"Reading takes {traffic / 1e6:.0f} MB a second, or {traffic / GIGABIT:.1f} gigabit lines.")


@main.command()
@click.option("--photos", "count", default=50, show_default=True)
@click.option("--workers", default=2, show_default=True)
def memory(count: int, workers: int) -> None:
    """Print the peak memory of command, workers and decoders for N and 4 N photos, and of the command alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        folder.mkdir()
        write_photos(folder, count)
        environment = os.environ | {"FACES_DATABASE_URL": f"sqlite:///{name}/gallery.sqlite"}
        for times in (1, COPIES):
            for copy in range(1, times):
                (folder / f"{copy}").mkdir()
                for photo in folder.glob("*.jpg"):
                    (folder / f"{copy}" / photo.name).hardlink_to(photo)
            out = Path(name) / f"library-{times}"
            command = [sys.executable, "main.py", "library", "index", folder, out, "--workers", workers]
            peaks = peak_memory([str(word) for word in command], environment)
            figures = ", ".join(f"{role} {peaks[role]:.0f} MB" for role in ("command", "worker", "decoder"))
            click.echo(f"{times * count} photos, {workers} workers: {figures}")
        for files in EMPTY_FILES:
            result = subprocess.run(
                [sys.executable, "-m", "bench.archive", "empty-files", name, str(files)],
                cwd=ROOT,
                check=True,
                text=True,
                stdout=subprocess.PIPE,
            )
            click.echo(f"{files} empty files, command alone: {result.stdout.strip()}")


def peak_memory(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Run a command, and return the peak memory of one process of each role in megabytes."""
    peaks: dict[str, float] = defaultdict(float)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for pid in descendants(process.pid):
                peaks[role_of(pid)] = max(peaks[role_of(pid)], resident_memory(pid, peak=True))
            time.sleep(0.2)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peaks


@main.command(hidden=True)
@click.argument("folder", type=FOLDER)
@click.argument("count", type=int)
def empty_files(folder: Path, count: int) -> None:
    """Index empty files without a network, and print the peak memory."""
    archive = folder / f"{count}"
    archive.mkdir()
    for number in range(count):
        (archive / f"{number:07d}.jpg").touch()
    sources = PhotoSources([str(archive)])
    with Library.create(folder / f"out-{count}") as library:
        run = IndexRun(library, lambda _photo: b"")
        run.list_files(sources.photos())
        for photo in run.pending():
            run.add([PhotoRow(photo, digest(b""), failure=Failure("empty", "The file is empty."))])
        run.finish(lambda _file: False)
        assert summarize(library).photos == count
    click.echo(f"{resident_memory(os.getpid(), peak=True):.0f} MB")


if __name__ == "__main__":
    main()
