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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app import serialization
from app.arrays import AnyArray
from app.batch.job import Row
from app.batch.sources import PhotoFile
from app.errors import BatchError
from app.files import private_opener, write_file
from app.text import first_line

_FORMAT = 2
"""Version of the folder's layout."""

PART_ROWS = 5000
PART_SECONDS = 60
"""A part is written after this many rows or seconds; a machine failure loses no more."""

SUMMARY_FAILURES = 10
"""Maximum length of `Summary.failures`."""

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
        "bytes": _INTEGER,
        "modified_ns": _INTEGER,
        "error": pa.struct({"code": _TEXT, "message": _TEXT}),
        "width": _INTEGER,
        "height": _INTEGER,
        "fpir": _NUMBER,
        "faces": pa.list_(pa.struct(_FACE)),
    }
)
"""Arrow schema of `Row`."""

_VERSION = ["file", "bytes", "modified_ns"]
"""The columns of a `PhotoFile`."""


@dataclass
class Summary:
    """Counts over a result folder.

    `people` has the number of faces of each named person, `failures` the first files with an error, and its message.
    """

    photos: int = 0
    faces: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    people: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)


class FileVersions:
    """Files and their versions, as 64-bit hashes: ten million need 160 MB."""

    def __init__(self, photos: Iterable[PhotoFile]) -> None:
        pairs = ((_hash(file), _hash(f"{file} {size} {modified}")) for file, size, modified in photos)
        hashes = np.fromiter(pairs, np.dtype((np.uint64, 2)))
        self._files, self._versions = np.unique(hashes[:, 0]), np.unique(hashes[:, 1])

    def __contains__(self, photo: PhotoFile) -> bool:
        file, size, modified = photo
        return _is_member(_hash(f"{file} {size} {modified}"), self._versions)

    def has_file(self, file: str) -> bool:
        """Return whether any version of a file is here."""
        return _is_member(_hash(file), self._files)

    def count_common(self, other: FileVersions) -> tuple[int, int]:
        """Return how many of the versions are also in another set, and how many are not."""
        common = int(np.isin(self._versions, other._versions, assume_unique=True).sum())
        return common, len(self._versions) - common


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
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
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

    def finished(self) -> FileVersions:
        """Return the files that have a row."""
        return FileVersions(photo for batch in self._read(_VERSION) for photo in _to_photos(batch))

    def remove_errors(self) -> int:
        """Remove the rows of unreadable files, so that the next run retries them, and return their number."""
        return self._filter(["error"], lambda table: pc.is_null(table.column("error")).combine_chunks())

    def remove_outdated(self, listed: FileVersions, is_deleted: Callable[[str], bool]) -> int:
        """Remove the rows of changed and deleted files, and return their number.

        A file is changed if it is listed in another version. `is_deleted` is asked about files that are not listed.
        """

        def is_current(photo: PhotoFile) -> bool:
            return photo in listed or not (listed.has_file(photo.path) or is_deleted(photo.path))

        return self._filter(_VERSION, lambda table: pa.array(map(is_current, _to_photos(table)), pa.bool_()))

    def summary(self) -> Summary:
        """Count photos, faces, verdicts, errors and people."""
        summary = Summary()
        for batch in self._read(["file", "error", "faces.list.element.verdict", "faces.list.element.person"]):
            faces = pc.list_flatten(batch.column("faces"))
            summary.photos += len(batch)
            failed = batch.filter(pc.is_valid(batch.column("error"))).select(["file", "error"])
            summary.errors += len(failed)
            for row in failed.slice(0, SUMMARY_FAILURES - len(summary.failures)).to_pylist():
                summary.failures.append((row["file"], row["error"]["message"]))
            summary.faces += len(faces)
            summary.verdicts.update(pc.struct_field(faces, "verdict").to_pylist())
            summary.people.update(filter(None, pc.struct_field(faces, "person").to_pylist()))
        return summary

    def write_csv(self, file: Path) -> None:
        """Write all rows as CSV, one line per face."""
        with (
            _report_errors(file),
            open(file, "w", newline="", encoding="utf-8", opener=private_opener) as stream,
        ):
            writer = csv.writer(stream)
            writer.writerow(serialization.CSV_COLUMNS)
            for batch in self._read(None):
                writer.writerows(serialization.csv_lines(batch.to_pylist()))

    def _check_origin(self, origin: dict[str, Any]) -> None:
        file = self.folder / "_about.json"
        known = _read_json(file) if file.exists() else {}
        restart = "Choose another folder, or delete this one to start again."
        if known is None:
            raise BatchError(f"{file} is damaged, so the origin of the rows is unknown. {restart}")
        if known and known.get("format") != _FORMAT:
            raise BatchError(f"The rows in {self.folder} were made by another version of the program. {restart}")
        changed = [name for name in origin if known and known.get(name) != origin[name]]
        if set(changed) - {"gallery"}:
            names = " and ".join(changed)
            raise BatchError(f"The rows in {self.folder} were made with another {names} (see {file}). {restart}")
        if not known and next(self.folder.glob("*.parquet"), None):
            raise BatchError(f"{self.folder} has Parquet files of another program. Choose another folder.")
        # Whether the folder has rows from before a change of the gallery.
        self.older_gallery: bool = "gallery" in changed or known.get("older_gallery", False)
        about = origin | {"older_gallery": self.older_gallery, "format": _FORMAT}
        if about != known:
            write_file(file, f"{json.dumps(about, indent=2)}\n".encode())

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _read(self, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        for part in self._parts():
            with _report_errors(self.folder), pq.ParquetFile(part) as file:
                yield from file.iter_batches(_READ_ROWS, columns=columns)

    def _filter(self, columns: list[str], is_kept: Callable[[pa.Table], pa.BooleanArray]) -> int:
        """Remove the rows for which a function of some columns is false, and return their number."""
        removed = 0
        for part in self._parts():
            with _report_errors(self.folder):
                kept = is_kept(pq.read_table(part, columns=columns))
                if kept.false_count:
                    removed += kept.false_count
                    self._write(pq.read_table(part).filter(kept), part)
        return removed

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


def _read_json(file: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _to_photos(table: pa.Table | pa.RecordBatch) -> Iterator[PhotoFile]:
    return map(PhotoFile, *(table.column(name).to_pylist() for name in _VERSION))


def _is_member(value: np.uint64, values: AnyArray) -> bool:
    index = np.searchsorted(values, value)
    return bool(index < len(values) and values[index] == value)


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
