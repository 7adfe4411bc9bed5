"""Photos of a library in the order of their dates: all, those of a person or of unknown people, and neighbors.

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
"""Faces or photos on a page."""

_FREQUENT = 20_000
"""Faces from which walking through all photos by date finds a page sooner than sorting the photos of the person."""

_AFTER_ALL = "\x7f"
"""Sorts after every continuation of a date."""

_POSITION = re.compile(r"([0-9T:-]{0,19})~([0-9]{1,10})~([0-9]{1,9})", re.ASCII)
_TIME = "coalesce(taken, '')"
# SQLite uses the index for this, and not for a comparison of rows.
_BEYOND = f"{_TIME} {{ahead}}= :taken AND ({_TIME} {{ahead}} :taken OR photo.id {{ahead}} :photo_id OR {{same_photo}})"
_LAST = 10**9
"""Larger than every number of a face."""
_FACES = f"""
SELECT photo.id, number, {_TIME}, digest, duration, source, face.id, x, y, face.width, face.height
"""
_PHOTOS = f"SELECT photo.id, 0, {_TIME}, digest, duration, '' FROM photo"
_BY_FACE = "FROM face CROSS JOIN photo ON photo.id = face.photo_id"
_BY_DATE = "FROM photo CROSS JOIN face ON face.photo_id = photo.id"
_WITH = "EXISTS (SELECT 1 FROM face AS other WHERE other.photo_id = photo.id AND +other.person_id = {})"


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
class Selection:
    """What a timeline shows: the faces of a person, those of unknown people, or all photos.

    Args:
        person_id: The person.
        unknown: Show faces of unknown people.
        unconfirmed: Show faces only that no user confirmed.
        others: People who are also in the photo.
        since: Beginning of a date; the first one shown. "" shows photos without a date, too, unless `until` is given.
        until: The last one.
    """

    person_id: int | None = None
    unknown: bool = False
    unconfirmed: bool = False
    others: tuple[int, ...] = ()
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        for date in filter(None, (self.since, self.until)):
            check_date(date)
        if self.since and self.until and self.until + _AFTER_ALL < self.since:
            raise InvalidParameter("The first date is after the last one.")

    @property
    def of_faces(self) -> bool:
        """Whether the timeline shows faces instead of photos."""
        return self.person_id is not None or self.unknown


class Entry(NamedTuple):
    """A photo of a timeline, and the face that it shows, None for photos.

    `duration` are the seconds of a video. `taken` is "" without a date.
    """

    position: Position
    digest: bytes | None
    duration: float | None
    source: str
    face: FaceImage | None

    @property
    def photo_id(self) -> int:
        """The photo."""
        return self.position.photo_id

    @property
    def taken(self) -> str:
        """The date of the photo."""
        return self.position.taken


@dataclass(frozen=True)
class TimelinePage:
    """Entries of a page, and the positions where the pages with newer and older photos begin, None without any."""

    entries: Sequence[Entry]
    newer: Position | None
    older: Position | None


def read_page(
    connection: sqlite3.Connection,
    selection: Selection,
    after: Position | None = None,
    before: Position | None = None,
    size: int = PAGE_SIZE,
) -> TimelinePage:
    """Return the entries after a position, in the order of the timeline, or before one."""
    backwards = before is not None
    entries = _read(connection, selection, before or after, backwards, size + 1)
    more = len(entries) > size
    entries = entries[:size]
    if backwards:
        entries.reverse()
    start, end = (entries[0].position, entries[-1].position) if entries else (None, None)
    return TimelinePage(
        entries,
        newer=start if (more if backwards else after is not None) else None,
        older=end if (backwards or more) else None,
    )


def find_neighbors(
    connection: sqlite3.Connection, photo_id: int, taken: str | None, person_id: int | None = None
) -> tuple[int | None, int | None]:
    """Return the IDs of the next newer and older photos, of all or of those that show a person."""
    selection = Selection(person_id)
    # Before and after all faces of the photo.
    newer = _read(connection, selection, Position(taken or "", photo_id, 0), True, 1)
    older = _read(connection, selection, Position(taken or "", photo_id, _LAST), False, 1)
    return newer[0].photo_id if newer else None, older[0].photo_id if older else None


def _read(
    connection: sqlite3.Connection, selection: Selection, position: Position | None, backwards: bool, limit: int
) -> list[Entry]:
    conditions, values = _conditions(selection)
    tables = _tables(connection, selection, conditions, values)
    ahead, back = (">", "<") if backwards else ("<", ">")
    order, reverse = ("ASC", "DESC") if backwards else ("DESC", "ASC")
    if position:
        same_photo = f"photo.id = :photo_id AND number {back} :number" if selection.of_faces else "FALSE"
        conditions.append(_BEYOND.format(ahead=ahead, same_photo=same_photo))
        values |= position._asdict()
    if selection.since or selection.until:
        conditions.append(f"{_TIME} BETWEEN :since AND :until")
        values |= {"since": selection.since or "0", "until": (selection.until or _AFTER_ALL) + _AFTER_ALL}
    by_number = f", number {reverse}" if selection.of_faces else ""
    rows = connection.execute(
        f"{tables} WHERE {' AND '.join(conditions) or 'TRUE'} "
        f"ORDER BY {_TIME} {order}, photo.id {order}{by_number} LIMIT :limit",
        values | {"limit": limit},
    )
    return [_entry(*row) for row in rows]


def _conditions(selection: Selection) -> tuple[list[str], dict[str, str | int]]:
    """Return the conditions of the faces, and the values of their parameters."""
    conditions, values = [], dict[str, str | int]()
    if selection.person_id is not None:
        conditions.append("person_id = :person")
        values["person"] = selection.person_id
    elif selection.unknown:
        conditions.append("verdict = 'unknown'")
    if selection.unconfirmed:
        conditions.append("source = 'automatic'")
    for number, other in enumerate(selection.others):
        conditions.append(_WITH.format(f":other{number}"))
        values[f"other{number}"] = other
    return conditions, values


def _tables(
    connection: sqlite3.Connection, selection: Selection, conditions: Sequence[str], values: dict[str, str | int]
) -> str:
    """Return the beginning of the query, with the order in which it reads the tables."""
    if not selection.of_faces:
        return _PHOTOS
    if selection.unknown:
        return _FACES + _BY_DATE
    # A time, or together with others, a frequent person can be rare.
    if selection.since or selection.until or selection.others:
        return _FACES + _BY_FACE
    query = f"SELECT count(*) FROM (SELECT 1 FROM face WHERE {' AND '.join(conditions)} LIMIT {_FREQUENT})"
    frequent = connection.execute(query, values).fetchone()[0] == _FREQUENT
    return _FACES + (_BY_DATE if frequent else _BY_FACE)


def _entry(
    photo_id: int,
    number: int,
    taken: str,
    digest: bytes | None,
    duration: float | None,
    source: str,
    face: int | None = None,
    *box: int,
) -> Entry:
    image = None if face is None else FaceImage(face, digest, Box(*box))
    return Entry(Position(taken, photo_id, number), digest, duration, source, image)
