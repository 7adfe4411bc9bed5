"""Suggestions to merge: groups, or a group and a person, that may be the same person."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from app.arrays import AnyArray, IntArray
from app.library.clustering import Linkage, find_pairs, mean_cosines, sum_clusters
from app.library.groups import IS_UNKNOWN, UnknownFaces, pairs_in_photos
from app.library.store import Library

LEAST_SCORE = 0.42
"""Smallest score of `Linkage` that is worth a question. Below, fewer than 1 in 100 pairs are the same person
(`bench.grouping suggestions`)."""

MOST_SHARED = 0.34
"""Largest share of the smaller one's faces that are in a photo with the other one, such as a collage."""

_NAMED = """
SELECT person_id, photo_id, coalesce(round(1000 * starts), 0), coalesce(round(1000 * ends), 0), embedding
FROM face JOIN vector ON vector.face_id = face.id
WHERE person_id IS NOT NULL AND verdict = 'match'
"""
_REJECTED = """
SELECT DISTINCT group_id, person_id FROM rejection JOIN membership USING (face_id) WHERE group_id IS NOT NULL
"""


STORED = 1000
"""Suggestions that are stored, the most similar."""

_MEMBERS = f"SELECT 1 FROM membership JOIN face ON face.id = face_id WHERE group_id = {{group}} AND {IS_UNKNOWN}"
_STORED = f"""
SELECT suggestion.group_id, suggestion.other_id, person.id, name, score
FROM suggestion LEFT JOIN person ON person.id = suggestion.person_id
WHERE EXISTS ({_MEMBERS.format(group="suggestion.group_id")})
AND (name IS NOT NULL OR EXISTS ({_MEMBERS.format(group="suggestion.other_id")}))
AND NOT EXISTS (SELECT 1 FROM different_group AS pair WHERE pair.group_id = suggestion.other_id
                AND pair.other_id = suggestion.group_id)
AND NOT EXISTS (SELECT 1 FROM rejection JOIN membership USING (face_id)
                WHERE membership.group_id = suggestion.group_id AND rejection.person_id = suggestion.person_id)
ORDER BY score DESC, suggestion.group_id, suggestion.other_id
"""


@dataclass(frozen=True)
class Suggestion:
    """A group that may be the same person as another group, or as a person. `score` is that of `Linkage.score`."""

    group: int
    other: int | None
    person: str | None
    score: float


class StoredSuggestion(NamedTuple):
    """A stored suggestion, with either the other group, or ID and name of a person."""

    group: int
    other: int | None
    person_id: int | None
    person: str | None
    score: float


def suggest(library: Library, limit: int | None = None, linkage: Linkage | None = None) -> list[Suggestion]:
    """Return the pairs that the user has not answered, the most similar first.

    Pairs that are often in one photo are different people and left out.
    """
    linkage = linkage or Linkage()
    faces, face_embeddings = UnknownFaces.load(library)
    grouped = faces.groups > 0
    people, person_photos, person_times, person_embeddings = _load_named(library)
    if not grouped.any():
        return []
    # People have negative keys.
    keys_of = np.concatenate([faces.groups[grouped], -people])
    photos = np.concatenate([faces.photos[grouped], person_photos])
    times = np.concatenate([faces.times[grouped], person_times])
    keys, places = np.unique(keys_of, return_inverse=True)
    embeddings = face_embeddings[grouped]
    if len(people):
        embeddings = np.concatenate([embeddings, person_embeddings])
    sizes = np.bincount(places)
    sums = sum_clusters(embeddings, places)
    first, second = find_pairs(sums, sizes, replace(linkage, threshold=LEAST_SCORE, promising=1.0), keys < 0)
    scores = linkage.score(mean_cosines(sums, sizes, first, second), sizes[first] * sizes[second])
    answered = _answered(library)
    with library.reading() as connection:
        names = dict(connection.execute("SELECT id, name FROM person").fetchall())
    shared = _count_pairs(pairs_in_photos(photos, times, places), first, second, len(keys))
    found: list[Suggestion] = []
    for pair in np.argsort(-scores, kind="stable").tolist():
        if len(found) == limit:
            break
        one, two = int(first[pair]), int(second[pair])
        smaller = min(sizes[one], sizes[two])
        if shared[pair] > MOST_SHARED * smaller:
            continue
        # np.unique sorts people before groups.
        other, group = sorted((int(keys[one]), int(keys[two])))
        if (group, other) in answered:
            continue
        person = names[-other] if other < 0 else None
        found.append(Suggestion(group, None if person else other, person, float(scores[pair])))
    return found


def store_suggestions(library: Library, limit: int = STORED, linkage: Linkage | None = None) -> list[Suggestion]:
    """Store the suggestions of now for `list_stored`, which takes milliseconds, and return them."""
    suggested = suggest(library, limit, linkage)
    with library.writing() as connection:
        connection.execute("DELETE FROM suggestion")
        connection.executemany(
            "INSERT INTO suggestion SELECT ?, ?, (SELECT id FROM person WHERE name = ?), ?",
            [(pair.group, pair.other, pair.person, pair.score) for pair in suggested],
        )
    return suggested


def list_stored(connection: sqlite3.Connection) -> list[StoredSuggestion]:
    """Return the stored suggestions that the user has not answered, the most similar first."""
    return [StoredSuggestion(*row) for row in connection.execute(_STORED)]


def _count_pairs(pairs: IntArray, first: IntArray, second: IntArray, clusters: int) -> IntArray:
    """Return how often each pair of `first` and `second`, int (n,), is among pairs, int (pairs, 2): int (n,)."""
    codes = np.sort(pairs, axis=1) @ [clusters, 1]
    wanted = np.minimum(first, second) * clusters + np.maximum(first, second)
    # No pair has the code -1.
    known, counts = np.unique(np.append(codes, -1), return_counts=True)
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[places] == wanted, counts[places], 0)


def _load_named(library: Library) -> tuple[IntArray, IntArray, IntArray, AnyArray]:
    """Return people, photos, times and embeddings of all named faces, as `UnknownFaces.load` does."""
    with library.reading() as connection:
        rows = connection.execute(_NAMED).fetchall()
    numbers = np.array([row[:4] for row in rows], np.int64).reshape(-1, 4)
    data = np.frombuffer(b"".join(row[4] for row in rows), np.float16)
    return numbers[:, 0], numbers[:, 1], numbers[:, 2:], data.reshape(len(rows), -1 if rows else 0)


def _answered(library: Library) -> set[tuple[int, int]]:
    """Return the pairs that the user called different, with the key of a person negative: (larger, smaller)."""
    with library.reading() as connection:
        groups = connection.execute("SELECT other_id, group_id FROM different_group").fetchall()
        people = connection.execute(_REJECTED).fetchall()
    return {*groups, *((group, -person) for group, person in people)}
