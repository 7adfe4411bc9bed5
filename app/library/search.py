"""Find faces of a library by person, date, verdict and similarity to a face."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from app.arrays import AnyArray, FloatArray, IntArray
from app.errors import InvalidParameter
from app.library import people
from app.library.store import Library
from app.recognition.scoring import Head
from app.vision.faces import Box

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}(:\d{2}(:\d{2})?)?)?)?)?", re.ASCII)

_COLUMNS = """
file.path, file.raw_path, photo.taken, face.id, number, x, y, face.width, face.height, verdict, person.name, distance,
source
"""
_FROM = """
FROM face JOIN photo ON photo.id = face.photo_id JOIN file ON file.photo_id = photo.id
LEFT JOIN person ON person.id = face.person_id {join} WHERE {conditions}
"""


@dataclass(frozen=True)
class FoundFace:
    """A face in one file; equal files have the same faces.

    `path` is the file or URL as the file system has it, `file` the same as valid text, `number` counts from the left.
    `score` is the distance to the face that was searched for, 0 same ... 1 different.
    """

    file: str
    path: str
    taken: str | None
    face_id: int
    number: int
    box: Box
    verdict: str | None
    person: str | None
    class_distance: float | None
    source: str
    score: float | None = None


@dataclass(frozen=True)
class Criteria:
    """What to search for: photos that show all of `names`, and an unknown face if `unknown`.

    Other faces of such photos are not found. Without both, all faces are. `since` and `until` are
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
    """All embeddings of a library in memory: 512 bytes a face. One matrix product compares a face with all."""

    def __init__(self, ids: IntArray, embeddings: FloatArray) -> None:
        self.ids = ids
        self.embeddings = embeddings

    @classmethod
    def load(cls, library: Library) -> FaceIndex:
        """Read the embeddings of all faces."""
        with library.reading() as connection:
            rows = connection.execute("SELECT face_id, embedding FROM vector ORDER BY face_id").fetchall()
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
    with library.reading() as connection:
        faces, values = _faces(connection, criteria, similar)
        score, order = ("NULL", "") if similar is None else ("score", "score, ")
        query = f"SELECT {_COLUMNS}, {score} {faces} ORDER BY {order}photo.taken, file.path, number"
        return [_found(row) for row in connection.execute(query, values)]


def count_undated(library: Library, criteria: Criteria, similar: Sequence[tuple[int, float]] | None = None) -> int:
    """Return the number of photos without a date that meet all criteria but the dates. For arguments see `search`."""
    criteria = replace(criteria, since=None, until=None, undated=True)
    with library.reading() as connection:
        faces, values = _faces(connection, criteria, similar)
        return int(connection.execute(f"SELECT count(DISTINCT file.path) {faces}", values).fetchone()[0])


def _faces(
    connection: sqlite3.Connection, criteria: Criteria, similar: Sequence[tuple[int, float]] | None
) -> tuple[str, list[str | int]]:
    """Return the second half of a query for faces, and its values."""
    conditions, values, join = ["1"], list[str | int](), ""
    shown = [f"{{}}person_id = {people.find(connection, name)}" for name in criteria.names]
    shown += ["{}verdict = 'unknown'"] * criteria.unknown
    if shown:
        conditions.append(f"({' OR '.join(condition.format('face.') for condition in shown)})")
    if len(shown) > 1:
        conditions += [
            f"photo.id IN (SELECT photo_id FROM face AS other WHERE {condition.format('other.')})"
            for condition in shown
        ]
    if criteria.since:
        conditions.append("photo.taken >= ?")
        values.append(check_date(criteria.since))
    if criteria.until:
        conditions.append("substr(photo.taken, 1, ?) <= ?")
        values += [len(criteria.until), check_date(criteria.until)]
    if criteria.undated:
        conditions.append("photo.taken IS NULL")
    if criteria.group is not None:
        _check_group(connection, criteria.group)
        conditions.append("face.id IN (SELECT face_id FROM membership WHERE group_id = ?)")
        values.append(criteria.group)
    if similar is not None:
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS similar (face_id INTEGER PRIMARY KEY, score REAL)")
        connection.execute("DELETE FROM similar")
        connection.executemany("INSERT INTO similar VALUES (?, ?)", similar)
        join = "JOIN similar ON similar.face_id = face.id"
    return _FROM.format(join=join, conditions=" AND ".join(conditions)), values


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
        raise InvalidParameter(f"The library has no group {number}. List all: python main.py library groups LIBRARY")


def _found(row: Sequence[Any]) -> FoundFace:
    file, raw_path, taken, face_id, number, x, y, width, height, *rest = row
    path = os.fsdecode(raw_path) if raw_path else file
    return FoundFace(file, path, taken, face_id, number, Box(x, y, width, height), *rest)
