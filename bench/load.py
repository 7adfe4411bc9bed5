"""A server under four times what it can do: `.venv/bin/python -m bench.load [MINUTES] [WORKERS]`.

First one client alone, then as many as keep the server busy, then four times as many photos a second as it managed.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from bench.client import ready, send
from bench.observed import holding
from tests import photos


def closed(server, data: bytes, clients: int, seconds: float) -> tuple[float, list[float]]:
    """Clients that each send the next photo when the last is answered: photos a second, and what each took."""
    took: list[float] = []
    end = time.monotonic() + seconds

    def ask() -> None:
        while time.monotonic() < end:
            started = time.monotonic()
            if send(server, data)[0] == 200:
                took.append(time.monotonic() - started)

    with ThreadPoolExecutor(clients) as pool:
        for _ in range(clients):
            pool.submit(ask)
    return len(took) / seconds, took


def opened(server, data: bytes, rate: float, seconds: float) -> tuple[Counter, list[float], list[float]]:
    """Photos that come whether the last was answered or not: statuses, seconds of the accepted, of the refused."""
    statuses, took, refused = Counter(), [], []
    lock = threading.Lock()

    def ask() -> None:
        started = time.monotonic()
        status, _ = send(server, data)
        with lock:
            statuses[status] += 1
            (took if status == 200 else refused).append(time.monotonic() - started)

    start = time.monotonic()
    with ThreadPoolExecutor(64) as pool:
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            pool.submit(ask)
    return statuses, took, refused


def main() -> None:
    """Measure and print."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 3
    workers = sys.argv[2] if len(sys.argv) > 2 else "1"
    data = photos.encode(photos.paste(photos.portraits()[photos.PERSON]))
    with (
        tempfile.TemporaryDirectory() as folder,
        ready(Path(folder), FACES_WORKERS=workers, FACES_RATE_LIMIT="off") as server,
    ):
        closed(server, data, 4, 5)
        _, alone = closed(server, data, 1, 15)
        most, _ = closed(server, data, 4, 15)
        middle = holding(server.process.pid)
        statuses, took, refused = opened(server, data, 4 * most, 30 * minutes)
        warm = holding(server.process.pid)
        more, took_more, refused_more = opened(server, data, 4 * most, 30 * minutes)
        after = holding(server.process.pid)
    statuses, took, refused = statuses + more, took + took_more, refused + refused_more
    median = float(np.median(alone))
    print(f"alone                {1000 * median:.0f} ms (median)")
    print(f"sustained            {most:.1f} photos a second by 4 clients")
    print(f"offered              {4 * most:.1f} a second for {minutes:g} minutes")
    print("answers              " + ", ".join(f"{status or 'broken'}: {count}" for status, count in statuses.items()))
    for name, times in (("accepted", took), ("refused", refused)):
        if times:
            half, most_of_them = np.percentile(times, [50, 95]) / median
            print(f"{name:<20} {half:.1f} times as long as alone (median), {most_of_them:.1f} times (95th percentile)")
    print(f"{'':<20} {'before':>8} {'half way':>8} {'after':>8}")
    for what in ("memory", "threads", "descriptors"):
        print(f"{what:<20} " + " ".join(f"{getattr(held, what):>8.0f}" for held in (middle, warm, after)))
    if set(statuses) - {200, 503}:
        raise SystemExit("There were other answers than 200 and 503.")


if __name__ == "__main__":
    main()
