"""Queue of what is worth a decision: ambiguous faces, pairs that may be one person, and the least certain names.

The position in the queue is that of the last item, so that items that the user skipped do not return in a session.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple, Self

from app.errors import LibraryError
from app.library import decisions, group_naming, groups, suggestions
from app.library.browsing import FaceImage
from app.library.store import Library
from app.library.suggestions import StoredSuggestion
from app.vision.faces import Box

AMBIGUOUS, PAIRS, NAMES = "ambiguous", "pairs", "names"
KINDS = (AMBIGUOUS, PAIRS, NAMES)
"""Kinds of items, in the order of the queue."""

DOUBTFUL = 0.9
"""Automatic names are in the queue from this share of the largest class distance of all when a session starts."""
MOST = 1000
"""Items of a kind that are counted."""

_POSITION = re.compile(rf"({'|'.join(KINDS)})_(-?[0-9]{{1,9}}(?:\.[0-9]{{1,20}})?(?:e-[0-9]{{1,3}})?)_([0-9]{{1,10}})")

_FACE = """
SELECT face.id, digest, x, y, face.width, face.height, photo.id, taken, person.id, person.name, distance
FROM face JOIN photo ON photo.id = photo_id JOIN person ON person.id = {person}
WHERE verdict = '{verdict}' AND source = 'automatic' AND {condition}
"""
_AMBIGUOUS = _FACE.format(
    person="candidate_id", verdict="ambiguous", condition="(distance, face.id) > (?, ?) ORDER BY distance, face.id"
)
_NAMES = _FACE.format(
    person="person_id",
    verdict="match",
    condition="distance >= ? AND (distance, face.id) < (?, ?) ORDER BY distance DESC, face.id DESC",
)
_LARGEST = "SELECT max(distance) FROM face WHERE verdict = 'match' AND source = 'automatic'"
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM face WHERE {} LIMIT ?)"


class Position(NamedTuple):
    """A place in the queue: the kind of an item, and two numbers that sort those of the kind."""

    kind: str
    first: float
    second: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the position of a text such as `names_0.31_7`, None if it is none."""
        found = _POSITION.fullmatch(text)
        return cls(found[1], float(found[2]), int(found[3])) if found else None

    def __str__(self) -> str:
        return f"{self.kind}_{self.first!r}_{self.second}"


@dataclass(frozen=True)
class FaceQuestion:
    """Does a face show a person? `is_named` is whether it has the name now, and `distance` its class distance."""

    position: Position
    image: FaceImage
    photo_id: int
    taken: str | None
    person_id: int
    person: str
    distance: float

    @property
    def is_named(self) -> bool:
        """Whether the face has the name now."""
        return self.position.kind == NAMES


@dataclass(frozen=True)
class PairQuestion:
    """Is a group the same person as another group, or as a person?"""

    position: Position
    pair: StoredSuggestion


Question = FaceQuestion | PairQuestion


def least_doubtful(connection: sqlite3.Connection) -> float:
    """Return the class distance from which automatic names are in the queue of a session that starts now.

    Answers remove the largest distances. A session keeps this one, so that they do not add questions.
    """
    return DOUBTFUL * float(connection.execute(_LARGEST).fetchone()[0] or 0.0)


def list_questions(
    connection: sqlite3.Connection, kinds: Sequence[str], limit: int, least: float, after: Position | None = None
) -> list[Question]:
    """Return the first questions of some kinds, or those after a position. `least` is that of `least_doubtful`."""
    start = KINDS.index(after.kind) if after else 0
    remaining = [kind for kind in KINDS[start:] if kind in kinds]
    found = chain.from_iterable(
        _questions(connection, kind, least, after if after and kind == after.kind else None) for kind in remaining
    )
    return list(islice(found, limit))


def count_questions(connection: sqlite3.Connection, least: float) -> dict[str, int]:
    """Return the number of questions by kind, at most `MOST`. `least` is that of `least_doubtful`."""
    ambiguous = "verdict = 'ambiguous' AND source = 'automatic' AND candidate_id IS NOT NULL"
    doubtful = "verdict = 'match' AND source = 'automatic' AND distance >= ?"
    return {
        AMBIGUOUS: connection.execute(_COUNT.format(ambiguous), (MOST,)).fetchone()[0],
        PAIRS: len(suggestions.list_stored(connection)),
        NAMES: connection.execute(_COUNT.format(doubtful), (least, MOST)).fetchone()[0],
    }


def answer_face(library: Library, face_id: int, person_id: int, yes: bool) -> str:
    """Confirm or reject a person for a face, and return the person's name.

    Raises:
        LibraryError: the face has another name or candidate by now.
    """
    query = """
    SELECT name FROM face JOIN person ON person.id = iif(verdict = 'match', person_id, candidate_id)
    WHERE face.id = ? AND person.id = ? AND source = 'automatic'
    """
    record = decisions.confirm_faces if yes else decisions.reject_faces
    with decisions.deciding(library, "confirm" if yes else "reject", faces=1) as change:
        found = change.connection.execute(query, (face_id, person_id)).fetchone()
        if not found:
            raise LibraryError("The face was decided or named again meanwhile.")
        change.person_id = person_id
        record(change.connection, [face_id], person_id)
    return str(found[0])


def answer_pair(library: Library, group: int, other: int | None, person_id: int | None, yes: bool) -> str:
    """Answer whether a group is another group or a person, and return the other's name.

    Yes merges groups, the smaller into the larger, or confirms all faces of the group, without enrolling them.

    Raises:
        LibraryError: the pair was answered, or a group named or merged by now.
    """
    with library.reading() as connection:
        pairs = {(pair.group, pair.other, pair.person_id): pair for pair in suggestions.list_stored(connection)}
    pair = pairs.get((group, other, person_id))
    if pair is None:
        raise LibraryError("The pair was answered, or the groups changed meanwhile.")
    if pair.other is None:
        name = str(pair.person)
        if yes:
            group_naming.confirm_group(library, group, name)
        else:
            decisions.reject(library, groups.members(library, group), name, group)
        return name
    if yes:
        sizes = {number: len(groups.members(library, number)) for number in (group, pair.other)}
        smaller, larger = sorted(sizes, key=lambda number: (sizes[number], -number))
        groups.merge_groups(library, smaller, larger)
    else:
        groups.keep_apart(library, group, pair.other)
    return f"group {pair.other}"


def _questions(connection: sqlite3.Connection, kind: str, least: float, after: Position | None) -> Iterator[Question]:
    if kind == PAIRS:
        for pair in suggestions.list_stored(connection):
            position = Position(PAIRS, -pair.score, pair.group)
            if after is None or position > after:
                yield PairQuestion(position, pair)
    elif kind == AMBIGUOUS:
        start = (after.first, after.second) if after else (-1.0, 0)
        yield from _faces(kind, connection.execute(_AMBIGUOUS, start))
    else:
        start = (after.first, after.second) if after else (2.0, 0)
        yield from _faces(kind, connection.execute(_NAMES, (least, *start)))


def _faces(kind: str, rows: sqlite3.Cursor) -> Iterator[FaceQuestion]:
    for face_id, digest, x, y, width, height, *rest in rows:
        position = Position(kind, rest[-1], face_id)
        yield FaceQuestion(position, FaceImage(face_id, digest, Box(x, y, width, height)), *rest)
