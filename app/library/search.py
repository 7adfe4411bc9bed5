"""Find faces of a library by person, date, verdict and similarity to a face."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from app.arrays import AnyArray, FloatArray, IntArray
from app.errors import InvalidParameter
from app.library import people, tags
from app.library.store import Library, read_time
from app.recognition.scoring import Head
from app.vision.faces import Box
from app.vision.time_span import TimeSpan

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}(:\d{2}(:\d{2})?)?)?)?)?", re.ASCII)

_COLUMNS = """
file.path, file.raw_path, photo.taken, face.id, number, x, y, face.width, face.height, verdict, person.name, distance,
source, starts, ends, best
"""
_FROM = """
FROM face JOIN photo ON photo.id = face.photo_id JOIN file ON file.photo_id = photo.id
LEFT JOIN person ON person.id = face.person_id {join} WHERE {conditions}
"""
_TAG_COLUMNS = """
file.path, file.raw_path, photo.taken, NULL, NULL, NULL, NULL, NULL, NULL, NULL, person.name, NULL, 'tagged', NULL,
NULL, NULL
"""
_FROM_TAGS = f"""
FROM ({tags.SHOWN}) AS tag JOIN photo ON photo.id = tag.photo_id JOIN file ON file.photo_id = photo.id
JOIN person ON person.id = tag.person_id WHERE {{conditions}}
"""

_VECTORS = "SELECT face_id, embedding FROM vector ORDER BY face_id"
_BLOCK_FACES = 20_000


@dataclass(frozen=True)
class FoundFace:
    """A face in one file; equal files have the same faces. A tagged person has neither ID, number, box nor verdict.

    `path` is the file or URL as the file system has it, `file` the same as valid text, `number` counts from the left.
    `score` is the distance to the face that was searched for, 0 same ... 1 different. `time` is when a video shows the
    face; the box is in the best frame.
    """

    file: str
    path: str
    taken: str | None
    face_id: int | None
    number: int | None
    box: Box | None
    verdict: str | None
    person: str | None
    class_distance: float | None
    source: str
    score: float | None = None
    time: TimeSpan | None = None


@dataclass(frozen=True)
class Criteria:
    """What to search for: photos that show all of `names`, by face or tag, and an unknown face if `unknown`.

    Other faces of such photos are not found. Without both, all faces and tags are. `since` and `until` are
    dates or the beginning of one, such as 2024-05, and include it. `undated` are photos without a date. `group` is the
    number of a group, see `groups`.
    """

    names: Sequence[str] = ()
    unknown: bool = False
    since: str | None = None
    until: str | None = None
    group: int | None = None
    undated: bool = False


class FaceIndex:
    """Embeddings of a library in memory: 512 bytes a face. One matrix product compares a face with all."""

    def __init__(self, ids: IntArray, embeddings: FloatArray) -> None:
        self.ids = ids
        self.embeddings = embeddings

    @classmethod
    def load(cls, library: Library) -> FaceIndex:
        """Read the embeddings of all faces."""
        with library.reading() as connection:
            return cls._from_rows(connection.execute(_VECTORS).fetchall())

    @classmethod
    def read_blocks(cls, library: Library) -> Iterator[FaceIndex]:
        """Yield indexes of a part of the faces each, which need little memory."""
        with library.reading() as connection:
            cursor = connection.execute(_VECTORS)
            while rows := cursor.fetchmany(_BLOCK_FACES):
                yield cls._from_rows(rows)

    @classmethod
    def _from_rows(cls, rows: Sequence[tuple[int, bytes]]) -> FaceIndex:
        ids = np.array([row[0] for row in rows], np.int64)
        dims = len(rows[0][1]) // 2 if rows else 0
        half = np.frombuffer(b"".join(row[1] for row in rows), np.float16).reshape(len(rows), dims)
        return cls(ids, half.astype(np.float32))

    def __len__(self) -> int:
        return len(self.ids)

    def similar(self, embedding: AnyArray, head: Head, limit: float) -> list[tuple[int, float]]:
        """Return ID and score of the faces within a score of a face, float (dims,) of unit length, closest first."""
        if not len(self):
            return []
        scores = head.score_cosines(self.embeddings @ np.asarray(embedding, np.float32))
        near = np.flatnonzero(scores <= limit)
        near = near[np.argsort(scores[near], kind="stable")]
        return list(zip(self.ids[near].tolist(), scores[near].tolist(), strict=True))


def search(library: Library, criteria: Criteria, similar: Sequence[tuple[int, float]] | None = None) -> list[FoundFace]:
    """Return the faces that meet all criteria, by date, or by score.

    Args:
        library: The library.
        criteria: What to search for.
        similar: ID and score of the only faces to return, from `FaceIndex.similar`.

    Raises:
        PersonNotFound: the library has no person of a name.
        InvalidParameter: a date is invalid, or there was never a group of this number.
    """
    score, order = ("NULL", "") if similar is None else ("score", "17, ")
    with library.reading() as connection:
        query, values = _select(connection, criteria, similar, f"{_COLUMNS}, {score}", f"{_TAG_COLUMNS}, NULL")
        return [_found(row) for row in connection.execute(f"{query} ORDER BY {order}3, 1, 5", values)]


def count_undated(library: Library, criteria: Criteria, similar: Sequence[tuple[int, float]] | None = None) -> int:
    """Return the number of photos without a date that meet all criteria but the dates. For arguments see `search`."""
    criteria = replace(criteria, since=None, until=None, undated=True)
    with library.reading() as connection:
        query, values = _select(connection, criteria, similar, "file.path", "file.path")
        return int(connection.execute(f"SELECT count(DISTINCT path) FROM ({query})", values).fetchone()[0])


def _select(
    connection: sqlite3.Connection,
    criteria: Criteria,
    similar: Sequence[tuple[int, float]] | None,
    columns: str,
    tag_columns: str,
) -> tuple[str, list[str | int]]:
    """Return a query for columns of faces and of tags, and its values."""
    conditions, values = ["1"], list[str | int]()
    people_ids = [people.find(connection, name) for name in criteria.names]
    if len(people_ids) + criteria.unknown > 1:
        conditions += map(_photo_shows, people_ids)
        conditions += ["photo.id IN (SELECT photo_id FROM face WHERE verdict = 'unknown')"] * criteria.unknown
    if criteria.since:
        conditions.append("photo.taken >= ?")
        values.append(check_date(criteria.since))
    if criteria.until:
        conditions.append("substr(photo.taken, 1, ?) <= ?")
        values += [len(criteria.until), check_date(criteria.until)]
    if criteria.undated:
        conditions.append("photo.taken IS NULL")
    found = ", ".join(map(str, people_ids))
    shown = [f"face.person_id IN ({found})"] * bool(people_ids) + ["face.verdict = 'unknown'"] * criteria.unknown
    only_faces = [f"({' OR '.join(shown)})"] if shown else []
    face_values, join = list[str | int](), ""
    if criteria.group is not None:
        _check_group(connection, criteria.group)
        only_faces.append("face.id IN (SELECT face_id FROM membership WHERE group_id = ?)")
        face_values.append(criteria.group)
    if similar is not None:
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS similar (face_id INTEGER PRIMARY KEY, score REAL)")
        connection.execute("DELETE FROM similar")
        connection.executemany("INSERT INTO similar VALUES (?, ?)", similar)
        join = "JOIN similar ON similar.face_id = face.id"
    query = f"SELECT {columns} {_FROM.format(join=join, conditions=' AND '.join([*conditions, *only_faces]))}"
    if similar is not None or criteria.group is not None:
        return query, [*values, *face_values]
    conditions += [f"tag.person_id IN ({found})"] * bool(shown)
    tagged = f"SELECT {tag_columns} {_FROM_TAGS.format(conditions=' AND '.join(conditions))}"
    return f"{query} UNION ALL {tagged}", [*values, *values]


def _photo_shows(person_id: int) -> str:
    """Return the condition of photos with a face or a tag of a person."""
    return (
        f"photo.id IN (SELECT photo_id FROM face WHERE person_id = {person_id} "
        f"UNION ALL SELECT photo_id FROM tag WHERE person_id = {person_id})"
    )


def check_date(date: str) -> str:
    """Return a date or the beginning of one, such as 2024-05, or raise `InvalidParameter`."""
    try:
        datetime.fromisoformat(date + "0001-01-01T00:00:00"[len(date) :])
        valid = _DATE.fullmatch(date) is not None
    except ValueError:
        valid = False
    if not valid:
        raise InvalidParameter(f"{date!r} is not a date. Write it as 2024, 2024-05, 2024-05-31 or 2024-05-31T18:00.")
    return date


def _check_group(connection: sqlite3.Connection, number: int) -> None:
    if not connection.execute("SELECT 1 FROM unknown_group WHERE id = ?", (number,)).fetchone():
        raise InvalidParameter(f"The library has no group {number}. List all: whopic library groups LIBRARY")


def _found(row: Sequence[Any]) -> FoundFace:
    file, raw_path, taken, face_id, number, x, y, width, height, *rest = row
    verdict, person, distance, source, start, end, best, score = rest
    path = os.fsdecode(raw_path) if raw_path else file
    box = None if face_id is None else Box(x, y, width, height)
    time = read_time((start, end, best))
    return FoundFace(file, path, taken, face_id, number, box, verdict, person, distance, source, score, time)
