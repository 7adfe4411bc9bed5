"""Gallery of people in SQLite or PostgreSQL: read people and anchors, enroll, remove, undo, import and export."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal

from numpy.typing import ArrayLike
from sqlalchemy import Connection, delete, insert, select

from app import text
from app.errors import FaceNotFound, GalleryError, InvalidEmbeddings, NameTaken, PersonNotFound, SamePerson
from app.gallery import bundle, change_history, embedding_rows, inserts, names, people
from app.gallery.change_history import OWNED, Change
from app.gallery.database import Database, prepare
from app.gallery.people import Anchor, ImportedPhotos, Person, PersonRef, RemovedPerson
from app.gallery.reader import GalleryReader
from app.gallery.shipped import add_shipped_people
from app.gallery.snapshot import Snapshot
from app.gallery.tables import AnchorRow, NetworkRow, RejectedFaceRow, ThresholdRow, now

__all__ = ["Anchor", "Gallery", "ImportedPhotos", "Person", "PersonRef", "RemovedPerson"]

RECOVERY_DAYS = 30
"""Default number of days that removed people and anchors can be restored."""

_PURGE_INTERVAL_SECONDS = 3600.0
_MAX_LISTED = 10


class Gallery(GalleryReader):
    """People and their anchors in a database. Threads and processes can share it.

    Methods that take a person accept the name, in any case, or the ID, and raise `PersonNotFound` if the gallery has
    no such person. Each change is one transaction. Every method raises `GalleryError` if the database fails.

    Example:
        >>> gallery = Gallery.open("sqlite:///gallery.sqlite", network.card.id, shipped=None)
        >>> gallery.add("Ann Lee", embeddings, ["holiday.jpg", "party.jpg"])
        Person(id=1, name='Ann Lee', anchors=2, portrait_sha256=None)
        >>> gallery.remove("Ann Lee")
        >>> gallery.undo()
        'removed Ann Lee'
    """

    def __init__(self, database: Database, network_id: str, recovery_days: int = RECOVERY_DAYS) -> None:
        super().__init__(database, network_id)
        self.recovery_days = recovery_days
        self._last_purge = time.monotonic()

    @classmethod
    def open(
        cls, database_url: str, network_id: str, shipped: Path | None, recovery_days: int = RECOVERY_DAYS
    ) -> Gallery:
        """Open a gallery. A new one is filled with the shipped people.

        Args:
            database_url: SQLAlchemy URL. SQLite files are created and migrated. Other databases must be migrated
                with `database.migrate_gallery`.
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
                _claim(connection, network_id, database.location)
                if shipped is not None:
                    add_shipped_people(connection, network_id, shipped)
            gallery = cls(database, network_id, recovery_days)
            gallery.purge_expired()
        except BaseException:
            database.close()
            raise
        return gallery

    def snapshot(self) -> Snapshot:
        """Return all people with anchors, sorted by name; the same object until the gallery changes."""
        if time.monotonic() - self._last_purge > _PURGE_INTERVAL_SECONDS:
            self.purge_expired()
        return super().snapshot()

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
            InvalidName: The name is invalid.
            InvalidEmbeddings: The embeddings are invalid, or of another network.
        """
        name, rows = names.clean(name), embedding_rows.unit_rows(embeddings)
        if len(notes) != len(rows) or (crops is not None and len(crops) != len(rows)):
            raise InvalidEmbeddings(f"Expected one note per anchor, got {len(notes)} notes for {len(rows)} anchors.")
        with self._database.writing() as connection:
            inserts.check_dims(connection, rows)
            change = Change(connection)
            found = people.find_person(connection, name)
            person_id = found.id if found else inserts.insert_person(connection, name, change)
            ids = inserts.insert_faces(connection, AnchorRow, person_id, rows, notes, change)
            inserts.insert_crops(connection, ids, crops or [None] * len(ids))
            if portrait is not None:
                inserts.replace_portrait(connection, person_id, portrait, change)
            if imported is not None:
                inserts.record_imported(connection, person_id, imported)
            change.describe(f"added {text.count(len(rows), 'anchor')} of person {person_id}", person_id)
            return people.get_person(connection, person_id)

    def record_import(self, person: PersonRef, imported: ImportedPhotos) -> None:
        """Record folder photos that an import reviewed without enrolling any of them."""
        with self._database.writing() as connection:
            inserts.record_imported(connection, people.get_person(connection, person).id, imported)

    def remove(self, person: PersonRef, purge: bool = False) -> Person:
        """Remove a person, see `remove_people`."""
        return self.remove_people([person], purge)[-1]

    def remove_people(self, refs: Sequence[PersonRef], purge: bool = False) -> list[Person]:
        """Remove people in one change, or none if the gallery lacks one, and return each once.

        Args:
            refs: Names or IDs, at least one.
            purge: Erase the people for good, also those with these names who were removed before. Otherwise
                `restore` or `undo` brings them back for `recovery_days`.
        """
        with self._purging(purge) as connection:
            try:
                found = [person for ref in refs for person in _find_removable(connection, ref, purge)]
            except PersonNotFound as error:
                raise PersonNotFound(f"{error} No person was removed." if len(refs) > 1 else str(error)) from error
            unique = list({person.id: person for person in found}.values())
            _remove_people(connection, unique, purge)
            return unique

    def remove_shipped(self, purge: bool = False) -> list[Person]:
        """Remove or purge all people whose anchors are all from the shipped gallery, and return them."""
        with self._purging(purge) as connection:
            found = people.list_shipped(connection, removed=purge)
            if found:
                _remove_people(connection, found, purge)
            return found

    def restore(self, person: PersonRef) -> Person:
        """Restore a removed person, the last removed of several with the name.

        Raises:
            NameTaken: Another person has the name now.
        """
        with self._database.writing() as connection:
            removed = people.list_removed(connection, person)
            if not removed:
                wanted = f"with the ID {person}" if isinstance(person, int) else f"called {person.strip()!r}"
                raise PersonNotFound(f"There is no removed person {wanted}.")
            name, person_id = removed[0].name, removed[0].id
            if people.find_person(connection, name):
                raise NameTaken(f"Another person is called {name} now. Rename them first.")
            change = Change(connection)
            change.set("person", [person_id], "removed", None)
            change.describe(f"restored person {person_id}", person_id)
            return people.get_person(connection, person_id)

    def rename(self, person: PersonRef, name: str) -> Person:
        """Rename a person. Anchors and portrait stay.

        Raises:
            NameTaken: Another person has the new name.
            InvalidName: The new name is invalid.
        """
        name = names.clean(name)
        with self._database.writing() as connection:
            person_id = people.get_person(connection, person).id
            holder = people.find_person(connection, name)
            if holder is not None and holder.id != person_id:
                raise NameTaken(
                    f"Another person is called {holder.name}. Choose another name, or merge the two people."
                )
            change = Change(connection)
            change.set("person", [person_id], "name", name)
            change.describe(f"renamed person {person_id}", person_id)
            return people.get_person(connection, person_id)

    def merge(self, person: PersonRef, into: PersonRef) -> Person:
        """Move a person's anchors, rejected faces and imported photos to another, and remove the first.

        Returns:
            The second person.

        Raises:
            SamePerson: Both are the same person.
        """
        with self._database.writing() as connection:
            source, target = people.get_person(connection, person), people.get_person(connection, into)
            if source.id == target.id:
                raise SamePerson(f"{target.name} cannot be merged with themselves. Choose another person.")
            change = Change(connection)
            for table, rows in OWNED.items():
                ids = connection.scalars(select(rows.id).where(rows.person_id == source.id)).all()
                change.set(table, ids, "person_id", target.id)
            change.set("person", [source.id], "removed", now())
            change.describe(f"merged person {source.id} into person {target.id}", source.id, target.id)
            return people.get_person(connection, target.id)

    def remove_anchors(self, person: PersonRef, ids: Sequence[int], purge: bool = False) -> Person:
        """Remove anchors of a person, or erase them for good, or raise `FaceNotFound` if one is missing."""
        return self._change_anchors(person, ids, "purged" if purge else "removed")

    def restore_anchors(self, person: PersonRef, ids: Sequence[int]) -> Person:
        """Restore removed anchors of a person, or raise `FaceNotFound` if one is missing."""
        return self._change_anchors(person, ids, "restored")

    def reject_faces(self, person: PersonRef, embeddings: ArrayLike, notes: Sequence[str]) -> Person:
        """Mark faces as not this person, which raises the distance of similar probes to the person.

        Args:
            person: Name or ID.
            embeddings: Float (faces, dims).
            notes: The file name of each face's photo.

        Raises:
            InvalidEmbeddings: The embeddings are invalid, or of another network.
        """
        rows = embedding_rows.unit_rows(embeddings)
        with self._database.writing() as connection:
            person_id = people.get_person(connection, person).id
            inserts.check_dims(connection, rows)
            change = Change(connection)
            inserts.insert_faces(connection, RejectedFaceRow, person_id, rows, notes, change)
            change.describe(f"marked {text.count(len(rows), 'face')} as not person {person_id}", person_id)
            return people.get_person(connection, person_id)

    def remove_rejected_faces(self, ids: Sequence[int]) -> None:
        """Remove the marks of rejected faces, or raise `FaceNotFound` if one is missing."""
        rows = select(RejectedFaceRow.id, RejectedFaceRow.person_id)
        with self._database.writing() as connection:
            present = rows.where(RejectedFaceRow.id.in_(ids), RejectedFaceRow.removed.is_(None))
            owners = {row.id: row.person_id for row in connection.execute(present)}
            _check_found(ids, owners, "There is no rejected face")
            change = Change(connection)
            change.set("rejected", list(owners), "removed", now())
            change.describe(f"removed {text.count(len(owners), 'rejected face')}", *owners.values())

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
            Change(connection, reversible=False, whole=True).describe(f"set the thresholds {source}")

    def undo(self, expected: int | None = None) -> str:
        """Undo the latest reversible change and return its description, with names.

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

    def export_bundle(self, path: Path, crops: bool = True) -> int:
        """Write all people into one file, with or without kept crops, and return their number."""
        with self._database.reading() as connection:
            everyone = bundle.collect(connection, crops)
        bundle.write(path, self.network_id, everyone)
        return len(everyone)

    def import_bundle(self, path: Path, crops: bool = False) -> int:
        """Add the people of an exported file, with or without their crops, and return the number of new anchors.

        People with a known name get the anchors and rejected faces that they do not have yet. Nothing is imported
        from a file that is damaged or of another network.
        """
        everyone = bundle.read(path, self.network_id)
        with self._database.writing() as connection:
            return bundle.add_people(connection, everyone, crops)

    @contextmanager
    def _purging(self, purge: bool = True) -> Iterator[Connection]:
        """Begin a transaction after which, if it purges, no deleted data remains in the files."""
        with self._database.writing() as connection:
            yield connection
        if purge:
            self._database.flush()

    def _change_anchors(
        self, ref: PersonRef, ids: Sequence[int], action: Literal["removed", "restored", "purged"]
    ) -> Person:
        conditions = {"removed": [AnchorRow.removed.is_(None)], "restored": [AnchorRow.removed.is_not(None)]}
        with self._purging(action == "purged") as connection:
            person = people.get_person(connection, ref)
            rows = select(AnchorRow.id).where(AnchorRow.person_id == person.id, *conditions.get(action, []))
            kind = "removed anchor" if action == "restored" else "anchor"
            _check_found(ids, connection.scalars(rows.where(AnchorRow.id.in_(ids))), f"{person.name} has no {kind}")
            change = Change(connection, reversible=action != "purged")
            if action == "purged":
                change_history.purge(connection, anchors=ids)
            else:
                change.set("anchor", ids, "removed", now() if action == "removed" else None)
            change.describe(f"{action} {text.count(len(ids), 'anchor')} of person {person.id}", person.id)
            return people.get_person(connection, person.id)


