"""What matrix products with threads of their own cost the other stages: `.venv/bin/python -m bench.awake [ROUNDS]`.

By turns, processes that name one photo again and again: with one thread for NumPy's products, as the program sets it,
and with one a core, as NumPy would. Medians of the stages, in milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from app import stages
from app.recognizer import Recognizer
from app.settings import Settings
from tests import photos

_PHOTOS = 60


def named() -> dict[str, float]:
    """Seconds of each stage for one photo of a megapixel with one face, and of the whole: medians."""
    data = photos.encode(photos.paste(photos.portraits()[photos.PERSON], size=(1150, 870)))
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        recognizer = Recognizer.load(replace(Settings(), database_url=f"sqlite:///{Path(folder) / 'gallery.sqlite'}"))
        recognizer.warm_up()
        for _ in range(_PHOTOS):
            course = stages.Course(deadline=float("inf"))
            stages.follow(course)
            began = time.perf_counter()
            recognizer.identify(data)
            seconds.append(course.seconds | {"whole": time.perf_counter() - began})
            stages.leave()
        recognizer.gallery.close()
    return {name: float(np.median([one[name] for one in seconds])) for name in seconds[0]}


def with_threads(number: int) -> dict[str, float]:
    """The same in a process of its own, with so many threads for matrix products."""
    os.environ["OPENBLAS_NUM_THREADS"] = str(number)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        return alone.submit(named).result()


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    cores = len(os.sched_getaffinity(0))
    found = {number: [] for number in (1, cores)}
    for _ in range(rounds):
        for number, row in found.items():
            row.append(with_threads(number))
    columns = list(found[1][0])
    print(f"{'threads':>8}" + "".join(f"{name:>9}" for name in columns))
    for number, row in found.items():
        print(f"{number:>8}" + "".join(f"{1000 * np.median([one[name] for one in row]):>9.1f}" for name in columns))
    ratio = np.median([many["whole"] / one["whole"] for one, many in zip(found[1], found[cores], strict=True)])
    print(f"With {cores} threads the whole takes {ratio:.2f} times as long.")


if __name__ == "__main__":
    main()
