"""Archives: `python -m bench.archive [PHOTO_FOLDER] [--photos 1000] [--rounds 2]`.

Photos a second of the pool with one worker on one core, with two on two, and of Ray with two actors, in turns in one
run; then, from the measured stages, how many cores a million photos an hour take and what saturates first. Without a
folder the photos are made of shipped portraits, one to three faces in a megapixel. Start-up is not counted: the clock
runs from the first quarter of the rows, when all workers have begun, to the last.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2

from app import tracing
from app.batch.job import BatchJob
from app.batch.process_pool import WORKER_ENVIRONMENT, ProcessPool
from app.batch.ray_engine import RayCluster
from app.batch.sources import PhotoSources
from app.recognition.recognizer import Recognizer
from app.settings import Settings
from app.vision import photo_files
from bench.observed import resident
from tests import photos

_HOUR = 3600
_MILLION = 1_000_000
_DISK = 100e6
"""Bytes a second that one cheap disk or a gigabit line gives, for the model."""


def made(folder: Path, count: int) -> Path:
    """Photos of shipped portraits."""
    faces = list(photos.portraits().values())
    for number in range(count):
        some = [faces[(number + place) % len(faces)] for place in range(1 + number % 3)]
        (folder / f"{number:05d}.jpg").write_bytes(photos.encode(photos.paste(*some, size=(1150, 870))))
    return folder


def rate(rows: Iterable[list[dict]], total: int) -> float:
    """Photos a second over the last three quarters."""
    done, began = 0, None
    for some in rows:
        done += len(some)
        if began is None and done >= total / 4:
            began = (time.monotonic(), done)
    return (done - began[1]) / (time.monotonic() - began[0])


def on_cores(cores: set[int], rows: Iterator[list[dict]], total: int) -> float:
    """The same, with all that is started held to some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        return rate(rows, total)
    finally:
        os.sched_setaffinity(0, before)


def staged(settings: Settings, paths: list[Path]) -> tuple[dict[str, float], float]:
    """Seconds a photo of each stage, and bytes a photo, on the cores of this process."""
    cv2.setNumThreads(1)
    recognizer = Recognizer.load(settings)
    recognizer.warm_up()
    course = tracing.RequestTrace(deadline=float("inf"))
    reading, size = 0.0, 0
    for path in paths:
        started = time.monotonic()
        data = photo_files.read_photo(path, settings.max_file_bytes)
        reading += time.monotonic() - started
        size += len(data)
        tracing.start_trace(course)
        recognizer.identify(data)
        tracing.end_trace()
    recognizer.gallery.close()
    seconds = Counter(read=reading) + course.seconds
    return {name: seconds[name] / len(paths) for name in ("read", *tracing.STAGES)}, size / len(paths)


def model(seconds: dict[str, float], size: float, own: float) -> None:
    """Print what a million photos an hour take.

    Args:
        seconds: of a core a photo, by stage.
        size: bytes a photo.
        own: photos a second that one core was seen to do, all stages and the pool itself.
    """
    needed = _MILLION / _HOUR
    print(
        f"\nA million photos an hour are {needed:.0f} a second. Cores for each stage, at {size / 1e3:.0f} kB a photo:"
    )
    for name, each in sorted(seconds.items(), key=lambda pair: -pair[1]):
        print(
            f"  {name:<8} {1000 * each:8.2f} ms a photo {needed * each:8.1f} cores {each / sum(seconds.values()):6.0%}"
        )
    print(f"  together {1000 * sum(seconds.values()):8.2f} ms a photo {needed * sum(seconds.values()):8.1f} cores")
    print(f"  as one core of the pool was seen to do it: {needed / own:.0f} cores")
    print(f"Reading takes {needed * size / 1e6:.0f} MB a second: {needed * size / _DISK:.1f} gigabit lines.")
    most = max(seconds, key=seconds.get)
    print(f"Saturated first: {most}, as long as each core reads less than {own * size / 1e6:.1f} MB a second.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="photos to take instead of made ones")
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "photos").mkdir()
        folder = arguments.folder or made(Path(name) / "photos", arguments.photos)
        settings = Settings().with_changes(database_url=f"sqlite:///{name}/gallery.sqlite")
        job = BatchJob.prepare(settings, PhotoSources([str(folder)]))
        paths = list(job.sources.photos())[: arguments.photos]
        total = len(paths)
        first, second = sorted(os.sched_getaffinity(0))[:2]
        ways = {
            "pool, 1 worker on 1 core": lambda: on_cores({first}, ProcessPool(job, 1, total).identify(paths), total),
            "pool, 2 workers on 2 cores": lambda: on_cores(
                {first, second}, ProcessPool(job, 2, total).identify(paths), total
            ),
            "Ray, 2 actors on 2 cores": lambda: on_cores(
                {first, second}, RayCluster(job, None, 2, total).identify(paths), total
            ),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(arguments.rounds):
            for way, measure in ways.items():
                rates[way].append(measure())
        best = {way: max(row) for way, row in rates.items()}
        one, two, _ray = best
        print(f"{total} photos, the best of {arguments.rounds} rounds in turns:")
        for way, row in rates.items():
            share = best[way] / best[one]
            print(
                f"  {way:<28} {best[way]:6.2f} photos a second {share:5.2f} times one core   ({min(row):.2f} at worst)"
            )
        print(f"  Ray costs {1 - best[_ray] / best[two]:.0%} of the pool's speed.")
        print(f"  Memory here: {resident(os.getpid()):.0f} MB.")
        # In a process that starts as workers do: one core, and no library with more threads than that.
        os.sched_setaffinity(0, {first})
        os.environ.update(WORKER_ENVIRONMENT)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            seconds, size = alone.submit(staged, settings, [Path(path) for path in paths[:60]]).result()
        model(seconds, size, best[one])


if __name__ == "__main__":
    main()
