"""Queries of the library's pages: totals, people with counts, a person's timeline, and one photo with its faces.

Each takes a fraction of a second in a library of a million photos: see docs/explanation/scaling.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from app.arrays import FloatArray
from app.library import tags
from app.library.files import PhotoFile, read_files
from app.library.store import read_time
from app.vision.faces import Box
from app.vision.time_span import TimeSpan

_CANDIDATES = 50
"""Faces of a person among which the clearest represents the person."""

_PEOPLE = """
SELECT person.id, name, coalesce(count, 0) FROM person
LEFT JOIN (SELECT person_id, count(*) AS count FROM face WHERE person_id IS NOT NULL GROUP BY person_id)
ON person_id = id WHERE count > 0 OR id IN (SELECT person_id FROM tag) ORDER BY count DESC, key
"""
_CLEAREST = f"""
SELECT face.id, digest, x, y, face.width, face.height
FROM (SELECT * FROM face WHERE person_id = ? LIMIT {_CANDIDATES}) AS face JOIN photo ON photo.id = photo_id
ORDER BY norm DESC LIMIT ?
"""
_PHOTO = """
SELECT id, digest, taken, width, height, message, duration, time FROM photo LEFT JOIN still ON photo_id = id
WHERE id = ?
"""
_FACES = """
SELECT face.id, x, y, width, height, number, verdict, person.name, person_id, candidate.name, distance, source,
       EXISTS (SELECT 1 FROM vector WHERE face_id = face.id), starts, ends, best
