"""Libraries of many faces: `.venv/bin/python -m bench.library stores|search|library|pages`.

`stores` appends random faces to SQLite, DuckDB, LanceDB and Parquet parts, with one commit per batch, and prints size,
rates, and what a killed process loses. `search` compares the exact matrix product with approximate indexes. `library`
measures a library of the program: size, rows a second, naming and searching. `pages` measures its pages in the browser.
Packages that are not installed are left out; `pip install --target FOLDER lancedb pylance duckdb usearch hnswlib
faiss-cpu` and PYTHONPATH=FOLDER add them.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import click
import numpy as np

from app.arrays import AnyArray
from app.batch.rows import FaceRow, PhotoRow
from app.batch.sources import PhotoFile
from app.gallery import shipped
from app.gallery.embedding_rows import unit_rows
from app.gallery.store import Person
from app.library.indexing import IndexRun
from app.library.naming import name_faces
from app.library.search import Criteria, FaceIndex
from app.library.search import search as find_faces
from app.library.store import Library
from app.recognition.model_card import read_card
from app.settings import Settings
from app.vision.faces import Box
from app.vision.quality import Quality
from bench.common import FOLDER
from bench.library_pages import pages
from bench.library_stores import BATCH, DIMS, STORES, Store, folder_size, lost_after_kill, random_faces

UPDATES = 200
QUERIES = 50
LANDMARKS = np.zeros((5, 2), np.float32)
QUALITY = Quality(eye_distance=60.0, detail=1.0, norm=20.0)
PLACES = ((0, 500), (1, 2000))

Query = Callable[[AnyArray], AnyArray]


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


@click.group()
def main() -> None:
    """Measure stores and searches for many faces."""


main.add_command(pages)


@main.command()
@click.option("--faces", "count", default=200_000, show_default=True)
@click.option("--folder", type=FOLDER, help="Folder of the stores. Default: a temporary folder.")
def stores(count: int, folder: Path | None) -> None:
    """Compare stores by size, rates and what a killed process loses."""
    click.echo(f"{count:,} faces, a commit per {BATCH:,} faces, {UPDATES} updates with a commit each")
    click.echo(f"{'':14} {'bytes/face':>10} {'append/s':>10} {'load s':>8} {'update ms':>10} {'lost by kill':>13}")
    for name, store in STORES.items():
        with tempfile.TemporaryDirectory(dir=folder) as first, tempfile.TemporaryDirectory(dir=folder) as second:
            try:
                figures = measure_store(store, Path(first), count)
            except ImportError:
                click.echo(f"{name:14} not installed")
                continue
            lost = lost_after_kill(store, Path(second), 20)
            size, rate, loading, updating = figures
            click.echo(f"{name:14} {size:10.0f} {rate:10,.0f} {loading:8.2f} {updating:10.2f} {lost:13}")


def measure_store(store: type[Store], folder: Path, count: int) -> tuple[float, float, float, float]:
    """Return bytes a face, faces a second, seconds to load all embeddings, and milliseconds of an update."""
    opened = store(folder)
    batches = [random_faces(start, BATCH) for start in range(0, count, BATCH)]
    seconds = _seconds(lambda: [opened.append(batch) for batch in batches])
    size = folder_size(folder) / count
    loading = _seconds(opened.embeddings)
    faces = np.random.default_rng(1).integers(0, count, UPDATES).tolist()
    updating = _seconds(lambda: [opened.update(face, 1) for face in faces])
    return size, count / seconds, loading, 1000 * updating / UPDATES


@main.command()
@click.option("--faces", "count", default=100_000, show_default=True)
def search(count: int) -> None:
    """Compare the exact search with approximate indexes: build time, one query, and recall of the closest ten."""
    known = shipped.read(Settings().anchors).snapshot().anchors
    rows = islice(photo_rows(count, known), count // 2)
    embeddings = np.stack([face.embedding for row in rows for face in row.faces]).astype(np.float32)
    probes = embeddings[:: count // QUERIES][:QUERIES]
    exact = [np.argsort(-(embeddings @ probe))[:10] for probe in probes]
    click.echo(f"{count:,} faces, {QUERIES} queries")
    click.echo(f"{'':14} {'build s':>9} {'query ms':>9} {'recall':>7}")
    for name, build in INDEXES.items():
        started = time.perf_counter()
        try:
            query = build(embeddings)
        except ImportError:
            click.echo(f"{name:14} not installed")
            continue
        built = time.perf_counter() - started
        found: list[AnyArray] = []
        seconds = _seconds(lambda query=query, found=found: found.extend(query(probe) for probe in probes))
        recall = np.mean([np.isin(near, other).mean() for near, other in zip(exact, found, strict=True)])
        click.echo(f"{name:14} {built:9.1f} {1000 * seconds / QUERIES:9.2f} {recall:7.3f}")


def _product(embeddings: AnyArray) -> Query:
    index = FaceIndex(np.arange(len(embeddings)), embeddings)
    head = read_card(Settings().model).rules.head
    return lambda probe: np.array([face for face, _ in index.similar(probe, head, 0.4)[:10]])


def _hnswlib(embeddings: AnyArray) -> Query:
    import hnswlib

    index = hnswlib.Index("ip", DIMS)
    index.init_index(len(embeddings))
    index.add_items(embeddings)
    return lambda probe: index.knn_query(probe, 10)[0][0]


def _usearch(embeddings: AnyArray) -> Query:
    from usearch.index import Index

    index = Index(ndim=DIMS, metric="ip", dtype="f16")
    index.add(np.arange(len(embeddings)), embeddings)
    return lambda probe: index.search(probe, 10).keys


def _faiss(embeddings: AnyArray) -> Query:
    import faiss

    index = faiss.IndexHNSWFlat(DIMS, 32, faiss.METRIC_INNER_PRODUCT)
    index.add(embeddings)
    return lambda probe: index.search(probe[None], 10)[1][0]


INDEXES = {"matrix product": _product, "hnswlib": _hnswlib, "usearch": _usearch, "faiss HNSW": _faiss}


def photo_rows(faces: int, known: AnyArray) -> Iterator[PhotoRow]:
    """Yield photos with two faces each: half of the faces are near an anchor of `known`, the others are random."""
    rng = np.random.default_rng(1)
    for start in range(0, faces, BATCH):
        embeddings = rng.normal(size=(BATCH, DIMS)).astype(np.float32)
        embeddings[::2] = known[rng.integers(len(known), size=BATCH // 2)] + 0.05 * embeddings[::2]
        embeddings = unit_rows(embeddings).astype(np.float16)
        for face in range(0, BATCH, 2):
            number = (start + face) // 2
            file = PhotoFile(f"/archive/{number // 1000:05d}/IMG_{number:08d}.jpg", 3_000_000 + number, number)
            two = (FaceRow(Box(x, 80, 200, 250), 0.9, LANDMARKS, QUALITY, embeddings[face + i]) for i, x in PLACES)
            yield PhotoRow(
                file, number.to_bytes(16, "big"), (4000, 3000), f"{2000 + number % 25}-05-01T10:00:00", tuple(two)
            )


@main.command()
@click.option("--faces", "count", default=1_000_000, show_default=True)
@click.option("--folder", type=FOLDER, help="Keep the library in this folder. Default: a temporary folder.")
def library(count: int, folder: Path | None) -> None:
    """Fill a library with two random faces a photo, and measure naming and searching."""
    people = shipped.read(Settings().anchors).snapshot()
    everyone = [Person(number, name, 1) for number, name in zip(people.ids, people.names, strict=True)]
    card = read_card(Settings().model)
    with tempfile.TemporaryDirectory() as name, Library.create(folder or Path(name) / "library") as opened:
        run = IndexRun(opened, lambda _photo: b"")
        rows = list(islice(photo_rows(count, people.anchors), count // 2))
        listing = _seconds(lambda: run.list_files(row.file for row in rows))
        pending = _seconds(lambda: deque(run.pending(), 0))
        batches = [rows[start : start + 16] for start in range(0, len(rows), 16)]
        adding = _seconds(lambda: [run.add(batch) for batch in batches])
        flushing = _seconds(run.flush)
        finishing = _seconds(lambda: run.finish(lambda _file: False))
        opened.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = folder_size(opened.folder) / count
        used = time.process_time()
        naming = _seconds(lambda: name_faces(opened, everyone, people, card, card.rules, "sqlite:///bench.sqlite"))
        used = time.process_time() - used
        started = time.perf_counter()
        index = FaceIndex.load(opened)
        loading = time.perf_counter() - started
        probe = people.anchors[0]
        limit = card.rules.pairs.same_threshold(count)
        searching = min(_seconds(lambda: index.similar(probe, card.rules.head, limit)) for _ in range(5))
        person = people.names[0]
        finding = min(_seconds(lambda: find_faces(opened, Criteria([person]))) for _ in range(3))
        click.echo(
            f"{count:,} faces in {len(rows):,} photos, {len(people)} people with {len(people.anchors):,} anchors"
        )
        for measured, value, unit in (
            ("size", size, "bytes a face"),
            ("list all files", listing, "s"),
            ("find what is new", pending, "s"),
            ("add rows", len(rows) / (adding + flushing), "photos a second"),
            ("finish", finishing, "s"),
            ("name all faces", naming, "s"),
            ("name all faces, processor time", used, "s"),
            ("load the embeddings", loading, "s"),
            ("search by a face", searching, "s"),
            ("search by a person", finding, "s"),
        ):
            click.echo(f"{measured:32} {value:12,.2f} {unit}")


if __name__ == "__main__":
    main()
