"""Queries of the library's pages: totals, people with counts, a person's timeline, and one photo with its faces.

Each takes a fraction of a second in a library of a million photos: see docs/scaling.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.vision.faces import Box

_CANDIDATES = 50
"""Faces of a person among which the clearest represents the person."""

_PEOPLE = """
SELECT person.id, name, count FROM person
JOIN (SELECT person_id, count(*) AS count FROM face WHERE person_id IS NOT NULL GROUP BY person_id) ON person_id = id
ORDER BY count DESC, key
"""
_CLEAREST = f"""
SELECT face.id, digest, x, y, face.width, face.height
FROM (SELECT * FROM face WHERE person_id = ? LIMIT {_CANDIDATES}) AS face JOIN photo ON photo.id = photo_id
ORDER BY norm DESC LIMIT 1
"""


class Totals(NamedTuple):
    """Numbers of files, different faces, faces of unknown people, and photos that could not be read."""

    files: int
    faces: int
    unknown: int
    unreadable: int


class ListedPerson(NamedTuple):
    """A person of the library with a number of faces."""

    id: int
    name: str
    faces: int


class FaceImage(NamedTuple):
    """What the thumbnail of a face depends on: `digest` is that of its photo."""

    id: int
    digest: bytes | None
    box: Box


@dataclass(frozen=True)
class PersonSummary:
    """A person with the number of photos that show them, and their clearest face."""

    person: ListedPerson
    photos: int
    face: FaceImage | None


def count_totals(connection: sqlite3.Connection) -> Totals:
    """Count files and faces."""
    queries = (
        "SELECT count(*) FROM file",
        "SELECT count(*) FROM face",
        "SELECT count(*) FROM face WHERE verdict = 'unknown'",
        "SELECT count(*) FROM photo WHERE error IS NOT NULL",
    )
    return Totals(*(connection.execute(query).fetchone()[0] for query in queries))


def list_people(connection: sqlite3.Connection) -> list[ListedPerson]:
    """Return all people with faces, the most frequent first."""
    return [ListedPerson(*row) for row in connection.execute(_PEOPLE)]


def summarize_people(connection: sqlite3.Connection, people: Sequence[ListedPerson]) -> list[PersonSummary]:
    """Add the photos and the face of each person."""
    photos = _count_photos(connection, [person.id for person in people])
    return [PersonSummary(person, photos.get(person.id, 0), find_clearest(connection, person.id)) for person in people]


def find_clearest(connection: sqlite3.Connection, person_id: int) -> FaceImage | None:
    """Return a clear face of a person, None if the library has no face of them."""
    row = connection.execute(_CLEAREST, (person_id,)).fetchone()
    return row and FaceImage(row[0], row[1], Box(*row[2:]))


def _count_photos(connection: sqlite3.Connection, person_ids: Collection[int]) -> dict[int, int]:
    marks = ", ".join("?" * len(person_ids))
    query = f"SELECT person_id, count(DISTINCT photo_id) FROM face WHERE person_id IN ({marks}) GROUP BY person_id"
    return dict(connection.execute(query, list(person_ids)).fetchall())
