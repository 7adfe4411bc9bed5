"""Queries for people, anchors and rejected faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, exists, func, literal, select

from app.arrays import FloatArray
from app.errors import PersonNotFound
from app.gallery import embedding_rows, names, shipped
from app.gallery.tables import AnchorRow, CropRow, PersonRow, PortraitRow, RejectedFaceRow

PersonRef = str | int
"""A person's name, in any case, or ID."""

LARGEST_ID = 2**31 - 1
"""PostgreSQL rejects queries for larger integers."""

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Person:
    """A person in the gallery.

    Attributes:
        id: The ID, which is never reused.
        name: The name.
        anchors: The number of anchors.
        portrait_sha256: Checksum of the portrait, None without a portrait.
    """

    id: int
    name: str
    anchors: int
    portrait_sha256: str | None = None

    @property
    def has_portrait(self) -> bool:
        """Whether the person has a portrait."""
        return self.portrait_sha256 is not None


@dataclass(frozen=True)
class RemovedPerson(Person):
    """A removed person, who can be restored until `FACES_RECOVERY_DAYS` after `removed` (UTC)."""

    removed: datetime = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class Anchor:
    """An anchor or a rejected face: `embedding` is float32 (dims,) of unit length, `note` its file name."""

    id: int
    person: str
    note: str
    created: datetime
    has_crop: bool
    embedding: FloatArray


def list_people(connection: Connection, condition: Condition) -> list[Person]:
    """Return the people that a condition selects, removed ones included."""
    rows = connection.execute(_people().where(condition))
    return [Person(person_id, name, anchors, sha256) for person_id, name, anchors, sha256 in rows]


def list_removed(connection: Connection, condition: Condition) -> list[RemovedPerson]:
    """Return the removed people that a condition selects, the last removed first."""
    rows = _people().add_columns(PersonRow.removed).where(condition, PersonRow.removed.is_not(None))
    found = connection.execute(rows.order_by(PersonRow.removed.desc())).all()
    return [RemovedPerson(*row, removed=removed) for *row, removed in found]


def find_person(connection: Connection, person: PersonRef) -> Person | None:
    """Return the person with a name or ID, or None if there is none or they were removed."""
    found = list_people(connection, _is(person) & PersonRow.removed.is_(None))
    return found[0] if found else None


def get_person(connection: Connection, person: PersonRef) -> Person:
    """Return the person with a name or ID.

    Raises:
        PersonNotFound: There is none, or they were removed. The message suggests similar names.
    """
    found = find_person(connection, person)
    if found is not None:
        return found
    if isinstance(person, int):
        raise PersonNotFound(f"The gallery has no person with the ID {person}.")
    similar = names.suggest(person, connection.scalars(select(PersonRow.name).where(PersonRow.removed.is_(None))))
    hint = f"Did you mean {' or '.join(similar)}?" if similar else "Check the list of people."
    raise PersonNotFound(f"The gallery has no person called {person.strip()!r}. {hint}")


def find_removed(connection: Connection, person: PersonRef) -> list[RemovedPerson]:
    """Return the removed people with a name or ID, the last removed first."""
    return list_removed(connection, _is(person))


def has_added_anchors() -> Condition:
    """Return the condition for people with an anchor that is not from the shipped gallery."""
    return _has_anchors(AnchorRow.note != shipped.NOTE)


def is_shipped() -> Condition:
    """Return the condition for people with anchors, all of them from the shipped gallery."""
    return _has_anchors() & ~has_added_anchors()


def list_anchors(connection: Connection, condition: Condition) -> list[Anchor]:
    """Return the anchors of the people that a condition selects, by person, the oldest first."""
    return _list_faces(connection, AnchorRow, exists().where(CropRow.anchor_id == AnchorRow.id), condition)


def list_rejected_faces(connection: Connection, condition: Condition) -> list[Anchor]:
    """Return the rejected faces of the people that a condition selects."""
    return _list_faces(connection, RejectedFaceRow, literal(False), condition)


def _people() -> Select[int, str, int, str | None]:
    anchors = select(func.count(AnchorRow.id)).where(AnchorRow.person_id == PersonRow.id, AnchorRow.removed.is_(None))
    columns = select(PersonRow.id, PersonRow.name, anchors.scalar_subquery(), PortraitRow.sha256)
    return columns.outerjoin(PortraitRow, PortraitRow.person_id == PersonRow.id)


def _is(person: PersonRef) -> Condition:
    if isinstance(person, str):
        return PersonRow.key == names.key(person)
    return PersonRow.id == (person if person <= LARGEST_ID else -1)


def _has_anchors(*conditions: Condition) -> Condition:
    return exists().where(AnchorRow.person_id == PersonRow.id, AnchorRow.removed.is_(None), *conditions)


def _list_faces(
    connection: Connection,
    table: type[AnchorRow] | type[RejectedFaceRow],
    has_crop: Condition,
    condition: Condition,
) -> list[Anchor]:
    rows = (
        select(table.id, PersonRow.name, table.note, table.created, has_crop, table.embedding)
        .join(PersonRow, PersonRow.id == table.person_id)
        .where(condition, table.removed.is_(None), PersonRow.removed.is_(None))
        .order_by(table.person_id, table.id)
    )
    return [
        Anchor(key, name, note, created, bool(cropped), embedding_rows.from_bytes([blob])[0])
        for key, name, note, created, cropped, blob in connection.execute(rows)
    ]


def stack(anchors: list[Anchor]) -> FloatArray:
    """Return embeddings as float32 (anchors, dims), (0, 0) without anchors."""
    return np.stack([anchor.embedding for anchor in anchors]) if anchors else np.zeros((0, 0), np.float32)
