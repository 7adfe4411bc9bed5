"""Gallery of a million anchors, 50,000 people with 20 each: `.venv/bin/python -m bench.large_gallery`.

Anchors are random unit vectors around real ones. Prints times relative to one float32 product `templates @ probe` on
the same data, interleaved, and memory relative to the anchors. Needs about 2 GB of disk and memory, and some minutes.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from sqlalchemy import insert

from app.arrays import FloatArray
from app.gallery import change_history, embedding_rows, shipped
from app.gallery.database import Database
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.gallery.tables import AnchorRow, PersonRow
from app.recognition.decision import Rules, decide
from app.recognition.model_card import read_card
from app.recognition.scoring import rank
from app.settings import Settings
from bench.common import FOLDER, interleave, resident_memory

_BATCH = 500


def fill(database_url: str, network: str, people: int, anchors: int) -> None:
    """Write the people without a change history for each."""
    Gallery.open(database_url, network, None).close()
    real = shipped.read(Settings().anchors).snapshot().anchors
    rng = np.random.default_rng(1)
    database = Database.connect(database_url)
    with database.writing() as connection:
        for first in range(0, people, _BATCH):
            numbers = range(first + 1, min(first + _BATCH, people) + 1)
            rows = [{"id": key, "name": f"Person {key}", "key": f"person {key}"} for key in numbers]
            connection.execute(insert(PersonRow), rows)
            means = real[rng.integers(len(real), size=len(numbers))] + 0.08 * rng.normal(size=(len(numbers), 128))
            spread = 0.06 * rng.normal(size=(len(numbers) * anchors, 128))
            embeddings = embedding_rows.unit_rows(np.repeat(means, anchors, axis=0) + spread)
            owners = np.repeat(numbers, anchors).tolist()
            values = [
                {"person_id": owner, "embedding": embedding_rows.to_bytes(row), "note": "bench"}
                for owner, row in zip(owners, embeddings, strict=True)
            ]
            connection.execute(insert(AnchorRow), values)
        change_history.Change(connection, reversible=False, whole=True).describe("filled by a benchmark")
    database.close()


def identify(probe: FloatArray, snapshot: Snapshot, rules: Rules) -> None:
    """Rank and decide, which follows the embedding of a face."""
    decide(rank(probe, snapshot, rules.head), rules)


def measure(database_url: str, people: int, anchors: int) -> list[tuple[str, float, str]]:
    """Return rows of (measure, value, unit)."""
    card = read_card(Settings().model)
    before = resident_memory(os.getpid())
    started = time.perf_counter()
    gallery = Gallery.open(database_url, card.id, None)
    snapshot = gallery.snapshot()
    ready = time.perf_counter() - started
    memory = (resident_memory(os.getpid()) - before) * 2**20 / snapshot.anchors.nbytes
    probes = embedding_rows.unit_rows(np.random.default_rng(2).normal(size=(32, 128)))
    product, one, many = interleave(
        lambda: snapshot.templates @ probes[0],
        lambda: identify(probes[0], snapshot, card.rules),
        lambda: [identify(probe, snapshot, card.rules) for probe in probes],
    )
    changes = []
    for number in range(5):
        gallery.add(f"Person {people // 2}", probes[number : number + 1], ["new"])
        started = time.perf_counter()
        identify(probes[0], gallery.snapshot(), card.rules)
        changes.append(time.perf_counter() - started)
    product_after, one_after = interleave(
        lambda: snapshot.templates @ probes[0], lambda: identify(probes[0], gallery.snapshot(), card.rules)
    )
    assert gallery.snapshot().offsets[-1] == people * anchors + len(changes)
    gallery.close()
    return [
        ("start until ready", ready, "s"),
        ("memory / anchors", memory, "x"),
        ("product templates @ probe", product * 1000, "ms"),
        ("rank and decide, 1 probe / product", one / product, "x"),
        ("rank and decide, 32 probes / product", many / product, "x"),
        ("1 probe after 5 changes / product", one_after / product_after, "x"),
        ("first probe after a change", float(np.median(changes)) * 1000, "ms"),
    ]


@click.command()
@click.option("--people", default=50_000, show_default=True)
@click.option("--anchors", default=20, show_default=True, help="Anchors per person.")
@click.option("--folder", type=FOLDER, help="Folder of the database. Default: a temporary folder.")
def main(people: int, anchors: int, folder: Path | None) -> None:
    """Fill a gallery, measure, and print a table."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        url = f"sqlite:///{name}/gallery.sqlite"
        fill(url, read_card(Settings().model).id, people, anchors)
        for measured, value, unit in measure(url, people, anchors):
            click.echo(f"{measured:40} {value:10.2f} {unit}")


if __name__ == "__main__":
    main()
