"""Opt-out list: people who must never be named or enrolled, by their name, by a face or both.

An entry with the name of a person in the gallery follows the person, also under another name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, literal, select, update

from app.arrays import FloatArray
from app.errors import InvalidRecord, OptedOut, PersonNotFound
from app.gallery import embedding_rows, names
from app.gallery import people as queries
from app.gallery.change_history import Change
from app.gallery.people import Person
from app.gallery.record import NO_RECORD
from app.gallery.tables import AliasRow, OptOutPersonRow, OptOutRow, PersonRow, in_utc

FACE_LISTED = "The face is on the opt-out list: this person asked not to be enrolled."
"""Why a photo is not enrolled."""

_KEYS = select(OptOutRow.key).where(OptOutRow.key.is_not(None))
_HAS_LISTED_ALIAS = PersonRow.id.in_(
    select(AliasRow.person_id).where(AliasRow.key.in_(_KEYS), AliasRow.removed.is_(None))
)
_IS_FOLLOWED = func.coalesce(PersonRow.uuid, "").in_(select(OptOutPersonRow.uuid))
IS_NAMEABLE: ColumnElement[bool] = PersonRow.key.not_in(_KEYS) & ~_HAS_LISTED_ALIAS & ~_IS_FOLLOWED
"""Condition for people of whom no name or alias is on the list, and whom no entry follows."""


@dataclass(frozen=True)
class OptOut:
    """A person on the list. `has_face` is whether they are recognized by a face, and `reference` the operator's.

    `people` are the ID and name of the people in the gallery who are not named because of the name.
    """

    id: int
    name: str | None
    has_face: bool
    reference: str | None
    created: datetime
    people: tuple[tuple[int, str], ...] = ()


def add(
    connection: Connection, name: str | None, embeddings: FloatArray | None = None, reference: str | None = None
) -> OptOut:
    """Add a person by name, by faces, float32 (faces, dims) of unit length, or by both."""
    name = None if name is None else names.clean(name)
    reference = NO_RECORD.change({"reference": reference}).reference or None
    if embeddings is not None:
        queries.check_dims(connection, embeddings)
    faces: Iterable[bytes | None] = [None] if embeddings is None else map(embedding_rows.to_bytes, embeddings)
    if name is None and embeddings is None:
        raise InvalidRecord("Give a name, a photo, or both.")
    rows = [
        {"name": name, "key": name and names.key(name), "embedding": face, "reference": reference} for face in faces
    ]
    ids = connection.scalars(insert(OptOutRow).returning(OptOutRow.id), rows).all()
    follow_people(connection, [name] if name else [])
    _describe(connection, f"added opt-out {ids[0]}")
    return next(entry for entry in list_all(connection) if entry.id == ids[0])


def remove(connection: Connection, opt_out_id: int) -> None:
    """Remove an entry of the list, or raise `PersonNotFound`."""
    if not connection.execute(delete(OptOutRow).where(OptOutRow.id == opt_out_id)).rowcount:
        raise PersonNotFound(f"The opt-out list has no number {opt_out_id}.")
    _describe(connection, f"removed opt-out {opt_out_id}")


def forget_faces(connection: Connection) -> None:
    """Erase the faces of the list, which another network cannot compare. Entries with a name stay."""
    connection.execute(delete(OptOutRow).where(OptOutRow.name.is_(None)))
    connection.execute(update(OptOutRow).values(embedding=None))


def list_all(connection: Connection) -> list[OptOut]:
    """Return the list, the oldest entry first."""
    columns = (OptOutRow.id, OptOutRow.name, OptOutRow.embedding.is_not(None), OptOutRow.reference, OptOutRow.created)
    rows = connection.execute(select(*columns).order_by(OptOutRow.id))
    entries = [OptOut(*row[:2], bool(row[2]), row[3], in_utc(row[4])) for row in rows]
    followed: dict[int, list[tuple[int, str]]] = {}
    people = select(OptOutPersonRow.opt_out_id, PersonRow.id, PersonRow.name)
    people = people.join(PersonRow, PersonRow.uuid == OptOutPersonRow.uuid).where(queries.IS_PRESENT)
    for entry_id, person_id, name in connection.execute(people.order_by(PersonRow.id)):
        followed.setdefault(entry_id, []).append((person_id, name))
    return [replace(entry, people=tuple(followed.get(entry.id, ()))) for entry in entries]


def list_keys(connection: Connection) -> set[str]:
    """Return the keys of the names on the list, and of all names of people who are not nameable."""
    people = queries.list_people(connection, queries.IS_PRESENT & ~IS_NAMEABLE)
    keys = {names.key(name) for person in people for name in person.names}
    return keys.union(key for key in connection.scalars(_KEYS) if key)


def list_followed(connection: Connection) -> set[str]:
    """Return the random IDs of the people whom entries follow, also of removed ones."""
    return set(connection.scalars(select(OptOutPersonRow.uuid)))


def load_faces(connection: Connection) -> FloatArray | None:
    """Return the faces on the list, float32 (faces, dims) of unit length, or None without any."""
    rows = connection.scalars(select(OptOutRow.embedding).where(OptOutRow.embedding.is_not(None))).all()
    return embedding_rows.from_bytes([row for row in rows if row is not None]) if rows else None


def is_nameable(connection: Connection, person_id: int) -> bool:
    """Return whether a person may be named and enrolled."""
    return connection.scalar(select(PersonRow.id).where(PersonRow.id == person_id, IS_NAMEABLE)) is not None


def check_name(connection: Connection, name: str) -> None:
    """Raise `OptedOut` if a name is on the list, or that of a person who is not nameable."""
    person = queries.find_person(connection, name)
    if _is_listed(connection, name) or (person and not is_nameable(connection, person.id)):
        raise OptedOut(f"{name} is on the opt-out list and cannot be enrolled.")


def check_new_names(connection: Connection, person: Person, new_names: Iterable[str]) -> None:
    """Raise `OptedOut` if a nameable person would get a name of the list."""
    listed = next((name for name in new_names if _is_listed(connection, name)), None)
    if listed is not None and is_nameable(connection, person.id):
        raise OptedOut(
            f"{listed} is on the opt-out list. {person.name} would no longer be named. Choose another name, or remove "
            "the entry from the list first."
        )


def check_merge(connection: Connection, source: Person, target: Person) -> None:
    """Raise `OptedOut` if a merge would give the photos of a person on the list to a nameable person."""
    if is_nameable(connection, target.id) and not is_nameable(connection, source.id):
        raise OptedOut(
            f"{source.name} is on the opt-out list, and {target.name} is not. Merge {target.name} into {source.name}: "
            "the entry then holds for both."
        )


def check_move(connection: Connection, owners: Iterable[Person], target: Person) -> None:
    """Raise `OptedOut` if photos of a person on the list would become those of a nameable person."""
    listed = next((owner for owner in owners if not is_nameable(connection, owner.id)), None)
    if listed is not None and is_nameable(connection, target.id):
        raise OptedOut(
            f"{listed.name} is on the opt-out list, and {target.name} is not. Remove the reference photos of "
            f"{listed.name} instead."
        )


def follow_people(connection: Connection, people_names: Iterable[str] | None = None) -> None:
    """Let the entries with some names, by default all, follow the people with these names, also removed ones.

    Call it before a person loses a name.
    """
    entries = select(OptOutRow.id, OptOutRow.name).where(OptOutRow.key.is_not(None))
    if people_names is not None:
        entries = entries.where(OptOutRow.key.in_([names.key(name) for name in people_names]))
    for entry_id, listed in connection.execute(entries).all():
        called = str(listed)
        found = queries.find_person(connection, called)
        people = [*([found] if found else []), *queries.list_removed(connection, called)]
        known = select(OptOutPersonRow.uuid).where(OptOutPersonRow.opt_out_id == entry_id)
        uuids = select(literal(entry_id), PersonRow.uuid).where(
            PersonRow.id.in_([person.id for person in people]),
            PersonRow.uuid.is_not(None),
            PersonRow.uuid.not_in(known),
        )
        connection.execute(insert(OptOutPersonRow).from_select(["opt_out_id", "uuid"], uuids))


def _is_listed(connection: Connection, name: str) -> bool:
    return connection.scalar(select(OptOutRow.id).where(OptOutRow.key == names.key(name)).limit(1)) is not None


def _describe(connection: Connection, text: str) -> None:
    # All snapshots load the list again.
    Change(connection, reversible=False, whole=True).describe(text)
