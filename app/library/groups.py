"""Groups of the unknown faces of a library, one for each person: find them, list them, and merge them.

A group keeps its number and its faces. Faces that were added since join a group, form a new one, or stay alone. Two
groups merge only if the user says so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from app.arrays import AnyArray, BoolArray, IntArray
from app.errors import LibraryError
from app.library import changes
from app.library.clustering import Clusters, Linkage, sum_clusters
from app.library.search import Criteria, FoundFace, search
from app.library.store import Library

LEAST_FACES = 3
"""Faces of a new group."""
EXAMPLES = 3

IS_UNKNOWN = "face.verdict = 'unknown' AND face.source = 'automatic'"
"""Condition of the faces to group. Faces of low quality have another verdict."""

_ROWS = 10_000
_ALONE, _GROUP = 1 << 60, 1 << 61

_FACES = f"""
SELECT face.id, photo_id, coalesce(group_id, 0), membership.face_id IS NULL, coalesce(round(1000 * starts), 0),
       coalesce(round(1000 * ends), 0), embedding
FROM face JOIN vector ON vector.face_id = face.id
LEFT JOIN membership ON membership.face_id = face.id WHERE {IS_UNKNOWN} ORDER BY face.id
"""
_PENDING = f"""
SELECT EXISTS (SELECT 1 FROM face JOIN vector ON vector.face_id = face.id
WHERE {IS_UNKNOWN} AND face.id NOT IN (SELECT face_id FROM membership))
"""
_GROUPS = f"""
SELECT group_id, count(*), count(DISTINCT photo_id), min(taken), max(taken)
FROM membership JOIN face ON face.id = face_id JOIN photo ON photo.id = photo_id
WHERE group_id IS NOT NULL AND {IS_UNKNOWN} GROUP BY group_id ORDER BY 2 DESC, group_id
"""
_EXAMPLES = f"""
SELECT face_id FROM membership JOIN face ON face.id = face_id WHERE group_id = ? AND {IS_UNKNOWN}
ORDER BY norm DESC, face_id LIMIT {EXAMPLES}
"""


@dataclass(frozen=True)
class Grouping:
    """Numbers of what grouping changed: new groups, and faces that joined a group of before."""

    groups: int = 0
    joined: int = 0


@dataclass(frozen=True)
class FaceGroup:
    """Unknown faces that probably show one person.

    `since` and `until` are the dates of the first and last photo. `examples` are the clearest faces.
    """

    number: int
    faces: int
    photos: int
    since: str | None
    until: str | None
    examples: tuple[FoundFace, ...]


@dataclass(eq=False)
class UnknownFaces:
    """Unknown faces: `ids`, `photos`, and `groups` int (faces,), 0 for no group.

    `new` bool (faces,) are those that were not grouped yet. `times` are the first and the last frame in a video, in
    milliseconds, 0 for a photo: int (faces, 2).
    """

    ids: IntArray
    photos: IntArray
    groups: IntArray
    new: BoolArray
    times: IntArray

    @classmethod
    def load(cls, library: Library) -> tuple[UnknownFaces, AnyArray]:
        """Read all unknown faces that have an embedding, and the embeddings: float16 (faces, dims)."""
        numbers: list[IntArray] = [np.zeros((0, 6), np.int64)]
        embeddings: list[AnyArray] = []
        with library.reading() as connection:
            cursor = connection.execute(_FACES)
            while rows := cursor.fetchmany(_ROWS):
                numbers.append(np.array([row[:6] for row in rows], np.int64))
                data = b"".join(row[6] for row in rows)
                embeddings.append(np.frombuffer(data, np.float16).reshape(len(rows), -1))
        ids, photos, groups, new, *times = np.concatenate(numbers).T
        vectors = np.concatenate(embeddings) if embeddings else np.zeros((0, 0), np.float16)
        return cls(ids, photos, groups, new > 0, np.stack(times, axis=1)), vectors


def group_faces(library: Library, linkage: Linkage | None = None) -> Grouping:
    """Group the unknown faces that were added since the last call. The caller has locked the library."""
    with library.reading() as connection:
        if not connection.execute(_PENDING).fetchone()[0]:
            return Grouping()
    faces, embeddings = UnknownFaces.load(library)
    before = faces.groups
    # New faces come first, then those that were alone, then each group of before, as one cluster.
    keys_of = np.where(before > 0, _GROUP + before, np.where(faces.new, faces.ids, _ALONE + faces.ids))
    keys, clusters_of = np.unique(keys_of, return_inverse=True)
    outsiders = _read_outsiders(library, faces.ids)
    shared = pairs_in_photos(faces.photos, faces.times, clusters_of)
    conflicts = np.concatenate([shared, _pair_outsiders(outsiders, keys, clusters_of)])
    sums = sum_clusters(embeddings, clusters_of)
    # Half a gigabyte for two million faces.
    del embeddings
    clusters = Clusters(sums, np.bincount(clusters_of), keys > _GROUP, conflicts, int(faces.new.sum()))
    merged = clusters.merge(linkage or Linkage())
    numbers = np.zeros(len(keys), np.int64)
    known = np.flatnonzero(keys > _GROUP)
    numbers[merged[known]] = keys[known] - _GROUP
    is_new = (merged == np.arange(len(keys))) & (clusters.sizes >= LEAST_FACES) & (numbers == 0)
    new = np.flatnonzero(is_new)
    with library.writing() as connection:
        # The largest group gets the first number.
        for cluster in new[np.argsort(-clusters.sizes[new], kind="stable")].tolist():
            query = "INSERT INTO unknown_group DEFAULT VALUES RETURNING id"
            numbers[cluster] = connection.execute(query).fetchone()[0]
        after = numbers[merged[clusters_of]]
        # Few conflicts do not keep large clusters apart.
        after[outsiders[0]] *= after[outsiders[0]] != outsiders[1]
        rows = zip(faces.ids.tolist(), after.tolist(), strict=True)
        connection.executemany("REPLACE INTO membership VALUES (?, ?)", ((face, group or None) for face, group in rows))
    joined = (before != after) & np.isin(after, keys[known] - _GROUP)
    return Grouping(len(new), int(joined.sum()))


def _read_outsiders(library: Library, ids: IntArray) -> IntArray:
    """Return the positions of faces that the user removed from groups, and the groups: int (2, pairs)."""
    with library.reading() as connection:
        rows = connection.execute("SELECT face_id, group_id FROM outsider").fetchall()
    face_ids, groups = np.array(rows, np.int64).reshape(-1, 2).T
    positions = np.searchsorted(ids, face_ids)
    known = np.isin(face_ids, ids)
    return np.stack([positions[known], groups[known]])


def _pair_outsiders(outsiders: IntArray, keys: IntArray, clusters_of: IntArray) -> IntArray:
    """Return the pairs of the clusters of removed faces and of the groups that they were removed from."""
    positions, groups = outsiders
    known = np.isin(_GROUP + groups, keys)
    return np.stack([clusters_of[positions[known]], np.searchsorted(keys, _GROUP + groups[known])], axis=1)


def pairs_in_photos(photos: IntArray, times: IntArray, clusters_of: IntArray) -> IntArray:
    """Return the pairs of different clusters with a face in the same photo, once a photo: int (pairs, 2).

    In a video, both faces must be there at the same time. `times` are as in `UnknownFaces`.
    """
    order = np.lexsort((*times.T, clusters_of, photos))
    rows = np.column_stack([photos, clusters_of, times])[order]
    # A cluster may have two faces in a photo.
    distinct = np.ones(len(rows), bool)
    distinct[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    photos, clusters, starts, ends = rows[distinct].T
    pairs: list[IntArray] = [np.zeros((0, 3), np.int64)]
    first, step = np.arange(len(photos)), 1
    while len(first):
        first = first[first + step < len(photos)]
        first = first[photos[first] == photos[first + step]]
        second = first + step
        together = (starts[first] <= ends[second]) & (starts[second] <= ends[first])
        together &= clusters[first] != clusters[second]
        one, other = first[together], second[together]
        pairs.append(np.stack([photos[one], clusters[one], clusters[other]], axis=1))
        step += 1
    found = np.concatenate(pairs)
    # In a video, two clusters may meet often.
    return (np.unique(found, axis=0) if ends.any() else found)[:, 1:]


def list_groups(library: Library, limit: int | None = None, numbers: Collection[int] | None = None) -> list[FaceGroup]:
    """Return the groups, the largest first, or only those with some numbers."""
    with library.reading() as connection:
        rows = connection.execute(_GROUPS).fetchall()
        if numbers is not None:
            rows = [row for row in rows if row[0] in numbers]
        rows = rows[:limit]
        examples = {row[0]: [face for (face,) in connection.execute(_EXAMPLES, (row[0],))] for row in rows}
    found = _find_faces(library, [face for faces in examples.values() for face in faces])
    return [
        FaceGroup(number, faces, photos, since, until, tuple(found[face] for face in examples[number]))
        for number, faces, photos, since, until in rows
    ]


def _find_faces(library: Library, face_ids: Sequence[int]) -> dict[int, FoundFace]:
    faces = search(library, Criteria(), [(face_id, 0.0) for face_id in face_ids])
    # Equal files have the same faces.
    return {face.face_id: face for face in reversed(faces) if face.face_id is not None}


def members(library: Library, number: int) -> list[int]:
    """Return the IDs of the unknown faces of a group, the clearest first."""
    query = f"SELECT face_id FROM membership JOIN face ON face.id = face_id WHERE group_id = ? AND {IS_UNKNOWN}"
    with library.reading() as connection:
        _check_group(connection, number)
        return [face for (face,) in connection.execute(f"{query} ORDER BY norm DESC, face_id", (number,))]


def merge_groups(library: Library, number: int, into: int) -> None:
    """Give the faces of a group to another one, since both show the same person."""
    with changes.recording(library, "merge_groups", group=number, other=into) as change:
        connection = change.connection
        _check_pair(connection, number, into)
        connection.execute("UPDATE membership SET group_id = ? WHERE group_id = ?", (into, number))
        connection.execute(
            "INSERT OR IGNORE INTO outsider SELECT face_id, ?1 FROM outsider WHERE group_id = ?2 "
            "AND face_id NOT IN (SELECT face_id FROM membership WHERE group_id = ?1)",
            (into, number),
        )
        rows = connection.execute(
            "DELETE FROM different_group WHERE ?1 IN (group_id, other_id) RETURNING group_id, other_id", (number,)
        ).fetchall()
        for other in {group for row in rows for group in row} - {number, into}:
            _insert_different(connection, into, other)
        connection.execute("DELETE FROM unknown_group WHERE id = ?", (number,))


def keep_apart(library: Library, number: int, other: int) -> None:
    """Record that two groups show different people."""
    with changes.recording(library, "keep_apart", group=number, other=other) as change:
        _check_pair(change.connection, number, other)
        _insert_different(change.connection, number, other)


def remove_faces(library: Library, number: int, face_ids: Sequence[int]) -> None:
    """Record that faces of a group show other people. They may form other groups."""
    with changes.recording(library, "leave_group", group=number, faces=len(face_ids)) as change:
        for face_id in face_ids:
            left = change.connection.execute(
                "UPDATE membership SET group_id = NULL WHERE face_id = ? AND group_id = ?", (face_id, number)
            ).rowcount
            if not left:
                raise LibraryError(f"The face is not in group {number}.")
            change.connection.execute("INSERT OR IGNORE INTO outsider VALUES (?, ?)", (face_id, number))


def _insert_different(connection: sqlite3.Connection, first: int, second: int) -> None:
    connection.execute("INSERT OR IGNORE INTO different_group VALUES (?, ?)", sorted((first, second)))


def _check_pair(connection: sqlite3.Connection, first: int, second: int) -> None:
    if first == second:
        raise LibraryError("Give two different groups.")
    _check_group(connection, first)
    _check_group(connection, second)


def _check_group(connection: sqlite3.Connection, number: int) -> None:
    query = f"SELECT 1 FROM membership JOIN face ON face.id = face_id WHERE group_id = ? AND {IS_UNKNOWN}"
    if not connection.execute(query, (number,)).fetchone():
        raise LibraryError(
            f"The library has no group {number} with unknown faces.",
            "List all: whopic library groups LIBRARY",
            "It was named or merged meanwhile.",
        )
