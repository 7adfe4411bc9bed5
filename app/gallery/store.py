"""People and their anchors in SQL: opening, listing, adding, removing, renaming, and the snapshot to rank with."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update

from app.gallery import names, shipped, vectors
from app.gallery.database import Database, migrate
from app.gallery.errors import BadEmbeddings, GalleryError, NameTaken, UnknownPerson
from app.gallery.snapshot import Snapshot
from app.gallery.tables import AnchorRow, NetworkRow, PersonRow, PortraitRow, RevisionRow, now

__all__ = ["BadEmbeddings", "Gallery", "GalleryError", "NameTaken", "Person", "UnknownPerson"]

LARGEST_ID = 2**31 - 1
"""Databases cannot even be asked for a larger one."""


@dataclass(frozen=True)
class Person:
    """Someone in the gallery; `anchors` counts theirs, `portrait_sha256` changes when the portrait does."""

    id: int
    name: str
    anchors: int
    has_portrait: bool
    portrait_sha256: str | None = None


class Gallery:
    """Everyone who can be recognised. Safe to use from several threads, and beside other processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshot: Snapshot | None = None
        self._loading = threading.Lock()

    @classmethod
    def open(cls, database_url: str, network_id: str, shipped: Path | None) -> Gallery:
        """Open the gallery; if it was never filled and holds nobody, fill it from the shipped one.

        Arguments:
            database_url: an SQLAlchemy URL; SQLite's file and folder are made if missing.
            network_id: the card's id of the network in use.
            shipped: folder of the shipped gallery, or None to leave an empty gallery empty.

        Raises:
            GalleryError: the database cannot be opened or was made by another network or another version of
                the program, or the shipped gallery is damaged or was made by another network.
        """
        database = Database.at(database_url)
        try:
            # One transaction: of two workers that start at once, the second waits and finds a full gallery.
            with database.writing() as connection:
                migrate(connection, database.place)
                _claim(connection, network_id, database.place)
                if shipped is not None:
                    _fill(connection, network_id, shipped)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Let go of the database's connections."""
        self._database.close()

    def snapshot(self) -> Snapshot:
        """Everyone with anchors, sorted by name, as of now; the same object until something changes."""
        current = self._snapshot
        with self._database.reading() as connection:
            if current is not None and current.revision == _revision(connection):
                return current
        with self._loading, self._database.reading() as connection:
            # Another thread may have loaded it while this one waited.
            if self._snapshot is None or self._snapshot.revision != _revision(connection):
                self._snapshot = _load(connection)
            return self._snapshot

    def people(self) -> list[Person]:
        """Everyone, sorted by name as if it had no accents and capitals."""
        with self._database.reading() as connection:
            found = [_person(row) for row in connection.execute(_listing())]
        return sorted(found, key=lambda person: names.order(person.name))

    def person(self, person_id: int) -> Person | None:
        """The person with this id, or None."""
        if person_id > LARGEST_ID:
            return None
        with self._database.reading() as connection:
            return _first(connection, PersonRow.id == person_id)

    def find(self, name: str) -> Person | None:
        """The person with this name, capitals or not, or None."""
        with self._database.reading() as connection:
            return _first(connection, PersonRow.key == names.key(name))

    def portrait(self, person_id: int) -> bytes | None:
        """A person's portrait as a WebP file, or None; its sha256 is `Person.portrait_sha256`."""
        if person_id > LARGEST_ID:
            return None
        with self._database.reading() as connection:
            return connection.scalar(select(PortraitRow.webp).where(PortraitRow.person_id == person_id))

    def add(self, name: str, embeddings: np.ndarray, notes: Sequence[str], portrait: bytes | None = None) -> Person:
        """Add anchors to a person, who is created if the gallery has nobody of this name.

        Arguments:
            name: 1 to 100 characters.
            embeddings: float32 (anchors, dims).
            notes: where each anchor came from.
            portrait: a WebP file that takes the place of the person's portrait, or None to leave that.

        Raises:
            GalleryError: name or embeddings cannot be used, or the database cannot be written.
        """
        name, rows = names.clean(name), vectors.unit_rows(embeddings)
        if len(notes) != len(rows):
            raise BadEmbeddings(f"Every anchor needs one note; there are {len(rows)} anchors and {len(notes)} notes.")
        with self._database.writing() as connection:
            _refuse_other_length(connection, rows)
            found = _first(connection, PersonRow.key == names.key(name))
            person_id = found.id if found else _insert_person(connection, name)
            _insert_anchors(connection, person_id, rows, notes)
            if portrait is not None:
                _replace_portrait(connection, person_id, portrait)
            _record(connection, f"added {len(rows)} anchors of person {person_id}")
            return _first(connection, PersonRow.id == person_id)

    def remove(self, name: str) -> Person:
        """Delete a person with all anchors and the portrait; gives back who it was.

        Raises:
            UnknownPerson: nobody has this name.
        """
        with self._database.writing() as connection:
            person = _known(connection, name)
            connection.execute(delete(PersonRow).where(PersonRow.id == person.id))
            _record(connection, f"removed person {person.id}")
            return person

    def rename(self, old: str, new: str) -> Person:
        """Give a person another name; anchors and portrait stay.

        Raises:
            UnknownPerson: nobody has the old name.
            NameTaken: another person has the new one.
            BadName: the new one cannot be a name.
        """
        new = names.clean(new)
        with self._database.writing() as connection:
            person = _known(connection, old)
            holder = _first(connection, PersonRow.key == names.key(new))
            if holder is not None and holder.id != person.id:
                raise NameTaken(f"There is already somebody called {holder.name} in the gallery. Choose another name.")
            change = update(PersonRow).where(PersonRow.id == person.id)
            connection.execute(change.values(name=new, key=names.key(new)))
            _record(connection, f"renamed person {person.id}")
            return _first(connection, PersonRow.id == person.id)


