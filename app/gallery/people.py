"""People, faces, portraits and imported photos in the database: queries and inserts."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, literal, select, true, union_all
from sqlalchemy.orm import aliased

from app import text
from app.arrays import FloatArray
from app.errors import InvalidEmbeddings, PersonNotFound
from app.gallery import embedding_rows, names
from app.gallery.change_history import Change
from app.gallery.name_search import suggest
from app.gallery.record import NO_RECORD, Record
from app.gallery.tables import (
    AliasRow,
    AnchorRow,
    CropRow,
    FaceRow,
    ImportedPhotoRow,
    PersonRow,
    PortraitRow,
    RejectedFaceRow,
    in_utc,
)

PersonRef = str | int
"""A person's name or alias, in any case, or ID."""

LARGEST_ID = 2**31 - 1
"""PostgreSQL rejects queries for larger integers."""

SHIPPED_NOTE = "shipped"
"""The note of anchors from the shipped gallery."""

Condition = ColumnElement[bool]
IS_PRESENT: Condition = PersonRow.removed.is_(None)
HAS_ANCHOR: Condition = and_(AnchorRow.person_id == PersonRow.id, AnchorRow.removed.is_(None))
_HAS_ADDED_ANCHORS = exists().where(HAS_ANCHOR, AnchorRow.note != SHIPPED_NOTE)

RECORD_COLUMNS = {
    "source": PersonRow.source,
    "basis": PersonRow.basis,
    "reference": PersonRow.reference,
    "date": PersonRow.basis_date,
    "expires": PersonRow.expires,
}
"""Columns of the fields of a `Record`."""

_COUNT = select(func.count(AnchorRow.id)).where(HAS_ANCHOR).correlate(PersonRow).scalar_subquery()
_PEOPLE = select(PersonRow.id, PersonRow.name, _COUNT, PortraitRow.sha256, *RECORD_COLUMNS.values()).outerjoin(
    PortraitRow, PortraitRow.person_id == PersonRow.id
)


