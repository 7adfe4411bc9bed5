"""Queries for people, anchors, rejected faces and imported photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal, select, true

from app.arrays import FloatArray
from app.errors import PersonNotFound
from app.gallery import embedding_rows, names
from app.gallery.tables import AnchorRow, CropRow, FaceRow, ImportedPhotoRow, PersonRow, PortraitRow, RejectedFaceRow

PersonRef = str | int
"""A person's name, in any case, or ID."""

LARGEST_ID = 2**31 - 1
"""PostgreSQL rejects queries for larger integers."""

SHIPPED_NOTE = "shipped"
"""The note of anchors from the shipped gallery."""

Condition = ColumnElement[bool]
IS_PRESENT: Condition = PersonRow.removed.is_(None)
HAS_ANCHOR: Condition = and_(AnchorRow.person_id == PersonRow.id, AnchorRow.removed.is_(None))
HAS_ADDED_ANCHORS: Condition = exists().where(HAS_ANCHOR, AnchorRow.note != SHIPPED_NOTE)
IS_SHIPPED: Condition = exists().where(HAS_ANCHOR) & ~HAS_ADDED_ANCHORS

_COUNT = select(func.count(AnchorRow.id)).where(HAS_ANCHOR).correlate(PersonRow).scalar_subquery()
_PEOPLE = select(PersonRow.id, PersonRow.name, _COUNT, PortraitRow.sha256).outerjoin(
    PortraitRow, PortraitRow.person_id == PersonRow.id
)


@dataclass(frozen=True)
class Person:
    """A person in the gallery: ID, which is never reused, name, number of anchors, and checksum of the portrait."""

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


@dataclass(frozen=True)
class ImportedPhotos:
    """Photos of one person's folder, as SHA-256 digests in hexadecimal: the record holds no names or paths.

    Attributes:
        folder: Identity of the folder.
        photos: Identity and state of each photo, which changes when the file does.
    """

    folder: str
    photos: tuple[str, ...]


def list_people(connection: Connection, condition: Condition = IS_PRESENT) -> list[Person]:
    """Return the people that a condition selects."""
    return [Person(*row) for row in connection.execute(_PEOPLE.where(condition))]


def list_shipped(connection: Connection, removed: bool) -> list[Person]:
    """Return the people whose anchors are all from the shipped gallery, optionally also removed ones."""
    return list_people(connection, IS_SHIPPED if removed else IS_SHIPPED & IS_PRESENT)


def list_removed(connection: Connection, person: PersonRef | None = None) -> list[RemovedPerson]:
    """Return the removed people, or those with a name or ID, the last removed first."""
    condition = true() if person is None else is_person(person)
    rows = _PEOPLE.add_columns(PersonRow.removed).where(condition, ~IS_PRESENT).order_by(PersonRow.removed.desc())
    return [RemovedPerson(*row, removed=removed) for *row, removed in connection.execute(rows)]


def is_person(person: PersonRef) -> Condition:
    """Return the condition for people with a name or ID."""
    if isinstance(person, str):
        return PersonRow.key == names.key(person)
    return PersonRow.id == (person if person <= LARGEST_ID else -1)


def find_person(connection: Connection, person: PersonRef) -> Person | None:
    """Return the person with a name or ID, or None if there is none or they were removed."""
    return next(iter(list_people(connection, is_person(person) & IS_PRESENT)), None)


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
    similar = names.suggest(person, connection.scalars(select(PersonRow.name).where(IS_PRESENT)))
    hint = f"Did you mean {' or '.join(similar)}?" if similar else "Check the list of people."
    raise PersonNotFound(f"The gallery has no person called {person.strip()!r}. {hint}")


def list_anchors(connection: Connection, person: PersonRef | None = None) -> list[Anchor]:
    """Return the anchors of a person, or of all people, by person, the oldest first."""
    return _list_faces(connection, AnchorRow, exists().where(CropRow.anchor_id == AnchorRow.id), person)


def list_rejected_faces(connection: Connection, person: PersonRef | None = None) -> list[Anchor]:
    """Return the rejected faces of a person, or of all people."""
    return _list_faces(connection, RejectedFaceRow, literal(False), person)


def _list_faces(
    connection: Connection, table: type[FaceRow], has_crop: Condition, person: PersonRef | None
) -> list[Anchor]:
    condition = true() if person is None else PersonRow.id == get_person(connection, person).id
    rows = (
        select(table.id, PersonRow.name, table.note, table.created, has_crop, table.embedding)
        .join(PersonRow, PersonRow.id == table.person_id)
        .where(condition, table.removed.is_(None), IS_PRESENT)
        .order_by(table.person_id, table.id)
    )
    return [
        Anchor(key, name, note, created, bool(cropped), embedding_rows.from_bytes([blob])[0])
        for key, name, note, created, cropped, blob in connection.execute(rows)
    ]


def find_imported(connection: Connection, folder: str) -> tuple[Person | None, frozenset[str]]:
    """Return the person enrolled from a folder, under their current name, and the digests of the reviewed photos."""
    rows = select(ImportedPhotoRow.person_id, ImportedPhotoRow.photo).order_by(ImportedPhotoRow.id)
    rows = rows.join(PersonRow, PersonRow.id == ImportedPhotoRow.person_id)
    found = connection.execute(rows.where(ImportedPhotoRow.folder == folder, IS_PRESENT)).all()
    if not found:
        return None, frozenset()
    latest = found[-1].person_id
    return find_person(connection, latest), frozenset(row.photo for row in found if row.person_id == latest)
