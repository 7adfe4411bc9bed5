"""Result folder of a batch job: Parquet parts, each written atomically, and the origin of their rows.

`pandas.read_parquet(FOLDER)` reads the folder as one table, and so does every other Parquet reader. Files that begin
with an underscore are not part of it.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.batch.job import Row
from app.errors import BatchError
from app.text import first_line

PART_ROWS = 5000
PART_SECONDS = 60
"""A part is written after this many rows or seconds; a machine failure loses no more."""

_READ_ROWS = 1000

_TEXT, _NUMBER, _INTEGER = pa.string(), pa.float64(), pa.int64()
_BOX = dict.fromkeys(("x", "y", "width", "height"), _INTEGER)
_RANK = {"person": _TEXT, **dict.fromkeys(("class_distance", "mean", "min", "std"), _NUMBER), "anchors": _INTEGER}
_FACE = {
    "box": pa.struct(_BOX),
    "confidence": _NUMBER,
    "verdict": _TEXT,
    "person": _TEXT,
    "class_distance": _NUMBER,
    "threshold": _NUMBER,
    "candidates": pa.list_(_TEXT),
    "look_alike": _TEXT,
    "reason": _TEXT,
    "ranking": pa.list_(pa.struct(_RANK)),
}
SCHEMA = pa.schema(
    {
        "file": _TEXT,
        "error": pa.struct({"code": _TEXT, "message": _TEXT}),
        "width": _INTEGER,
        "height": _INTEGER,
        "fpir": _NUMBER,
        "faces": pa.list_(pa.struct(_FACE)),
    }
)
"""Arrow schema of `Row`."""

CSV_COLUMNS = (
    "file error width height fpir face x y box_width box_height confidence "
    "verdict person class_distance threshold candidates look_alike reason ranking"
).split()
"""One CSV line per face: `face` counts from the left, `error` is a code, `candidates` and `ranking` are JSON."""


@dataclass
class Summary:
    """Counts over a result folder; `people` has the number of faces of each named person."""

    photos: int = 0
    faces: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    people: Counter[str] = field(default_factory=Counter)


class FileSet:
    """A set of file names as 64-bit hashes: ten million need 80 MB."""

    def __init__(self, names: Iterable[str]) -> None:
        self._hashes = np.unique(np.fromiter(map(_hash, names), dtype=np.uint64))

    def __contains__(self, name: str) -> bool:
        index = np.searchsorted(self._hashes, _hash(name))
        return bool(index < len(self._hashes) and self._hashes[index] == _hash(name))


class Results:
    """An open result folder, created if missing and locked for other processes. A context manager.

    `origin` is what determines the rows apart from the photos. Rows of different origins raise a `BatchError`, except
    that `gallery` may change while an archive grows.
    """

    def __init__(self, folder: Path, origin: dict[str, Any]) -> None:
        self.folder = folder
        self._unwritten: list[Row] = []
        self._last_write = time.monotonic()
        with _report_errors(folder), ExitStack() as on_error:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = on_error.enter_context((folder / "_lock").open("w"))
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BatchError(f"Another run is writing to {folder}. Wait, or choose another folder.") from error
            self._check_origin(origin)
            for incomplete in folder.glob("_part-*"):
                incomplete.unlink()
            on_error.pop_all()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._write_part()
        finally:
            self._lock.close()

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows. They are on disk after `PART_SECONDS`, provided that more arrive, or when the folder is closed."""
        self._unwritten += rows
        if len(self._unwritten) >= PART_ROWS or time.monotonic() - self._last_write > PART_SECONDS:
            self._write_part()

    def finished_files(self) -> FileSet:
        """Return the files that have a row."""
        return FileSet(name for batch in self._read(["file"]) for name in batch.column("file").to_pylist())

    def remove_errors(self) -> int:
        """Remove the rows of unreadable files, so that the next run retries them, and return their number."""
        removed = 0
        for part in self._parts():
            with _report_errors(self.folder):
                table = pq.read_table(part)
            readable = table.filter(pc.is_null(table.column("error")))
            if len(readable) < len(table):
                removed += len(table) - len(readable)
                self._write(readable, part)
        return removed

    def summary(self) -> Summary:
        """Count photos, faces, verdicts, errors and people."""
        summary = Summary()
        for batch in self._read(["error", "faces.list.element.verdict", "faces.list.element.person"]):
            faces = pc.list_flatten(batch.column("faces"))
            summary.photos += len(batch)
            summary.errors += len(batch) - batch.column("error").null_count
            summary.faces += len(faces)
            summary.verdicts.update(pc.struct_field(faces, "verdict").to_pylist())
            summary.people.update(filter(None, pc.struct_field(faces, "person").to_pylist()))
        return summary

    def write_csv(self, file: Path) -> None:
        """Write all rows as CSV, one line per face."""
        with _report_errors(file), file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(CSV_COLUMNS)
            for batch in self._read(None):
                writer.writerows(_csv_lines(batch.to_pylist()))

    def _check_origin(self, origin: dict[str, Any]) -> None:
        file = self.folder / "_about.json"
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        changed = [name for name in origin if known and known.get(name) != origin[name]]
        if set(changed) - {"gallery"}:
            raise BatchError(
                f"The rows in {self.folder} were made with another {' and '.join(changed)} (see {file}). "
                "Choose another folder, or delete this one to start again."
            )
        if not known and next(self.folder.glob("*.parquet"), None):
            raise BatchError(f"{self.folder} has Parquet files of another program. Choose another folder.")
        # Whether the folder has rows from before a change of the gallery.
        self.older_gallery: bool = "gallery" in changed or known.get("older_gallery", False)
        text = json.dumps(origin | {"older_gallery": self.older_gallery}, indent=2)
        file.write_text(f"{text}\n", encoding="utf-8")

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _read(self, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        for part in self._parts():
            with _report_errors(self.folder), pq.ParquetFile(part) as file:
                yield from file.iter_batches(_READ_ROWS, columns=columns)

    def _write_part(self) -> None:
        if self._unwritten:
            number = max((int(part.stem.split("-")[1]) for part in self._parts()), default=0) + 1
            table = pa.Table.from_pylist(self._unwritten, SCHEMA)
            self._write(table, self.folder / f"part-{number:06d}.parquet")
        self._unwritten, self._last_write = [], time.monotonic()

    def _write(self, table: pa.Table, part: Path) -> None:
        incomplete = part.with_name(f"_{part.name}")
        with _report_errors(self.folder):
            pq.write_table(table, incomplete, compression="zstd")
            with incomplete.open("rb") as file:
                os.fsync(file.fileno())
            incomplete.replace(part)


def _csv_lines(rows: Iterable[Row]) -> Iterator[list[object]]:
    """Yield the CSV cells of each face, and one line for each photo without a face."""
    for row in rows:
        photo = [row["file"], (row["error"] or {}).get("code"), row["width"], row["height"], row["fpir"]]
        for index, face in enumerate(row["faces"], start=1):
            box = face["box"]
            yield [
                *photo,
                *(index, box["x"], box["y"], box["width"], box["height"], face["confidence"]),
                *(face[name] for name in ("verdict", "person", "class_distance", "threshold")),
                *(json.dumps(face["candidates"]), face["look_alike"], face["reason"], json.dumps(face["ranking"])),
            ]
        if not row["faces"]:
            yield photo + [None] * (len(CSV_COLUMNS) - len(photo))


def _hash(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little"))


@contextmanager
def _report_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        message = f"{path}: A part is damaged ({first_line(error)}). Delete it; the next run repeats its photos."
        raise BatchError(message) from error
    except OSError as error:
        raise BatchError(f"{path}: Cannot read or write ({first_line(error)}).") from error
