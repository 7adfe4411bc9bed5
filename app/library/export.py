"""Rows of a library as JSON, CSV and Parquet: one row a face or tag, and one for each photo without both."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from app.errors import LibraryError
from app.files import open_complete
from app.library import tags
from app.library.groups import IS_UNKNOWN, FaceGroup
from app.library.search import FoundFace
from app.library.store import Library
from app.library.suggestions import Suggestion
from app.serialization import time_span
from app.text import csv_cell, first_line

_TEXT, _INTEGER, _NUMBER = pa.string(), pa.int64(), pa.float64()
_FIELDS = {
    "file": _TEXT,
    "error": _TEXT,
    "taken": _TEXT,
    "width": _INTEGER,
    "height": _INTEGER,
    "face": _INTEGER,
    "x": _INTEGER,
    "y": _INTEGER,
    "box_width": _INTEGER,
    "box_height": _INTEGER,
    "confidence": _NUMBER,
    "verdict": _TEXT,
    "person": _TEXT,
    "class_distance": _NUMBER,
    "candidate": _TEXT,
    "source": _TEXT,
    "duration": _NUMBER,
    "from": _NUMBER,
    "to": _NUMBER,
    "best": _NUMBER,
}
COLUMNS = tuple(_FIELDS)
"""Columns of CSV and Parquet. `error` is a code, and `face` counts from the left. Parquet adds `embedding`.

The last four are of videos, in seconds: their duration, and the first, last and best frame with the face.
"""

FOUND_COLUMNS = (
    "file",
    "face",
    "person",
    "class_distance",
    "verdict",
    "source",
    "taken",
    "score",
    "from",
    "to",
    "best",
)
"""Columns of the faces that a search found, as CSV."""

GROUP_COLUMNS = ("group", "file", "face", "taken")
"""Columns of the faces of all groups, as CSV."""

_GROUPED = f"""
SELECT group_id, path, number, taken FROM membership JOIN face ON face.id = face_id
JOIN photo ON photo.id = face.photo_id JOIN file ON file.photo_id = photo.id
WHERE group_id IS NOT NULL AND {IS_UNKNOWN} ORDER BY group_id, taken, path, number
"""
_QUERY = f"""
SELECT path, error, taken, photo.width, photo.height, number, x, y, face.width, face.height, confidence, verdict,
       person.name, distance, candidate.name, iif(face.id IS NULL, NULL, source),
       duration, starts, ends, best, embedding
FROM file JOIN photo ON photo.id = file.photo_id LEFT JOIN face ON face.photo_id = photo.id
LEFT JOIN person ON person.id = face.person_id LEFT JOIN person AS candidate ON candidate.id = face.candidate_id
LEFT JOIN vector ON vector.face_id = face.id
WHERE face.id IS NOT NULL OR photo.id NOT IN (SELECT photo_id FROM tag)
UNION ALL SELECT path, error, taken, photo.width, photo.height, NULL, NULL, NULL, NULL, NULL, NULL, NULL, person.name,
       NULL, NULL, 'tagged', duration, NULL, NULL, NULL, NULL
FROM ({tags.SHOWN}) AS tag JOIN photo ON photo.id = tag.photo_id JOIN file ON file.photo_id = photo.id
JOIN person ON person.id = tag.person_id
ORDER BY 1, 6
"""
_BATCH = 10_000


def found_face(face: FoundFace) -> dict[str, Any]:
    """Return the JSON of a face that a search found."""
    return {
        "file": face.file,
        "face": face.number,
        "box": face.box and asdict(face.box),
        "person": face.person,
        "class_distance": face.class_distance,
        "verdict": face.verdict,
        "source": face.source,
        "taken": face.taken,
        "score": face.score,
    } | time_span(face.time)


def write_found_csv(file: Path, faces: Iterable[FoundFace]) -> None:
    """Write the faces that a search found as CSV."""
    rows = map(found_face, faces)
    _write_csv(file, FOUND_COLUMNS, ([row[column] for column in FOUND_COLUMNS] for row in rows))


def face_group(group: FaceGroup) -> dict[str, Any]:
    """Return the JSON of a group of unknown faces."""
    return {
        "group": group.number,
        "faces": group.faces,
        "photos": group.photos,
        "since": group.since,
        "until": group.until,
        "examples": [_example(face) for face in group.examples],
    }


def suggestion(suggested: Suggestion) -> dict[str, Any]:
    """Return the JSON of two groups, or a group and a person, that may be the same person."""
    return {
        "group": suggested.group,
        "other_group": suggested.other,
        "person": suggested.person,
        "score": round(suggested.score, 4),
    }


def _example(face: FoundFace) -> dict[str, Any]:
    return {"file": face.file, "face": face.number, "box": face.box and asdict(face.box)} | time_span(face.time)


def write_groups_csv(library: Library, file: Path) -> None:
    """Write the faces of all groups as CSV."""
    with library.reading() as connection:
        _write_csv(file, GROUP_COLUMNS, connection.execute(_GROUPED))


def write_csv(library: Library, file: Path) -> None:
    """Write all faces as CSV."""
    _write_csv(file, COLUMNS, (row[:-1] for rows in _read(library) for row in rows))


def write_parquet(library: Library, file: Path) -> None:
    """Write all faces, with their embeddings as float16, as one Parquet file."""
    with _open(file) as stream:
        _write_tables(library, stream)


def _write_tables(library: Library, stream: IO[bytes]) -> None:
    with library.reading() as connection:
        found = connection.execute("SELECT length(embedding) / 2 FROM vector LIMIT 1").fetchone()
    vector = pa.list_(pa.float16(), found[0] if found else 1)
    schema = pa.schema({**_FIELDS, "embedding": vector})
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for rows in _read(library):
            *columns, embeddings = zip(*rows, strict=True)
            vectors = [None if data is None else np.frombuffer(data, np.float16) for data in embeddings]
            arrays = [pa.array(column, kind) for column, kind in zip(columns, _FIELDS.values(), strict=True)]
            writer.write_table(pa.table([*arrays, pa.array(vectors, vector)], schema=schema))


def _read(library: Library) -> Iterator[list[tuple[Any, ...]]]:
    with library.reading() as connection:
        cursor = connection.execute(_QUERY)
        while rows := cursor.fetchmany(_BATCH):
            yield rows


def _write_csv(file: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with _open(file) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(map(csv_cell, row) for row in rows)
        text.detach()


@contextmanager
def _open(file: Path) -> Iterator[IO[bytes]]:
    try:
        with open_complete(file, private=True) as stream:
            yield stream
    except OSError as error:
        raise LibraryError(f"{file}: Cannot write ({first_line(error)}).") from error
