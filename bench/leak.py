"""Ten thousand requests, and what the server holds afterwards: `.venv/bin/python -m bench.leak [REQUESTS]`.

Photos, files that are none, and pages by turns; memory, descriptors, threads and temporary files every tenth.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.client import API, PAGE, ready, send
from bench.observed import holding
from tests import photos


def main() -> None:
    """Send and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    people = [photos.portraits()[photos.PERSON], photos.portraits()[photos.OTHER]]
    kinds = [photos.encode(photos.paste(person, size=(600, 450), side=200)) for person in people]
    kinds += [photos.encode(photos.paste(people[0], size=(600, 450), side=200), "WEBP"), b"no photo", kinds[0][:3000]]
    statuses = Counter()
    with tempfile.TemporaryDirectory() as folder, ready(Path(folder), TMPDIR=folder) as server:
        print(f"{'requests':>9} {'MB':>7} {'descriptors':>12} {'threads':>8} {'files':>6}")
        with ThreadPoolExecutor(4) as pool:
            for part in range(11):
                if part:
                    numbers = range(count // 10)
                    answers = pool.map(lambda n: send(server, kinds[n % 5], (PAGE, API)[n % 2])[0], numbers)
                    statuses.update(answers)
                now = holding(server.process.pid)
                files = sum(path.is_file() for path in Path(folder).rglob("*"))
                done = part * (count // 10)
                print(f"{done:>9} {now.memory:>7.0f} {now.descriptors:>12} {now.threads:>8} {files:>6}", flush=True)
    print("answers " + ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items())))


if __name__ == "__main__":
    main()
