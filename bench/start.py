"""From nothing to an answer: `.venv/bin/python -m bench.start [--rounds 5]`.

Process start to ready, beside a bare `import tensorflow`; the first request beside the hundredth; and the memory of the
process that answers, beside a process that only imported TensorFlow. All by turns, medians.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from bench.client import ready, send
from bench.observed import Peak, family, resident
from tests import photos

REQUESTS = 100
_BARE = "import tensorflow, sys; print('imported', flush=True); sys.stdin.read()"


def bare() -> tuple[float, float]:
    """A process that imports TensorFlow: seconds until it has, and the megabytes that it then holds."""
    began = time.perf_counter()
    command = [sys.executable, "-c", _BARE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        took, held = time.perf_counter() - began, resident(process.pid)
        process.stdin.close()
    return took, held


def served(data: bytes) -> dict[str, float]:
    """One server's life: seconds until ready and of requests, megabytes of its largest process."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ready(Path(folder), FACES_RATE_LIMIT="off") as server:
        found = {"ready": time.perf_counter() - began}
        took = []
        with Peak(server.process.pid, lambda pid: max(map(resident, family(pid)))) as peak:
            for _ in range(REQUESTS + 5):
                asked = time.perf_counter()
                status, _ = send(server, data)
                took.append(time.perf_counter() - asked)
                if status != 200:
                    raise SystemExit(f"The server answered {status}.")
        found |= {"first": took[0], "hundredth": float(np.median(took[REQUESTS - 5 :]))}
        found |= {"steady": max(map(resident, family(server.process.pid))), "peak": peak.memory}
    return found


@click.command()
@click.option("--rounds", default=5, show_default=True)
def main(rounds: int) -> None:
    """Measure and print."""
    data = photos.encode(photos.paste(photos.portraits()[photos.PERSON], size=(1200, 840), side=380))
    bare()  # The first fills the system's cache of files.
    imports, lives = zip(*((bare(), served(data)) for _ in range(rounds)), strict=True)
    took, held = (float(value) for value in np.median(imports, axis=0))
    life = {what: float(np.median([one[what] for one in lives])) for what in lives[0]}
    print(f"import tensorflow        {took:7.2f} s {held:8.0f} MB")
    print(f"start to ready           {life['ready']:7.2f} s   {life['ready'] / took:.2f} times as long")
    ratio = np.median([one["first"] / one["hundredth"] for one in lives])
    print(f"first request            {1000 * life['first']:7.1f} ms  {ratio:.2f} times as long as the hundredth")
    print(f"hundredth request        {1000 * life['hundredth']:7.1f} ms  (median of the ten around it)")
    for what in ("steady", "peak"):
        print(f"memory, {what:<16} {life[what]:8.0f} MB  {life[what] - held:.0f} MB above")


if __name__ == "__main__":
    main()
