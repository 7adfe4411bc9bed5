"""Queries of the pages of unknown groups: the largest groups with examples, and the faces of one.

Counting all unknown faces of a million takes half a second, so groups are sorted by all their members. Those members
that have a name by now are subtracted from the groups of the page alone.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from app.library.browsing import FaceImage
from app.library.groups import IS_UNKNOWN
from app.vision.faces import Box

_CANDIDATES = 50
"""Faces of a group among which the clearest are its examples."""

_SIZES = """
SELECT group_id, count(*) FROM membership WHERE group_id IS NOT NULL GROUP BY group_id
HAVING (count(*), -group_id) < (?, ?) ORDER BY 2 DESC, 1
"""
_MEMBERS = f"FROM membership JOIN face ON face.id = face_id WHERE group_id = ? AND {IS_UNKNOWN}"
_EXAMPLES = f"""
SELECT face.id, digest, x, y, face.width, face.height
FROM (SELECT face.* {_MEMBERS} LIMIT {_CANDIDATES}) AS face JOIN photo ON photo.id = photo_id
ORDER BY norm DESC, face.id LIMIT ?
"""
_FACES = f"""
SELECT face.id, digest, x, y, face.width, face.height, photo.id, taken
FROM (SELECT face.* {_MEMBERS} ORDER BY norm DESC, face.id LIMIT ? OFFSET ?) AS face JOIN photo ON photo.id = photo_id
ORDER BY norm DESC, face.id
"""
_COUNT = f"""
SELECT count(*) FROM unknown_group WHERE EXISTS (
    SELECT 1 FROM membership JOIN face ON face.id = face_id WHERE group_id = unknown_group.id AND {IS_UNKNOWN})
"""
_DATES = f"""
SELECT count(*), count(DISTINCT photo.id), min(taken), max(taken)
FROM membership JOIN face ON face.id = face_id JOIN photo ON photo.id = photo_id WHERE group_id = ? AND {IS_UNKNOWN}
"""
_LARGEST = (1 << 62, 0)
_CURSOR = re.compile(r"([0-9]{1,10})-([0-9]{1,10})")


class GroupTile(NamedTuple):
    """A group with the number of its unknown faces, and its clearest ones."""

    number: int
    faces: int
    examples: Sequence[FaceImage]


class GroupSize(NamedTuple):
    """Numbers of faces and photos of a group, and the dates of the first and last photo."""

    faces: int
    photos: int
    since: str | None
    until: str | None


class GroupFace(NamedTuple):
    """A face of a group, with its photo."""

    image: FaceImage
    photo_id: int
    taken: str | None


class Cursor(NamedTuple):
    """The last group of a page, by members and number. As text, it is a part of the next page's address."""

    members: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the cursor of a text such as `120-7`, None if it is none."""
        found = _CURSOR.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found else None

    def __str__(self) -> str:
        return f"{self.members}-{self.number}"


def list_largest(
    connection: sqlite3.Connection, limit: int, after: Cursor | None = None, examples: int = 3
) -> tuple[list[GroupTile], Cursor | None]:
    """Return the largest groups, or those after a cursor, and the cursor of the next page, None at the end."""
    found: list[GroupTile] = []
    position = None
    start = (after.members, -after.number) if after else _LARGEST
    for number, members in connection.execute(_SIZES, start).fetchall():
        if len(found) == limit:
            break
        faces = connection.execute(f"SELECT count(*) {_MEMBERS}", (number,)).fetchone()[0]
        if faces:
            found.append(GroupTile(number, faces, list_examples(connection, number, examples)))
        position = Cursor(members, number)
    else:
        position = None
    # Most faces of a group may have names by now.
    return sorted(found, key=lambda tile: -tile.faces), position


def count_groups(connection: sqlite3.Connection) -> int:
    """Return the number of groups with an unknown face."""
    return int(connection.execute(_COUNT).fetchone()[0])


def list_examples(connection: sqlite3.Connection, number: int, limit: int) -> list[FaceImage]:
    """Return clear faces of a group."""
    return [_image(row) for row in connection.execute(_EXAMPLES, (number, limit))]


def measure_group(connection: sqlite3.Connection, number: int) -> GroupSize | None:
    """Return the size of a group, None if it has no unknown face."""
    size = GroupSize(*connection.execute(_DATES, (number,)).fetchone())
    return size if size.faces else None


def list_faces(connection: sqlite3.Connection, number: int, limit: int, offset: int) -> list[GroupFace]:
    """Return faces of a group, the clearest first."""
    rows = connection.execute(_FACES, (number, limit, offset))
    return [GroupFace(_image(row), *row[6:]) for row in rows]


def _image(row: Sequence[int | bytes]) -> FaceImage:
    face_id, digest, x, y, width, height = row[:6]
    return FaceImage(face_id, digest, Box(x, y, width, height))  # type: ignore[arg-type]
