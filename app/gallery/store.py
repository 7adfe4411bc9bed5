"""Gallery of people in SQLite or PostgreSQL: read people and anchors, enroll, remove, undo, import and export."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from numpy.typing import ArrayLike
from sqlalchemy import Connection, delete, insert, select, true

from app.gallery import (
    bundle,
    bundle_tables,
    change_history,
    changes,
    embedding_rows,
    imported_photos,
    names,
    opening,
    people,
    snapshot_loading,
)
from app.gallery.database import Database, prepare
from app.gallery.imported_photos import ImportedPhotos
from app.gallery.people import Anchor, Person, PersonRef, RemovedPerson
from app.gallery.snapshot import Snapshot
from app.gallery.tables import CropRow, PersonRow, PortraitRow, ThresholdRow, now

__all__ = ["Anchor", "Gallery", "ImportedPhotos", "Person", "PersonRef", "RemovedPerson"]

RECOVERY_DAYS = 30
"""Default number of days that removed people and anchors can be restored."""

_PURGE_INTERVAL_SECONDS = 3600.0


class Gallery:
    """People and their anchors in a database. Threads and processes can share it.

    Methods that take a person accept the name, in any case, or the ID, and raise `PersonNotFound` if the gallery has
    no such person. Each change is one transaction.

    Example:
        >>> gallery = Gallery.open("sqlite:///gallery.sqlite", network.card.id, shipped=None)
        >>> gallery.add("Ann Lee", embeddings, ["holiday.jpg", "party.jpg"])
        Person(id=1, name='Ann Lee', anchors=2, portrait_sha256=None)
        >>> gallery.remove("Ann Lee")
        >>> gallery.undo()
        'removed Ann Lee'
    """

    def __init__(self, database: Database, network_id: str, recovery_days: int = RECOVERY_DAYS) -> None:
        self.network_id = network_id
        self.recovery_days = recovery_days
        self._database = database
        self._snapshot: Snapshot | None = None
        self._people: tuple[int, tuple[Person, ...]] | None = None
        self._loading = threading.Lock()
        self._last_purge = time.monotonic()

    @classmethod
    def open(
        cls, database_url: str, network_id: str, shipped: Path | None, recovery_days: int = RECOVERY_DAYS
    ) -> Gallery:
        """Open a gallery. A new one is filled with the shipped people.

        Args:
            database_url: SQLAlchemy URL. SQLite files are created and migrated. Other databases must be migrated
                with `opening.migrate_gallery`.
            network_id: ID in the model card of the network in use.
            shipped: Folder of the shipped gallery, or None to leave a new gallery empty.
            recovery_days: Days until removed people and anchors are purged.

        Raises:
            GalleryError: The database cannot be opened, or the database or the shipped gallery belongs to another
                network or version of the program.
        """
        database = Database.connect(database_url)
        try:
            # In one transaction, so that a second process which starts now waits for a filled gallery.
            with database.writing() as connection:
                prepare(connection, database.location)
                opening.claim(connection, network_id, database.location)
                if shipped is not None:
                    opening.fill(connection, network_id, shipped)
            gallery = cls(database, network_id, recovery_days)
            gallery.purge_expired()
        except BaseException:
            database.close()
            raise
        return gallery

    def close(self) -> None:
        """Close the database connections."""
        self._database.close()

    # Reading

    def snapshot(self) -> Snapshot:
        """Return all people with anchors, sorted by name; the same object until the gallery changes."""
        if time.monotonic() - self._last_purge > _PURGE_INTERVAL_SECONDS:
            self.purge_expired()
        current = self._snapshot
        with self._database.reading() as connection:
            if current is not None and current.revision == snapshot_loading.revision(connection):
                return current
        with self._loading, self._database.reading() as connection:
            # Another thread may have loaded the change meanwhile.
            current = self._snapshot
            if current is None:
                self._snapshot = snapshot_loading.load(connection)
            else:
                self._snapshot = snapshot_loading.refresh(connection, current, self.network_id)
            return self._snapshot

    def people(self) -> tuple[Person, ...]:
        """Return all people, sorted by name; the same tuple until the gallery changes."""
        cached = self._people
        with self._database.reading() as connection:
            revision = snapshot_loading.revision(connection)
            if cached is not None and cached[0] == revision:
                return cached[1]
            found = people.list_people(connection, PersonRow.removed.is_(None))
        everyone = tuple(sorted(found, key=lambda person: names.sort_key(person.name)))
        self._people = revision, everyone
        return everyone

    def search(self, query: str) -> list[Person]:
        """Return the people whose name contains every word of a query, without regard to case and accents."""
        return [person for person in self.people() if names.matches(person.name, query)]

    def find(self, person: PersonRef) -> Person | None:
        """Return a person, or None if there is none with the name or ID."""
        with self._database.reading() as connection:
            return people.find_person(connection, person)

    def removed_people(self) -> list[RemovedPerson]:
        """Return the removed people who can be restored, the last removed first."""
        with self._database.reading() as connection:
            return people.list_removed(connection, true())

    def shipped_people(self, removed: bool = False) -> list[Person]:
        """Return the people whose anchors are all from the shipped gallery, optionally also removed ones."""
        with self._database.reading() as connection:
            return _list_shipped(connection, removed)

    def added_people(self) -> list[Person]:
        """Return the people with an anchor that is not from the shipped gallery."""
        with self._database.reading() as connection:
            return people.list_people(connection, people.has_added_anchors() & PersonRow.removed.is_(None))

    def portrait(self, person: PersonRef) -> bytes | None:
        """Return a person's portrait as WebP, or None without a portrait."""
        with self._database.reading() as connection:
            found = people.find_person(connection, person)
            if found is None:
                return None
            return connection.scalar(select(PortraitRow.webp).where(PortraitRow.person_id == found.id))

    def anchors(self, person: PersonRef | None = None) -> list[Anchor]:
        """Return the anchors of a person, or of all people."""
        with self._database.reading() as connection:
            return people.list_anchors(connection, _selects(connection, person))

    def crop(self, anchor_id: int) -> bytes | None:
        """Return the face crop of an anchor as WebP, or None if it was not kept."""
        with self._database.reading() as connection:
            return connection.scalar(select(CropRow.webp).where(CropRow.anchor_id == anchor_id))

    def rejected_faces(self, person: PersonRef | None = None) -> list[Anchor]:
        """Return the faces that were marked as not a person, or as not any person."""
        with self._database.reading() as connection:
            return people.list_rejected_faces(connection, _selects(connection, person))

    def imported_photos(self, folder: str) -> tuple[Person | None, frozenset[str]]:
        """Return the person enrolled from a folder and the photos reviewed then, see `ImportedPhotos`."""
        with self._database.reading() as connection:
            return imported_photos.find(connection, folder)

    def history(self, limit: int = 20) -> list[change_history.PastChange]:
        """Return the latest changes, the newest first."""
        with self._database.reading() as connection:
            return change_history.history(connection, limit)

    # Changes

    def add(
        self,
        name: str,
        embeddings: ArrayLike,
        notes: Sequence[str],
        portrait: bytes | None = None,
        crops: Sequence[bytes] | None = None,
        imported: ImportedPhotos | None = None,
    ) -> Person:
        """Add anchors to a new or known person.

        Args:
            name: 1 to 100 characters.
            embeddings: Float (anchors, dims).
            notes: The file name of each anchor's photo.
            portrait: WebP file that replaces the portrait, or None.
            crops: The face crop of each anchor as WebP, or None to keep no crops.
            imported: The folder photos that an import reviewed, or None.

        Raises:
            GalleryError: Name or embeddings are invalid, or the database cannot be written.
        """
        name, rows = names.clean(name), embedding_rows.unit_rows(embeddings)
        with self._database.writing() as connection:
            return changes.add(connection, name, rows, notes, portrait, crops, imported)

    def record_import(self, person: PersonRef, imported: ImportedPhotos) -> None:
        """Record folder photos that an import reviewed without enrolling any of them."""
        with self._database.writing() as connection:
            imported_photos.record(connection, people.get_person(connection, person).id, imported)

    def remove(self, person: PersonRef, purge: bool = False) -> Person:
        """Remove a person, see `remove_people`."""
        return self.remove_people([person], purge)[-1]

    def remove_people(self, refs: Sequence[PersonRef], purge: bool = False) -> list[Person]:
        """Remove people, at least one, in one change.

        Args:
            refs: Names or IDs.
            purge: Erase the people for good, also those with these names who were removed before. Otherwise
                `restore` or `undo` brings them back for `recovery_days`.

        Returns:
            The people as they were, each once.

        Raises:
            PersonNotFound: The gallery lacks one of them. No person was removed.
        """
        with self._purging(purge) as connection:
            return (changes.purge_all if purge else changes.remove_all)(connection, refs)

    def remove_shipped(self, purge: bool = False) -> list[Person]:
        """Remove or purge all people whose anchors are all from the shipped gallery, and return them."""
        with self._purging(purge) as connection:
            found = _list_shipped(connection, removed=purge)
            if found:
                (changes.purge_people if purge else changes.remove)(connection, found)
        return found

    def restore(self, person: PersonRef) -> Person:
        """Restore a removed person, the last removed of several with the name.

        Raises:
            PersonNotFound: There is no such removed person.
            NameTaken: Another person has the name now.
        """
        with self._database.writing() as connection:
            return changes.restore(connection, person)

    def rename(self, person: PersonRef, name: str) -> Person:
        """Rename a person. Anchors and portrait stay.

        Raises:
            NameTaken: Another person has the new name.
            InvalidName: The new name is invalid.
        """
        name = names.clean(name)
        with self._database.writing() as connection:
            return changes.rename(connection, person, name)

    def merge(self, person: PersonRef, into: PersonRef) -> Person:
        """Move a person's anchors to another, remove the first and return the second.

        Raises:
            SamePerson: Both are the same person.
        """
        with self._database.writing() as connection:
            return changes.merge(connection, person, into)

    def remove_anchors(self, person: PersonRef, ids: Sequence[int], purge: bool = False) -> Person:
        """Remove anchors of a person, or erase them for good with `purge`.

        Raises:
            FaceNotFound: The person has no such anchor.
        """
        with self._purging(purge) as connection:
            if purge:
                return changes.purge_anchors(connection, person, ids)
            return changes.set_anchors_removed(connection, person, ids, removed=True)

    def restore_anchors(self, person: PersonRef, ids: Sequence[int]) -> Person:
        """Restore removed anchors of a person.

        Raises:
            FaceNotFound: The person has no such removed anchor.
        """
        with self._database.writing() as connection:
            return changes.set_anchors_removed(connection, person, ids, removed=False)

    def reject_faces(self, person: PersonRef, embeddings: ArrayLike, notes: Sequence[str]) -> Person:
        """Mark faces as not this person, which raises the distance of similar probes to the person.

        Args:
            person: The person.
            embeddings: Float (faces, dims).
            notes: The file name of each face's photo.

        Raises:
            GalleryError: There is no such person, or the embeddings are invalid.
        """
        rows = embedding_rows.unit_rows(embeddings)
        with self._database.writing() as connection:
            return changes.reject_faces(connection, person, rows, notes)

    def remove_rejected_faces(self, ids: Sequence[int]) -> None:
        """Remove the marks of rejected faces.

        Raises:
            FaceNotFound: There is no rejected face with one of the numbers.
        """
        with self._database.writing() as connection:
            changes.remove_rejected_faces(connection, ids)

    def shift_thresholds(self, shifts: Sequence[tuple[float, float]]) -> None:
        """Replace the shifts of the class thresholds.

        Args:
            shifts: Pairs of FPIR and shift, see `Rules.for_gallery`. Without any, the card's thresholds apply.
        """
        with self._database.writing() as connection:
            connection.execute(delete(ThresholdRow))
            for fpir, shift in shifts:
                connection.execute(insert(ThresholdRow).values(fpir=fpir, shift=shift))
            source = "calibrated on this gallery" if shifts else "of the network"
            change_history.Change(connection, reversible=False, whole=True).describe(f"set the thresholds {source}")

    def undo(self, expected: int | None = None) -> str:
        """Undo the latest reversible change and return its description.

        Args:
            expected: The change's ID, to undo no other change by mistake, or None for any.

        Raises:
            NothingToUndo: There is no reversible change.
            NotLatestChange: The latest change has another ID.
            NameTaken: Another person has the name of a person who would be restored.
        """
        with self._database.writing() as connection:
            return change_history.undo(connection, expected)

    def purge_expired(self) -> int:
        """Purge what was removed more than `recovery_days` ago, and return the number of rows."""
        self._last_purge = time.monotonic()
        before = now() - timedelta(days=self.recovery_days)
        with self._database.reading() as connection:
            if not change_history.has_expired(connection, before):
                return 0
        with self._purging() as connection:
            return change_history.purge_expired(connection, before)

    # Import and export

    def export_bundle(self, path: Path, crops: bool = True) -> int:
        """Write all people into one file, with or without kept crops, and return their number.

        Raises:
            GalleryError: The file cannot be written.
        """
        with self._database.reading() as connection:
            everyone = bundle_tables.collect(connection, crops)
        bundle.write(path, self.network_id, everyone)
        return len(everyone)

    def import_bundle(self, path: Path, crops: bool = False) -> int:
        """Add the people of an exported file, and return the number of new anchors.

        People with a known name get the anchors and rejected faces that they do not have yet.

        Args:
            path: The file.
            crops: Whether to keep the face crops of new anchors.

        Raises:
            GalleryError: The file is damaged or of another network, or the database cannot be written. Nothing
                was imported.
        """
        everyone = bundle.read(path, self.network_id)
        with self._database.writing() as connection:
            return bundle_tables.add_people(connection, everyone, crops)

    @contextmanager
    def _purging(self, purge: bool = True) -> Iterator[Connection]:
        """Begin a transaction after which, if it purges, no deleted data remains in the files."""
        with self._database.writing() as connection:
            yield connection
        if purge:
            self._database.flush()


def _list_shipped(connection: Connection, removed: bool) -> list[Person]:
    condition = people.is_shipped()
    return people.list_people(connection, condition if removed else condition & PersonRow.removed.is_(None))


def _selects(connection: Connection, person: PersonRef | None) -> people.Condition:
    return true() if person is None else PersonRow.id == people.get_person(connection, person).id