@dataclass(frozen=True)
class Person:
    """A person in the gallery.

    `id` is never reused, `portrait_sha256` is the checksum of the portrait, and `aliases` are sorted.
    """

    id: int
    name: str
    anchors: int
    portrait_sha256: str | None = None
    aliases: tuple[str, ...] = ()
    record: Record = NO_RECORD

    @property
    def names(self) -> tuple[str, ...]:
        """Name and aliases."""
        return self.name, *self.aliases

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

    A photo's digest covers its identity and state, so it changes when the file does.
    """

    folder: str
    photos: tuple[str, ...]


def list_people(connection: Connection, condition: Condition = IS_PRESENT) -> list[Person]:
    """Return the people that a condition selects."""
    aliases = _find_aliases(connection, condition)
    return [
        Person(person_id, name, anchors, portrait, aliases.get(person_id, ()), _record(record))
        for person_id, name, anchors, portrait, *record in connection.execute(_PEOPLE.where(condition))
    ]


def list_shipped(connection: Connection, removed: bool = False) -> list[Person]:
    """Return the people whose anchors are all from the shipped gallery, optionally also removed ones."""
    condition = exists().where(HAS_ANCHOR) & ~_HAS_ADDED_ANCHORS
    return list_people(connection, condition if removed else condition & IS_PRESENT)


def list_added(connection: Connection) -> list[Person]:
    """Return the people with an anchor that is not from the shipped gallery."""
    return list_people(connection, _HAS_ADDED_ANCHORS & IS_PRESENT)


def list_removed(connection: Connection, person: PersonRef | None = None) -> list[RemovedPerson]:
    """Return the removed people, or those with a name or ID, the last removed first."""
    condition = ~IS_PRESENT if person is None else _is_person(person, present=False)
    rows = _PEOPLE.add_columns(PersonRow.removed).where(condition).order_by(PersonRow.removed.desc())
    aliases = _find_aliases(connection, condition)
    return [
        RemovedPerson(
            person_id, name, anchors, portrait, aliases.get(person_id, ()), _record(record), removed=in_utc(removed)
        )
        for person_id, name, anchors, portrait, *record, removed in connection.execute(rows)
    ]


def _record(columns: Sequence[str | None]) -> Record:
    return Record.from_columns(columns) if any(columns) else NO_RECORD


def _find_aliases(connection: Connection, condition: Condition) -> dict[int, tuple[str, ...]]:
    """Return the aliases, sorted, of the people that a condition selects and who have any, by ID."""
    columns = select(AliasRow.person_id, AliasRow.name).join(PersonRow, PersonRow.id == AliasRow.person_id)
    found: dict[int, list[str]] = {}
    for person_id, alias in connection.execute(columns.where(condition, AliasRow.removed.is_(None))):
        found.setdefault(person_id, []).append(alias)
    return {person_id: tuple(sorted(aliases, key=names.sort_key)) for person_id, aliases in found.items()}


def _is_person(person: PersonRef, present: bool = True) -> Condition:
    """Return the condition for people with a name, alias or ID who are in the gallery, or were removed."""
    state = IS_PRESENT if present else ~IS_PRESENT
    if isinstance(person, int):
        return (PersonRow.id == (person if person <= LARGEST_ID else -1)) & state
    # A condition with OR would read all people instead of the indices.
    named = aliased(PersonRow)
    removed = named.removed.is_(None) if present else named.removed.is_not(None)
    by_name = select(named.id).where(named.key == names.key(person), removed)
    by_alias = select(AliasRow.person_id).where(AliasRow.key == names.key(person), AliasRow.removed.is_(None))
    return PersonRow.id.in_(union_all(by_name, by_alias)) & state


def find_person(connection: Connection, person: PersonRef) -> Person | None:
    """Return the person with a name or ID, or None if there is none or they were removed."""
    return next(iter(list_people(connection, _is_person(person))), None)


def get_person(connection: Connection, person: PersonRef) -> Person:
    """Return the person with a name or ID, or raise `PersonNotFound`, which suggests similar names."""
    found = find_person(connection, person)
    if found is not None:
        return found
    if isinstance(person, int):
        raise PersonNotFound(f"The gallery has no person with the ID {person}.")
    aliases = _find_aliases(connection, IS_PRESENT)
    everyone = connection.execute(select(PersonRow.id, PersonRow.name).where(IS_PRESENT))
    similar = suggest(person, [(name, *aliases.get(person_id, ())) for person_id, name in everyone])
    hint = f"Did you mean {text.alternatives(similar)}?" if similar else "Check the list of people."
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


def find_portrait(connection: Connection, person: PersonRef) -> bytes | None:
    """Return a person's portrait as WebP, or None without a portrait."""
    return connection.scalar(select(PortraitRow.webp).join(PersonRow).where(_is_person(person)))


def find_crop(connection: Connection, anchor_id: int) -> bytes | None:
    """Return the face crop of an anchor in the gallery as WebP, or None if it was not kept."""
    owned = select(CropRow.webp).join(AnchorRow, AnchorRow.id == CropRow.anchor_id)
    return connection.scalar(owned.join(PersonRow, and_(HAS_ANCHOR, IS_PRESENT)).where(AnchorRow.id == anchor_id))


def find_imported(connection: Connection, folder: str) -> tuple[Person | None, frozenset[str]]:
    """Return the person enrolled from a folder, under their current name, and the digests of the reviewed photos."""
    rows = select(ImportedPhotoRow.person_id, ImportedPhotoRow.photo).order_by(ImportedPhotoRow.id)
    rows = rows.join(PersonRow, PersonRow.id == ImportedPhotoRow.person_id)
    found = connection.execute(rows.where(ImportedPhotoRow.folder == folder, IS_PRESENT)).all()
    if not found:
        return None, frozenset()
    latest = found[-1].person_id
    return find_person(connection, latest), frozenset(row.photo for row in found if row.person_id == latest)