FROM face LEFT JOIN person ON person.id = person_id LEFT JOIN person AS candidate ON candidate.id = candidate_id
WHERE photo_id = ? ORDER BY starts, x, number
"""
_SIMILAR = """
SELECT digest, x, y, face.width, face.height, photo.id, coalesce(taken, ''), person.name, person_id
FROM face JOIN photo ON photo.id = photo_id LEFT JOIN person ON person.id = person_id WHERE face.id = ?
"""
_REJECTED = """
SELECT face_id, name FROM rejection JOIN person ON person.id = rejection.person_id
WHERE face_id IN (SELECT id FROM face WHERE photo_id = ?) ORDER BY key
"""


class Totals(NamedTuple):
    """Numbers of files, different faces, faces of unknown people, and files that could not be read."""

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


class TaggedPhoto(NamedTuple):
    """A photo with a person whose face is not visible."""

    photo_id: int
    digest: bytes | None
    taken: str | None


@dataclass(frozen=True)
class PersonSummary:
    """A person with the number of photos that show them, and their clearest face."""

    person: ListedPerson
    photos: int
    face: FaceImage | None


@dataclass(frozen=True)
class SimilarFace:
    """A face that is similar to another, with their score: 0 same ... 1 different. `taken` is "" without a date."""

    face: FaceImage
    score: float
    photo_id: int
    taken: str
    person: str | None
    person_id: int | None


@dataclass(frozen=True)
class PhotoFace:
    """A face of a photo, `number` from the left.

    `rejected` are people whom a user ruled out. `comparable` faces have an embedding. `time` is when a video shows the
    face, and `in_picture` whether its still does.
    """

    image: FaceImage
    rejected: tuple[str, ...]
    number: int
    verdict: str | None
    person: str | None
    person_id: int | None
    candidate: str | None
    distance: float | None
    source: str
    comparable: bool
    time: TimeSpan | None = None
    in_picture: bool = True

    @property
    def decided(self) -> bool:
        """Whether a user decided about the face."""
        return self.source != "automatic" or bool(self.rejected)


@dataclass(frozen=True)
class Photo:
    """A photo with its files and faces. `width` and `height` are None if it could not be read, see `message`.

    A video has a `duration`, in seconds.
    """

    files: tuple[PhotoFile, ...]
    faces: tuple[PhotoFace, ...]
    id: int
    digest: bytes | None
    taken: str | None
    width: int | None
    height: int | None
    message: str | None
    duration: float | None = None


def count_totals(connection: sqlite3.Connection) -> Totals:
    """Count files and faces."""
    queries = (
        "SELECT count(*) FROM file",
        "SELECT count(*) FROM face",
        "SELECT count(*) FROM face WHERE verdict = 'unknown'",
        "SELECT count(*) FROM photo JOIN file ON photo_id = photo.id WHERE error IS NOT NULL",
    )
    return Totals(*(connection.execute(query).fetchone()[0] for query in queries))


def list_people(connection: sqlite3.Connection) -> list[ListedPerson]:
    """Return all people with faces or tags, the most frequent first."""
    return [ListedPerson(*row) for row in connection.execute(_PEOPLE)]


def summarize_people(connection: sqlite3.Connection, people: Sequence[ListedPerson]) -> list[PersonSummary]:
    """Add the photos and the face of each person."""
    photos = _count_photos(connection, [person.id for person in people])
    return [PersonSummary(person, photos.get(person.id, 0), find_clearest(connection, person.id)) for person in people]


def find_clearest(connection: sqlite3.Connection, person_id: int) -> FaceImage | None:
    """Return a clear face of a person, None if the library has no face of them."""
    return next(iter(list_clearest(connection, person_id, 1)), None)


def list_clearest(connection: sqlite3.Connection, person_id: int, limit: int) -> list[FaceImage]:
    """Return clear faces of a person."""
    rows = connection.execute(_CLEAREST, (person_id, limit))
    return [FaceImage(row[0], row[1], Box(*row[2:])) for row in rows]


def _count_photos(connection: sqlite3.Connection, person_ids: Collection[int]) -> dict[int, int]:
    marks = ", ".join("?" * len(person_ids))
    query = f"SELECT person_id, count(DISTINCT photo_id) FROM face WHERE person_id IN ({marks}) GROUP BY person_id"
    return dict(connection.execute(query, list(person_ids)).fetchall())


def find_person(connection: sqlite3.Connection, person_id: int) -> tuple[ListedPerson, int] | None:
    """Return a person with faces or tags, and the number of photos with faces, or None."""
    query = """
        SELECT id, name, (SELECT count(*) FROM face WHERE person_id = person.id),
               (SELECT count(DISTINCT photo_id) FROM face WHERE person_id = person.id) FROM person WHERE id = ?1
        AND (EXISTS (SELECT 1 FROM face WHERE person_id = ?1) OR EXISTS (SELECT 1 FROM tag WHERE person_id = ?1))
    """
    row = connection.execute(query, (person_id,)).fetchone()
    return (ListedPerson(*row[:3]), row[3]) if row else None


def list_tagged(connection: sqlite3.Connection, person_id: int, limit: int) -> list[TaggedPhoto]:
    """Return the newest photos with a person whose face is not visible."""
    query = f"""
        SELECT photo_id, digest, taken FROM ({tags.SHOWN} AND tag.person_id = ?) JOIN photo ON photo.id = photo_id
        ORDER BY taken DESC LIMIT ?
    """
    return [TaggedPhoto(*row) for row in connection.execute(query, (person_id, limit))]


def find_photo(connection: sqlite3.Connection, photo_id: int) -> Photo | None:
    """Return a photo with its files and faces, or None if the library has no such photo."""
    row = connection.execute(_PHOTO, (photo_id,)).fetchone()
    if row is None:
        return None
    rejected: dict[int, list[str]] = {}
    for face_id, name in connection.execute(_REJECTED, (photo_id,)):
        rejected.setdefault(face_id, []).append(name)
    faces = []
    *columns, still_time = row
    for face_id, x, y, width, height, *rest, start, end, best in connection.execute(_FACES, (photo_id,)):
        image = FaceImage(face_id, row[1], Box(x, y, width, height))
        face = PhotoFace(image, tuple(rejected.get(face_id, ())), *rest)
        faces.append(replace(face, time=read_time((start, end, best)), in_picture=best == still_time))
    return Photo(read_files(connection, photo_id), tuple(faces), *columns)


def read_embeddings(connection: sqlite3.Connection, photo_id: int) -> dict[int, FloatArray]:
    """Return the embeddings of a photo by face, float32 (dims,) of unit length."""
    query = "SELECT face_id, embedding FROM vector WHERE face_id IN (SELECT id FROM face WHERE photo_id = ?)"
    rows = connection.execute(query, (photo_id,))
    return {face_id: np.frombuffer(data, np.float16).astype(np.float32) for face_id, data in rows}


def list_unreadable(connection: sqlite3.Connection, limit: int) -> list[tuple[int, str, str]]:
    """Return photo ID, path and message of the first files that could not be read."""
    query = "SELECT photo.id, path, message FROM photo JOIN file ON photo_id = photo.id WHERE error IS NOT NULL"
    return connection.execute(f"{query} ORDER BY photo.id LIMIT ?", (limit,)).fetchall()


def describe_similar(connection: sqlite3.Connection, scores: Sequence[tuple[int, float]]) -> list[SimilarFace]:
    """Return the faces with an ID and a score, in their order."""
    found = []
    for face_id, score in scores:
        row = connection.execute(_SIMILAR, (face_id,)).fetchone()
        # The library can lose a photo meanwhile.
        if row:
            digest, x, y, width, height, *rest = row
            found.append(SimilarFace(FaceImage(face_id, digest, Box(x, y, width, height)), score, *rest))
    return found