def _claim(connection: Connection, network_id: str, location: str) -> None:
    """Assign a new gallery to a network, or check the network of an existing one."""
    owner = connection.scalar(select(NetworkRow.id))
    if owner is None:
        connection.execute(insert(NetworkRow).values(id=network_id))
    elif owner != network_id:
        raise GalleryError(
            f"Another network or alignment ({owner}) made the gallery at {location}. The network in use is "
            f"{network_id}. Embed the kept crops again: python main.py people rebuild. Without kept crops, set "
            "FACES_DATABASE_URL to a new location and add your people again: python main.py people import FOLDER"
        )


def _find_removable(connection: Connection, ref: PersonRef, purge: bool) -> list[Person]:
    """Return the person with a name or ID, to purge also the removed ones with it."""
    found: list[Person] = [*people.list_removed(connection, ref)] if purge else []
    present = people.find_person(connection, ref) if found else people.get_person(connection, ref)
    return [*found, present] if present else found


def _remove_people(connection: Connection, found: Sequence[Person], purge: bool) -> None:
    ids = [person.id for person in found]
    listed = ", ".join(f"person {person_id}" for person_id in ids)
    change = Change(connection, reversible=not purge)
    if purge:
        change_history.purge(connection, people=ids)
    else:
        change.set("person", ids, "removed", now())
    description = listed if len(ids) <= _MAX_LISTED else text.count(len(ids), "person")
    change.describe(f"{'purged' if purge else 'removed'} {description}", *ids)


def _check_found(ids: Sequence[int], found: Iterable[int], problem: str) -> None:
    missing = set(ids) - set(found)
    if missing:
        raise FaceNotFound(f"{problem} with the number {min(missing)}.")
