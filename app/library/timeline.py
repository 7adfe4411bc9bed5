"""Photos of a library in the order of their dates: the faces of a person, and the photos before and after one.

Pages continue at a position instead of a count, so that the last page is as fast as the first. Newer photos come first,
and photos without a date last.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from app.errors import InvalidParameter
from app.library.browsing import FaceImage
from app.library.search import check_date
from app.vision.faces import Box

PAGE_SIZE = 60
"""Faces on a page."""

_FREQUENT = 20_000
"""Faces from which walking through all photos by date finds a page sooner than sorting the photos of the person."""

_AFTER_ALL = "\x7f"
"""Sorts after every continuation of a date."""

_POSITION = re.compile(r"([0-9T:-]{0,19})~([0-9]{1,10})~([0-9]{1,9})", re.ASCII)
_COLUMNS = """
SELECT face.id, digest, x, y, face.width, face.height, photo.id, number, coalesce(taken, ''), source, distance
"""
_TIME = "coalesce(taken, '')"
# SQLite uses the index for this, and not for a comparison of rows.
_BEYOND = f"{_TIME} {{ahead}}= :taken AND ({_TIME} {{ahead}} :taken OR photo.id {{ahead}} :photo_id OR {{same_photo}})"
_LAST = 10**9
"""Larger than every number of a face."""
_BY_FACE = "FROM face CROSS JOIN photo ON photo.id = face.photo_id"
_BY_DATE = "FROM photo CROSS JOIN face ON face.photo_id = photo.id"


class Position(NamedTuple):
    """A face in the order of all photos: the date of its photo, "" without one, the photo's ID, and its number."""

    taken: str
    photo_id: int
    number: int

    def __str__(self) -> str:
        return f"{self.taken}~{self.photo_id}~{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the position of a text that `str` made, None for another text."""
        found = _POSITION.fullmatch(text)
        return cls(found[1], int(found[2]), int(found[3])) if found else None


@dataclass(frozen=True)
class Filter:
    """Faces of a person to show: in photos of a time, see `search.Criteria`, and those that no user confirmed."""

    since: str = ""
    until: str = ""
    unconfirmed: bool = False

    @classmethod
    def checked(cls, since: str, until: str, unconfirmed: bool) -> Self:
        """Return a filter, or raise `InvalidParameter` for an invalid date."""
        for date in filter(None, (since, until)):
            check_date(date)
        if since and until and until + _AFTER_ALL < since:
            raise InvalidParameter("The first date is after the last one.")
        return cls(since, until, unconfirmed)


@dataclass(frozen=True)
class TimelineFace:
    """A face of a person in a photo of a date, "" without one."""

    image: FaceImage
    photo_id: int
    number: int
    taken: str
    source: str
    distance: float | None

    @property
    def position(self) -> Position:
        """Where the next page begins."""
        return Position(self.taken, self.photo_id, self.number)


@dataclass(frozen=True)
class TimelinePage:
    """Faces of a page, and the positions where the pages with newer and older photos begin, None without any."""

    faces: Sequence[TimelineFace]
    newer: Position | None
    older: Position | None


def read_page(
    connection: sqlite3.Connection,
    person_id: int,
    shown: Filter | None = None,
    after: Position | None = None,
    before: Position | None = None,
    size: int = PAGE_SIZE,
) -> TimelinePage:
    """Return the faces of a person after a position, in the order of the timeline, or before one."""
    shown = shown or Filter()
    backwards = before is not None
    rows = _read_rows(connection, person_id, shown, before or after, backwards, size + 1)
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    start, end = (rows[0].position, rows[-1].position) if rows else (None, None)
    return TimelinePage(
        rows,
        newer=start if (more if backwards else after is not None) else None,
        older=end if (backwards or more) else None,
    )


def _read_rows(
    connection: sqlite3.Connection,
    person_id: int,
    shown: Filter,
    position: Position | None,
    backwards: bool,
    limit: int,
) -> list[TimelineFace]:
    conditions = ["person_id = :person"]
    values: dict[str, str | int] = {"person": person_id, "limit": limit}
    if shown.unconfirmed:
        conditions.append("source = 'automatic'")
    query = f"SELECT count(*) FROM face WHERE {' AND '.join(conditions)}"
    frequent = connection.execute(query, values).fetchone()[0] >= _FREQUENT
    if shown.since or shown.until:
        # A time may have few faces of a frequent person.
        frequent = False
        conditions.append("taken BETWEEN :since AND :until")
        values |= {"since": shown.since, "until": (shown.until or _AFTER_ALL) + _AFTER_ALL}
    ahead, back, order, reverse = _direction(backwards)
    if position:
        same_photo = f"photo.id = :photo_id AND number {back} :number"
        conditions.append(_BEYOND.format(ahead=ahead, same_photo=same_photo))
        values |= position._asdict()
    found = connection.execute(
        f"{_COLUMNS} {_BY_DATE if frequent else _BY_FACE} WHERE {' AND '.join(conditions)} "
        f"ORDER BY {_TIME} {order}, photo.id {order}, number {reverse} LIMIT :limit",
        values,
    )
    return [TimelineFace(FaceImage(row[0], row[1], Box(*row[2:6])), *row[6:]) for row in found]


def find_neighbors(
    connection: sqlite3.Connection, photo_id: int, taken: str | None, person_id: int | None = None
) -> tuple[int | None, int | None]:
    """Return the IDs of the next newer and older photos, of all or of those that show a person."""
    found: list[int | None] = []
    for backwards in (True, False):
        # Before and after all faces of the photo.
        position = Position(taken or "", photo_id, 0 if backwards else _LAST)
        if person_id is not None:
            rows = _read_rows(connection, person_id, Filter(), position, backwards, 1)
            found.append(rows[0].photo_id if rows else None)
            continue
        ahead, _, order, _ = _direction(backwards)
        condition = _BEYOND.format(ahead=ahead, same_photo="FALSE")
        query = f"SELECT id FROM photo WHERE {condition} ORDER BY {_TIME} {order}, id {order} LIMIT 1"
        row = connection.execute(query, position._asdict()).fetchone()
        found.append(row and row[0])
    return found[0], found[1]


def _direction(backwards: bool) -> tuple[str, str, str, str]:
    """Return the operators of later rows and of later faces of a photo, and the orders of photos and of faces."""
    return (">", "<", "ASC", "DESC") if backwards else ("<", ">", "DESC", "ASC")
