"""Opt-out list: people who must never be named or enrolled, by their name, by a face or both."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from app.arrays import FloatArray
from app.errors import InvalidRecord, OptedOut, PersonNotFound
from app.gallery import embedding_rows, names
from app.gallery import people as queries
from app.gallery.change_history import Change
from app.gallery.tables import AliasRow, OptOutRow, PersonRow, in_utc

_KEYS = select(OptOutRow.key).where(OptOutRow.key.is_not(None))
IS_NAMEABLE: ColumnElement[bool] = PersonRow.key.not_in(_KEYS) & PersonRow.id.not_in(
    select(AliasRow.person_id).where(AliasRow.key.in_(_KEYS), AliasRow.removed.is_(None))
)
"""Condition for people of whom no name or alias is on the list."""


@dataclass(frozen=True)
class OptOut:
    """A person on the list. `has_face` is whether they are recognized by a face, and `reference` the operator's."""

    id: int
    name: str | None
    has_face: bool
    reference: str | None
    created: datetime


def add(
    connection: Connection, name: str | None, embeddings: FloatArray | None = None, reference: str | None = None
) -> OptOut:
    """Add a person by name, by faces, float32 (faces, dims) of unit length, or by both."""
    name = None if name is None else names.clean(name)
    if embeddings is not None:
        queries.check_dims(connection, embeddings)
    faces: Iterable[bytes | None] = [None] if embeddings is None else map(embedding_rows.to_bytes, embeddings)
    if name is None and embeddings is None:
        raise InvalidRecord("Give a name, a photo, or both.")
    rows = [
        {"name": name, "key": name and names.key(name), "embedding": face, "reference": reference} for face in faces
    ]
    first = connection.scalars(insert(OptOutRow).returning(OptOutRow.id), rows).all()[0]
    _describe(connection, f"added opt-out {first}")
    return next(entry for entry in list_all(connection) if entry.id == first)


def remove(connection: Connection, opt_out_id: int) -> None:
    """Remove an entry of the list, or raise `PersonNotFound`."""
    if not connection.execute(delete(OptOutRow).where(OptOutRow.id == opt_out_id)).rowcount:
        raise PersonNotFound(f"The opt-out list has no number {opt_out_id}.")
    _describe(connection, f"removed opt-out {opt_out_id}")


def list_all(connection: Connection) -> list[OptOut]:
    """Return the list, the oldest entry first."""
    columns = (OptOutRow.id, OptOutRow.name, OptOutRow.embedding.is_not(None), OptOutRow.reference, OptOutRow.created)
    rows = connection.execute(select(*columns).order_by(OptOutRow.id))
    return [OptOut(key, name, bool(face), reference, in_utc(created)) for key, name, face, reference, created in rows]


def list_keys(connection: Connection) -> set[str]:
    """Return the keys of the names on the list."""
    return set(connection.scalars(select(OptOutRow.key).where(OptOutRow.key.is_not(None))))


def load_faces(connection: Connection) -> FloatArray | None:
    """Return the faces on the list, float32 (faces, dims) of unit length, or None without any."""
    rows = connection.scalars(select(OptOutRow.embedding).where(OptOutRow.embedding.is_not(None))).all()
    return embedding_rows.from_bytes([row for row in rows if row is not None]) if rows else None


def check_name(connection: Connection, name: str) -> None:
    """Raise `OptedOut` if a name, or the name of the person with this alias, is on the list."""
    key = names.key(name)
    person = queries.find_person(connection, name)
    keys = {key, *(names.key(other) for other in (person.names if person else ()))}
    if connection.scalar(select(OptOutRow.id).where(or_(*(OptOutRow.key == one for one in keys))).limit(1)):
        raise OptedOut(f"{name} is on the opt-out list and cannot be enrolled.")


def _describe(connection: Connection, text: str) -> None:
    # All snapshots load the list again.
    Change(connection, reversible=False, whole=True).describe(text)
