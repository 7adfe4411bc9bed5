"""Who is in the gallery: the rows of people and anchors as callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, exists, func, select

from app.errors import PersonNotFound
from app.gallery import embedding_rows, names, shipped
from app.gallery.tables import AnchorRow, CropRow, PersonRow, PortraitRow, RejectedRow

Who = str | int
"""A person as callers mean them: by name, capitals or not, or by id."""

LARGEST_ID = 2**31 - 1
"""Databases cannot even be asked for a larger one."""


@dataclass(frozen=True)
class Person:
    """Someone in the gallery; `anchors` counts theirs, `portrait_sha256` changes when the portrait does.

    `removed` is when they were removed, None for those who are there.
    """

    id: int
    name: str
    anchors: int
    has_portrait: bool
    portrait_sha256: str | None = None
    removed: datetime | None = None


@dataclass(frozen=True, eq=False)
class Anchor:
    """One anchor, or one rejected face: `embedding` is float32 (dims,), `note` says where it came from."""

    id: int
    person: str
    note: str
    created: datetime
    has_crop: bool
    embedding: np.ndarray


def listing():
    """Selects everyone, the removed too, with the anchors that are not removed."""
    own = select(func.count(AnchorRow.id)).where(AnchorRow.person_id == PersonRow.id, AnchorRow.removed.is_(None))
    columns = select(PersonRow.id, PersonRow.name, own.scalar_subquery(), PortraitRow.sha256, PersonRow.removed)
    return columns.outerjoin(PortraitRow, PortraitRow.person_id == PersonRow.id)


def all_of(connection: Connection, condition) -> list[Person]:
    """The people for whom a condition holds."""
    return [
        Person(key, name, count, sha256 is not None, sha256, removed)
        for key, name, count, sha256, removed in connection.execute(listing().where(condition))
    ]


def present(connection: Connection, condition) -> Person | None:
    """The person, not removed, for whom a condition holds, or None."""
    return next(iter(all_of(connection, condition & PersonRow.removed.is_(None))), None)


def named(connection: Connection, name: str) -> Person | None:
    """The person, not removed, with this name, capitals or not; or None."""
    return present(connection, PersonRow.key == names.key(name))


def known(connection: Connection, who: Who) -> Person:
    """The person, not removed, with this name or id.

    Raises:
        PersonNotFound: there is nobody; the message suggests names like the one given.
    """
    if isinstance(who, int):
        person = present(connection, PersonRow.id == who) if who <= LARGEST_ID else None
        if person is None:
            raise PersonNotFound(f"There is nobody with the id {who} in the gallery.")
        return person
    return _known(connection, who)


def _known(connection: Connection, name: str) -> Person:
    person = named(connection, name)
    if person is None:
        close = names.close(name, connection.scalars(select(PersonRow.name).where(PersonRow.removed.is_(None))))
        hint = f"Did you mean {' or '.join(close)}?" if close else "The list of people shows who is there."
        raise PersonNotFound(f"There is nobody called {name.strip()!r} in the gallery. {hint}")
    return person


def added_by_user():
    """Return the condition for people with an anchor that does not come from the shipped gallery."""
    anchor = exists().where(AnchorRow.person_id == PersonRow.id, AnchorRow.removed.is_(None))
    return anchor.where(AnchorRow.note != shipped.NOTE)


def only_shipped():
    """Return the condition for people whose anchors, at least one, all come from the shipped gallery."""
    anchor = exists().where(AnchorRow.person_id == PersonRow.id, AnchorRow.removed.is_(None))
    return anchor & ~added_by_user()


def removed_called(connection: Connection, who: Who) -> list[Person]:
    """Removed people of this name, the last removed first; or the one with this id."""
    same = PersonRow.id == min(who, LARGEST_ID) if isinstance(who, int) else PersonRow.key == names.key(who)
    found = all_of(connection, same & PersonRow.removed.is_not(None))
    return sorted(found, key=lambda person: person.removed, reverse=True)


def anchors_of(connection: Connection, condition) -> list[Anchor]:
    """Anchors of people who are there, for whom a condition holds; by person, the oldest first."""
    cropped = exists().where(CropRow.anchor_id == AnchorRow.id)
    return _faces(connection, AnchorRow, cropped, condition)


def rejected_of(connection: Connection, condition) -> list[Anchor]:
    """Rejected faces of people who are there, for whom a condition holds."""
    return _faces(connection, RejectedRow, None, condition)


def _faces(connection: Connection, table, cropped, condition) -> list[Anchor]:
    columns = [table.id, PersonRow.name, table.note, table.created, table.embedding]
    rows = select(*columns, *([] if cropped is None else [cropped])).join(PersonRow, PersonRow.id == table.person_id)
    there = rows.where(condition, table.removed.is_(None), PersonRow.removed.is_(None))
    return [
        Anchor(
            key,
            name,
            note,
            created,
            bool(rest and rest[0]),
            embedding_rows.from_bytes([blob], embedding_rows.dims_of(blob))[0],
        )
        for key, name, note, created, blob, *rest in connection.execute(there.order_by(table.person_id, table.id))
    ]
