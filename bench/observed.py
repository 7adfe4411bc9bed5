"""What a server's processes hold: memory, descriptors, threads, files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Holding:
    """What a server and everything it started hold together; `memory` in megabytes, of each process its own."""

    memory: float
    descriptors: int
    threads: int
    processes: int


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            found += family(int(child))
    return found


def holding(pid: int) -> Holding:
    """What a process and all below it hold now."""
    memory = descriptors = threads = count = 0
    for member in family(pid):
        place = Path(f"/proc/{member}")
        try:
            status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines() if ":" in line)
            memory += int(status["RssAnon"].split()[0]) + int(status["RssShmem"].split()[0])
            threads += int(status["Threads"])
            descriptors += len(list((place / "fd").iterdir()))
            count += 1
        except (OSError, KeyError):
            continue
    return Holding(memory / 1024, descriptors, threads, count)


def resident(pid: int, ever: bool = False) -> float:
    """Megabytes of a process in memory, shared libraries included, now or the most `ever`; 0 if it has ended."""
    try:
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
        )
        return int(status["VmHWM" if ever else "VmRSS"].split()[0]) / 1024
    except (OSError, KeyError):
        return 0.0


class Peak:
    """The largest memory seen while the block runs, looked at twenty times a second.

    `measure` gives the megabytes of a process by its number; by default of all below it together.
    """

    def __init__(self, pid: int, measure: Callable[[int], float] = lambda pid: holding(pid).memory) -> None:
        self._pid = pid
        self._measure = measure
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.memory = 0.0

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            self.memory = max(self.memory, self._measure(self._pid))