def _claim(connection: Connection, network_id: str, place: str) -> None:
    """Refuse anchors of another network; a new gallery belongs to the one in use."""
    owner = connection.scalar(select(NetworkRow.id))
    if owner is None:
        connection.execute(insert(NetworkRow).values(id=network_id))
    elif owner != network_id:
        raise GalleryError(
            f"The gallery at {place} was made by another network or crop ({owner}) than the one in use ({network_id}), "
            f"so its anchors cannot be compared. To rebuild it, remove {place} or set FACES_DATABASE_URL to a new "
            "place: the next start fills it from the shipped anchors. Then add your own people again from their "
            "photos: python main.py people import FOLDER."
        )


def _fill(connection: Connection, network_id: str, folder: Path) -> None:
    filled = connection.scalar(select(NetworkRow.filled))
    if filled is not None or connection.scalar(select(func.count(PersonRow.id))):
        return
    found = shipped.read(folder)
    if found.network != network_id:
        raise GalleryError(
            f"The shipped gallery {folder} was made by another network or crop ({found.network}) than the one in use "
            f"({network_id}). Restore both folders of one version, or set FACES_MODEL and FACES_ANCHORS to a pair "
            "that was made together."
        )
    for one in found.people:
        person_id = _insert_person(connection, one.name)
        _insert_anchors(connection, person_id, one.embeddings, ["shipped"] * len(one.embeddings))
        if one.portrait is not None:
            _replace_portrait(connection, person_id, one.portrait)
    connection.execute(update(NetworkRow).values(filled=now()))
    _record(connection, f"filled with {len(found.people)} shipped people")


def _load(connection: Connection) -> Snapshot:
    everyone = connection.execute(select(PersonRow.id, PersonRow.name)).all()
    blobs: dict[int, list[bytes]] = {}
    for person_id, blob in connection.execute(select(AnchorRow.person_id, AnchorRow.embedding).order_by(AnchorRow.id)):
        blobs.setdefault(person_id, []).append(blob)
    people = sorted(((name, key) for key, name in everyone if key in blobs), key=lambda one: names.order(one[0]))
    stored = [blob for _, key in people for blob in blobs[key]]
    anchors = vectors.from_bytes(stored, vectors.dims_of(stored[0]) if stored else 0)
    offsets = np.cumsum([0] + [len(blobs[key]) for _, key in people], dtype=np.int64)
    # A snapshot is shared by all threads: nobody may write into it.
    anchors.flags.writeable = offsets.flags.writeable = False
    ids = tuple(key for _, key in people)
    return Snapshot(tuple(name for name, _ in people), ids, anchors, offsets, _revision(connection))


def _revision(connection: Connection) -> int:
    return connection.scalar(select(func.max(RevisionRow.id))) or 0


def _record(connection: Connection, change: str) -> None:
    connection.execute(insert(RevisionRow).values(change=change))


def _listing():
    anchors = select(func.count(AnchorRow.id)).where(AnchorRow.person_id == PersonRow.id).scalar_subquery()
    columns = select(PersonRow.id, PersonRow.name, anchors, PortraitRow.sha256)
    return columns.outerjoin(PortraitRow, PortraitRow.person_id == PersonRow.id)


def _person(row) -> Person:
    person_id, name, anchors, sha256 = row
    return Person(person_id, name, anchors, sha256 is not None, sha256)


def _first(connection: Connection, condition) -> Person | None:
    row = connection.execute(_listing().where(condition)).first()
    return None if row is None else _person(row)


def _known(connection: Connection, name: str) -> Person:
    person = _first(connection, PersonRow.key == names.key(name))
    if person is None:
        close = names.close(name, connection.scalars(select(PersonRow.name)))
        hint = f"Did you mean {' or '.join(close)}?" if close else "The list of people shows who is there."
        raise UnknownPerson(f"There is nobody called {name.strip()!r} in the gallery. {hint}")
    return person


def _insert_person(connection: Connection, name: str) -> int:
    added = connection.execute(insert(PersonRow).values(name=name, key=names.key(name)))
    return added.inserted_primary_key[0]


def _insert_anchors(connection: Connection, person_id: int, rows: np.ndarray, notes: Iterable[str]) -> None:
    values = [
        {"person_id": person_id, "embedding": vectors.to_bytes(row), "note": _text(note)}
        for row, note in zip(rows, notes, strict=True)
    ]
    if values:
        connection.execute(insert(AnchorRow), values)


def _text(note: str) -> str:
    # Names of files may hold bytes that are no text; a database takes none.
    return note[:500].encode("utf-8", "replace").decode()


def _replace_portrait(connection: Connection, person_id: int, webp: bytes) -> None:
    connection.execute(delete(PortraitRow).where(PortraitRow.person_id == person_id))
    digest = hashlib.sha256(webp).hexdigest()
    connection.execute(insert(PortraitRow).values(person_id=person_id, webp=webp, sha256=digest))


def _refuse_other_length(connection: Connection, rows: np.ndarray) -> None:
    stored = connection.scalar(select(AnchorRow.embedding).limit(1))
    if len(rows) and stored is not None and vectors.dims_of(stored) != rows.shape[1]:
        raise BadEmbeddings(
            f"The gallery's anchors have {vectors.dims_of(stored)} numbers each, these embeddings {rows.shape[1]}: "
            "they come from another network."
        )
