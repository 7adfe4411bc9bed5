"""A folder of results: parts of Parquet, each written whole or not at all, and what they were made with.

`pandas.read_parquet(FOLDER)` and every other reader of Parquet takes the folder as one table. Files that begin with
an underscore are not part of it.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.batch import rows
from app.errors import BatchError

PART_ROWS = 5000
"""Rows of a part: some megabytes."""

PART_SECONDS = 60
"""A part is written after so long at the latest: no more is lost when the machine is."""

_SEEN_MOST = 10
_READ_ROWS = 1000


@dataclass
class Summary:
    """What a folder of results holds; `seen` counts faces by person."""

    photos: int = 0
    faces: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def seen_most(self) -> list[tuple[str, int]]:
        """The people with most faces, and how many; those with equally many by name."""
        return sorted(self.seen.items(), key=lambda pair: (-pair[1], pair[0]))[:_SEEN_MOST]


class Results:
    """An open folder of results; one process at a time has it.

    Args:
        folder: where it is; made if missing.
        origin: what decides about answers besides the pictures. Rows of different ones do not go together, but for
            `gallery`: people come and go while an archive grows.
    """

    def __init__(self, folder: Path, origin: dict[str, Any]) -> None:
        self.folder = folder
        self.older_gallery = False
        """Whether rows are here that were made before the gallery changed."""
        self._waiting: list[dict[str, Any]] = []
        self._since = time.monotonic()
        with self._sentences():
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "_lock").open("w")
        try:
            self._claim(origin)
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Write what waits, and let others have the folder."""
        try:
            self._flush()
        finally:
            self._lock.close()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, answers: Sequence[dict[str, Any]]) -> None:
        """Keep answers: on the disk within a minute, as long as more come."""
        self._waiting += answers
        if len(self._waiting) >= PART_ROWS or time.monotonic() - self._since > PART_SECONDS:
            self._flush()

    def done(self) -> Done:
        """The files that have a row."""
        return Done(name for part in self._read(["file"]) for name in part.column("file").to_pylist())

    def forget_errors(self) -> int:
        """Take out the rows of files that could not be read, so that they are missing; how many."""
        forgotten = 0
        for part in self._parts():
            with self._sentences():
                table = pq.read_table(part)
            good = table.filter(pc.is_null(table.column("error")))
            forgotten += len(table) - len(good)
            if len(good) < len(table):
                self._write(good, part)
        return forgotten

    def summary(self) -> Summary:
        """What all parts together hold."""
        total = Summary()
        for part in self._read(["error", "faces.list.element.verdict", "faces.list.element.person"]):
            total.photos += len(part)
            total.errors += len(part) - part.column("error").null_count
            faces = pc.list_flatten(part.column("faces"))
            total.faces += len(faces)
            total.verdicts.update(pc.struct_field(faces, "verdict").to_pylist())
            total.seen.update(filter(None, pc.struct_field(faces, "person").to_pylist()))
        return total

    def write_csv(self, file: Path) -> None:
        """Write all parts as one CSV, a row a face."""
        with _sentences(file), file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(rows.HEADER)
            for part in self._read(None):
                writer.writerows(rows.cells(part.to_pylist()))

    def _claim(self, origin: dict[str, Any]) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BatchError(f"Another run writes into {self.folder}. Wait, or choose another folder.") from error
        self._check(origin)
        with self._sentences():
            for rest in self.folder.glob("_part-*"):
                rest.unlink()

    def _check(self, origin: dict[str, Any]) -> None:
        """Refuse a folder whose rows were made otherwise."""
        about = self.folder / "_about.json"
        with self._sentences():
            before = json.loads(about.read_text(encoding="utf-8")) if about.exists() else {}
            other = [name for name in origin if before and before.get(name) != origin[name]]
            if set(other) - {"gallery"}:
                raise BatchError(
                    f"The rows in {self.folder} were made with another {' and '.join(other)}: see {about}. "
                    "Choose another folder, or remove this one to begin anew."
                )
            if not before and next(self.folder.glob("*.parquet"), None):
                raise BatchError(f"{self.folder} holds Parquet files of something else. Choose another folder.")
            self.older_gallery = "gallery" in other or before.get("older_gallery", False)
            written = origin | {"older_gallery": self.older_gallery}
            about.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _read(self, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        for part in self._parts():
            with self._sentences(), pq.ParquetFile(part) as file:
                yield from file.iter_batches(_READ_ROWS, columns=columns)

    def _flush(self) -> None:
        if self._waiting:
            numbers = [int(part.stem.split("-")[1]) for part in self._parts()]
            name = f"part-{max(numbers, default=0) + 1:06d}.parquet"
            self._write(pa.Table.from_pylist(self._waiting, rows.schema()), self.folder / name)
        self._waiting, self._since = [], time.monotonic()

    def _write(self, table: pa.Table, part: Path) -> None:
        """Put a part in its place, whole, also if the machine stops in the middle."""
        made = part.with_name(f"_{part.name}")
        with self._sentences():
            pq.write_table(table, made, compression="zstd")
            with made.open("rb") as file:
                os.fsync(file.fileno())
            made.replace(part)

    def _sentences(self) -> contextlib.AbstractContextManager[None]:
        return _sentences(self.folder)


class Done:
    """File names, as 64 bits each, so that ten million of them take 80 MB."""

    def __init__(self, names: Iterator[str]) -> None:
        self._keys = np.unique(np.fromiter(map(_key, names), dtype=np.uint64))

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, name: str) -> bool:
        place = np.searchsorted(self._keys, np.uint64(_key(name)))
        return place < len(self._keys) and int(self._keys[place]) == _key(name)


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


@contextmanager
def _sentences(place: Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise BatchError(
            f"{place}: A part is damaged ({reason}). Remove it; its pictures will be done again."
        ) from error
    except OSError as error:
        raise BatchError(f"{place}: It cannot be read or written ({error.strerror or error}).") from error
