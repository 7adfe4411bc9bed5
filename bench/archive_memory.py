"""Memory of work on an archive: `python -m bench.archive_memory [--photos 50] [--workers 2]`.

Runs `main.py identify --out` on so many photos and on four times as many, and prints the most memory that each of its
processes ever held: the command itself, its workers, and the processes in which these decode. Then the command's own
part alone, with rows that nobody had to look for, of many more pictures. What does not grow is independent of the
archive's size.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from app import serialization
from app.batch.results import Results
from app.batch.sources import PhotoSources
from app.settings import ROOT
from bench.archive import made
from bench.observed import family, resident

_PAUSE = 0.2
_TIMES = 4
_EMPTY_FILES = (10_000, 100_000)


def role(process: int) -> str | None:
    """What a process of the command does; None if it is gone, or none of those that work."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return None
    marks = {b"app.vision.decoder_process": "decoder", b"spawn_main": "worker", b"main.py": "command"}
    return next((name for mark, name in marks.items() if mark in words), None)


def peaks(command: list[object], environment: dict[str, str]) -> dict[str, float]:
    """Most memory of one process of each role while a command runs.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    most: dict[str, float] = defaultdict(float)
    with subprocess.Popen([*map(str, command)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            for process in family(running.pid):
                if name := role(process):
                    most[name] = max(most[name], resident(process, ever=True))
            time.sleep(_PAUSE)
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command)
    return most


def keep(folder: Path, count: int) -> None:
    """Do the command's own part for so many empty files: walk, count, keep rows, sum up. Prints its memory."""
    archive = folder / f"{count}"
    archive.mkdir()
    for number in range(count):
        (archive / f"{number:07d}.jpg").touch()
    sources = PhotoSources([str(archive)])
    with Results(folder / f"out-{count}", {}) as results:
        finished = results.finished_files()
        for path in sources.photos():
            if path not in finished:
                results.add([serialization.identification_error(path, "empty", "The file is empty.")])
        assert results.summary().photos == count
    print(f"{resident(os.getpid(), ever=True):.0f} MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.keep:
            keep(folder, arguments.keep)
            return
        (folder / "photos").mkdir()
        made(folder / "photos", arguments.photos)
        environment = os.environ | {"FACES_DATABASE_URL": f"sqlite:///{name}/gallery.sqlite"}
        for times in (1, _TIMES):
            for copy in range(1, times):
                (folder / "photos" / f"{copy}").mkdir()
                for photo in (folder / "photos").glob("*.jpg"):
                    (folder / "photos" / f"{copy}" / photo.name).hardlink_to(photo)
            out = folder / f"results-{times}"
            command = [sys.executable, "main.py", "identify", folder / "photos", "--out", out]
            most = peaks([*command, "--workers", arguments.workers], environment)
            print(
                f"{times * arguments.photos} photos, {arguments.workers} workers: "
                + ", ".join(f"{role} {most[role]:.0f} MB" for role in ("command", "worker", "decoder")),
                flush=True,
            )
        for count in _EMPTY_FILES:
            print(f"{count} empty files, without a network: ", end="", flush=True)
            subprocess.run([sys.executable, "-m", "bench.archive_memory", "--keep", str(count)], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