def insert_person(
    connection: Connection, name: str, change: Change | None = None, record: Record = NO_RECORD, uuid: str = ""
) -> int:
    """Insert a person, by default with a new `uuid`, and return the ID."""
    values = person_values(name, change, record) | ({"uuid": uuid} if uuid else {})
    return connection.scalars(insert(PersonRow).values(values).returning(PersonRow.id)).one()


def person_values(name: str, change: Change | None = None, record: Record = NO_RECORD) -> dict[str, Any]:
    """Return a row of `PersonRow`, which gets a new `uuid`."""
    values = {"name": name, "key": names.key(name), "revision_id": change and change.id}
    return values | {RECORD_COLUMNS[field].key: value or None for field, value in record.fields().items()}


def replace_portrait(connection: Connection, person_id: int, webp: bytes, change: Change) -> None:
    """Set a person's portrait, and keep the former one for undo."""
    change.keep_portrait(person_id)
    connection.execute(delete(PortraitRow).where(PortraitRow.person_id == person_id))
    connection.execute(insert(PortraitRow).values(portrait_values(person_id, webp)))


def record_imported(connection: Connection, person_id: int, imported: ImportedPhotos) -> None:
    """Add photos to a person's record. Photos that are recorded already are skipped."""
    owner = {"person_id": person_id, "folder": imported.folder}
    known = set(connection.scalars(select(ImportedPhotoRow.photo).filter_by(**owner)))
    rows = [owner | {"photo": photo} for photo in imported.photos if photo not in known]
    if rows:
        connection.execute(insert(ImportedPhotoRow), rows)


def record_import(connection: Connection, person: PersonRef, imported: ImportedPhotos) -> None:
    """Record folder photos that an import reviewed without enrolling any of them."""
    record_imported(connection, get_person(connection, person).id, imported)


def portrait_values(person_id: int, webp: bytes) -> dict[str, Any]:
    """Return a row of `PortraitRow`."""
    return {"person_id": person_id, "webp": webp, "sha256": hashlib.sha256(webp).hexdigest()}


def face_values(
    person_id: int, embeddings: FloatArray, notes: Iterable[str], change: Change | None = None
) -> list[dict[str, Any]]:
    """Return rows of `AnchorRow` or `RejectedFaceRow` for float32 (faces, dims)."""
    # File names can hold bytes that are not text, which databases reject.
    return [
        {
            "person_id": person_id,
            "embedding": embedding_rows.to_bytes(row),
            "note": note[:500].encode("utf-8", "replace").decode().replace("\0", "?"),
            "revision_id": change and change.id,
        }
        for row, note in zip(embeddings, notes, strict=True)
    ]


def check_dims(connection: Connection, embeddings: FloatArray) -> None:
    """Check that embeddings have as many dimensions as the gallery's, or raise `InvalidEmbeddings`."""
    stored = connection.scalar(select(AnchorRow.embedding).limit(1))
    dims = embeddings.shape[1] if stored is None else embedding_rows.from_bytes([stored]).shape[1]
    if len(embeddings) and embeddings.shape[1] != dims:
        raise InvalidEmbeddings(
            f"Expected embeddings of {dims} dimensions, got {embeddings.shape[1]}. They come from another network."
        )


def insert_faces(
    connection: Connection,
    table: type[FaceRow],
    person_id: int,
    embeddings: FloatArray,
    notes: Iterable[str],
    change: Change | None = None,
) -> Sequence[int]:
    """Insert anchors or rejected faces of a person, float32 (faces, dims) of unit length, and return their IDs."""
    rows = face_values(person_id, embeddings, notes, change)
    if not rows:
        return []
    return connection.scalars(insert(table).returning(table.id, sort_by_parameter_order=True), rows).all()


def insert_crops(connection: Connection, anchor_ids: Iterable[int], crops: Iterable[bytes | None]) -> None:
    """Insert the face crops of anchors as WebP, apart from those that are None."""
    rows = [{"anchor_id": key, "webp": webp} for key, webp in zip(anchor_ids, crops, strict=True) if webp is not None]
    if rows:
        connection.execute(insert(CropRow), rows)
