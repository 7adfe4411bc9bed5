"""A gallery of a million anchors: 50,000 people with 20 each, random unit vectors around real ones.

    python -m bench.million [--people 50000] [--anchors 20] [--folder FOLDER]

Prints times as ratios to one float32 product `templates @ probe` on the same data, interleaved in the same run, and the
memory of the gallery as a ratio to its anchors. Takes about 2 GB of disk and of memory, and some minutes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sqlalchemy import insert

from app.gallery import change_history, embedding_rows, shipped
from app.gallery.database import Database
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.gallery.tables import AnchorRow, PersonRow
from app.recognition.decision import Rules, decide
from app.recognition.model_card import read_card
from app.recognition.scoring import rank
from app.settings import Settings
from bench.observed import resident

_ROUNDS = 15


def fill(database_url: str, network: str, people: int, anchors: int) -> None:
    """Make the gallery, past the journal that lets changes be undone."""
    Gallery.open(database_url, network, None).close()
    real = shipped.read(Settings().anchors).snapshot().anchors
    rng = np.random.default_rng(1)
    database = Database.connect(database_url)
    with database.writing() as connection:
        for first in range(0, people, 500):
            numbers = range(first + 1, min(first + 500, people) + 1)
            named = [{"id": key, "name": f"Person {key}", "key": f"person {key}"} for key in numbers]
            connection.execute(insert(PersonRow), named)
            spots = real[rng.integers(len(real), size=len(numbers))] + 0.08 * rng.normal(size=(len(numbers), 128))
            rows = np.repeat(spots, anchors, axis=0) + 0.06 * rng.normal(size=(len(numbers) * anchors, 128))
            rows = embedding_rows.unit_rows(rows)
            owners = np.repeat(numbers, anchors).tolist()
            values = [
                {"person_id": owner, "embedding": embedding_rows.to_bytes(row), "note": "bench"}
                for owner, row in zip(owners, rows, strict=True)
            ]
            connection.execute(insert(AnchorRow), values)
        change_history.Change(connection, reversible=False, whole=True).describe("filled by a bench")
    database.close()


def interleaved(*calls: Callable[[], object], rounds: int = _ROUNDS) -> list[float]:
    """The seconds of each in its least disturbed round, run in turns."""
    seconds = [[] for _ in calls]
    for _ in range(rounds):
        for call, row in zip(calls, seconds, strict=True):
            started = time.perf_counter()
            call()
            row.append(time.perf_counter() - started)
    return [min(row) for row in seconds]


def named(probe: np.ndarray, snapshot: Snapshot, rules: Rules) -> None:
    """What a visitor waits for after the embedding."""
    decide(rank(probe, snapshot, rules.head), rules)


def ranking(snapshot: Snapshot, rules: Rules, probes: np.ndarray) -> list[float]:
    """Seconds of one product, of naming one probe, and of naming all."""
    return interleaved(
        lambda: snapshot.templates @ probes[0],
        lambda: named(probes[0], snapshot, rules),
        lambda: [named(probe, snapshot, rules) for probe in probes],
    )


def measure(database_url: str, people: int, anchors: int) -> list[tuple[str, float, str]]:
    """Rows of (what, ratio or seconds, unit)."""
    card = read_card(Settings().model)
    rules = card.rules
    before = resident(os.getpid())
    started = time.perf_counter()
    gallery = Gallery.open(database_url, card.id, None)
    snapshot = gallery.snapshot()
    ready = time.perf_counter() - started
    memory = (resident(os.getpid()) - before) * 2**20 / snapshot.anchors.nbytes
    probes = embedding_rows.unit_rows(np.random.default_rng(2).normal(size=(32, 128)))
    product, one, many = ranking(snapshot, rules, probes)
    changes = []
    for number in range(5):
        gallery.add(f"Person {people // 2}", probes[number : number + 1], ["new"])
        started = time.perf_counter()
        named(probes[0], gallery.snapshot(), rules)
        changes.append(time.perf_counter() - started)
    after = interleaved(lambda: snapshot.templates @ probes[0], lambda: named(probes[0], gallery.snapshot(), rules))
    assert gallery.snapshot().offsets[-1] == people * anchors + len(changes)
    gallery.close()
    return [
        ("start to ready", ready, "s"),
        ("memory / anchors", memory, "x"),
        ("one product templates @ probe", product * 1000, "ms"),
        ("rank and judge one probe / product", one / product, "x"),
        ("rank and judge 32 probes / product", many / product, "x"),
        ("the same, one probe, after 5 changes", after[1] / after[0], "x"),
        ("the first probe after a change", float(np.median(changes)) * 1000, "ms"),
    ]


def main() -> None:
    """Fill a gallery in a temporary folder, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--anchors", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where to make the database; default: a temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        url = f"sqlite:///{folder}/million.sqlite"
        fill(url, read_card(Settings().model).id, arguments.people, arguments.anchors)
        for what, value, unit in measure(url, arguments.people, arguments.anchors):
            print(f"{what:40} {value:10.2f} {unit}")


if __name__ == "__main__":
    main()
