"""Candidates for the store of a library: SQLite, DuckDB, LanceDB and Parquet parts, for `bench.library`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from app.arrays import AnyArray

DIMS = 128
BATCH = 1000
COLUMNS = (
    "id",
    "file",
    "x",
    "y",
    "width",
    "height",
    "confidence",
    "norm",
    "verdict",
    "person",
    "distance",
    "vector",
)


class Store(Protocol):
    """What a library needs of its store."""

    def __init__(self, folder: Path) -> None: ...
    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit."""

    def count(self) -> int:
        """Return the number of faces."""

    def embeddings(self) -> AnyArray:
        """Return all embeddings: float16 (faces, dims)."""

    def update(self, face: int, person: int) -> None:
        """Name one face in one commit."""


class Sqlite:
    """One table in SQLite with a write-ahead log."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "library.sqlite", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS face ({', '.join(COLUMNS)}, PRIMARY KEY (id))")

    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit."""
        self._connection.execute("BEGIN")
        values = zip(*(rows.column(name).to_pylist() for name in COLUMNS), strict=True)
        self._connection.executemany(f"INSERT INTO face VALUES ({', '.join('?' * len(COLUMNS))})", values)
        self._connection.execute("COMMIT")

    def count(self) -> int:
        """Return the number of faces."""
        return int(self._connection.execute("SELECT count(*) FROM face").fetchone()[0])

    def embeddings(self) -> AnyArray:
        """Return all embeddings: float16 (faces, dims)."""
        rows = self._connection.execute("SELECT vector FROM face")
        return _stack(b"".join(row[0] for row in rows))

    def update(self, face: int, person: int) -> None:
        """Name one face in one commit."""
        self._connection.execute("UPDATE face SET person = ? WHERE id = ?", (person, face))


class DuckDb:
    """One table in DuckDB."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self._connection = duckdb.connect(str(folder / "library.duckdb"))
        self._connection.execute("PRAGMA threads = 2")
        empty = random_faces(0, 1).slice(0, 0)
        self._connection.register("empty", empty)
        self._connection.execute("CREATE TABLE IF NOT EXISTS face AS SELECT * FROM empty")

    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit."""
        self._connection.register("rows", rows)
        self._connection.execute("INSERT INTO face SELECT * FROM rows")

    def count(self) -> int:
        """Return the number of faces."""
        return int(self._connection.execute("SELECT count(*) FROM face").fetchone()[0])

    def embeddings(self) -> AnyArray:
        """Return all embeddings: float16 (faces, dims)."""
        column = self._connection.sql("SELECT vector FROM face").to_arrow_table().column("vector")
        return _stack(b"".join(column.to_pylist()))

    def update(self, face: int, person: int) -> None:
        """Name one face in one commit."""
        self._connection.execute("UPDATE face SET person = ? WHERE id = ?", (person, face))


class Lance:
    """One table in LanceDB."""

    def __init__(self, folder: Path) -> None:
        import lancedb

        database = lancedb.connect(str(folder))
        self._table = database.create_table(
            "face", schema=random_faces(0, 1).schema.set(9, pa.field("person", pa.int32())), exist_ok=True
        )

    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit."""
        self._table.add(rows)

    def count(self) -> int:
        """Return the number of faces."""
        return int(self._table.count_rows())

    def embeddings(self) -> AnyArray:
        """Return all embeddings: float16 (faces, dims)."""
        return _stack(b"".join(self._table.search().select(["vector"]).limit(10**9).to_arrow()[0].to_pylist()))

    def update(self, face: int, person: int) -> None:
        """Name one face in one commit."""
        self._table.update(where=f"id = {face}", values={"person": person})


class Parquet:
    """Parts that are written under another name and renamed; an update replaces the part."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit."""
        self._write(rows, self._folder / f"part-{len(self._parts()):06d}.parquet")

    def count(self) -> int:
        """Return the number of faces."""
        return int(ds.dataset(self._parts()).count_rows())

    def embeddings(self) -> AnyArray:
        """Return all embeddings: float16 (faces, dims)."""
        return _stack(b"".join(ds.dataset(self._parts()).to_table(["vector"]).column(0).to_pylist()))

    def update(self, face: int, person: int) -> None:
        """Name one face in one commit."""
        part = self._folder / f"part-{face // BATCH:06d}.parquet"
        table = pq.read_table(part)
        names = pc.if_else(pc.equal(table.column("id"), face), person, table.column("person"))
        self._write(table.set_column(COLUMNS.index("person"), "person", names), part)

    def _parts(self) -> list[str]:
        return sorted(map(str, self._folder.glob("part-*.parquet")))

    def _write(self, rows: pa.Table, part: Path) -> None:
        incomplete = part.with_name(f"_{part.name}")
        pq.write_table(rows, incomplete, compression="zstd")
        with incomplete.open("rb") as file:
            os.fsync(file.fileno())
        incomplete.replace(part)


STORES: dict[str, type[Store]] = {"SQLite": Sqlite, "DuckDB": DuckDb, "LanceDB": Lance, "Parquet parts": Parquet}


def random_faces(first: int, count: int) -> pa.Table:
    """Return `count` rows with random float16 embeddings of `DIMS` values, numbered from `first`."""
    rng = np.random.default_rng(first)
    embeddings = rng.normal(size=(count, DIMS)).astype(np.float16)
    boxes = rng.integers(0, 4000, (4, count)).astype(np.int32)
    numbers = np.arange(first, first + count)
    arrays: list[Any] = [
        numbers,
        [f"/archive/2024/holiday/IMG_{number:08d}.jpg" for number in numbers],
        *boxes,
        rng.random(count).astype(np.float32),
        rng.random(count).astype(np.float32),
        rng.integers(0, 4, count).astype(np.int8),
        pa.array([None] * count, pa.int32()),
        rng.random(count).astype(np.float32),
        pa.array([row.tobytes() for row in embeddings], pa.binary()),
    ]
    return pa.table(dict(zip(COLUMNS, map(pa.array, arrays), strict=True)))


def _stack(data: bytes) -> AnyArray:
    return np.frombuffer(data, np.float16).reshape(-1, DIMS)


def folder_size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _append_forever(store: type[Store], folder: Path, reports: Any) -> None:
    opened = store(folder)
    for number in range(10**6):
        opened.append(random_faces(number * BATCH, BATCH))
        reports.send((number + 1) * BATCH)


def lost_after_kill(store: type[Store], folder: Path, commits: int) -> int:
    """Kill a process while it appends, and return how many committed faces are missing."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_append_forever, args=(store, folder, sender))
    process.start()
    committed = 0
    while committed < commits * BATCH:
        committed = receiver.recv()
    time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    while receiver.poll():
        committed = receiver.recv()
    opened = store(folder)
    assert len(opened.embeddings()) == opened.count()
    return max(0, committed - opened.count())
