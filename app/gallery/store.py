"""The gallery's one face: opening it, reading people and snapshots, and every change, each in one transaction."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, delete, insert, select

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
from app.gallery.people import LARGEST_ID, Anchor, Person, Who
from app.gallery.snapshot import Snapshot
from app.gallery.tables import CropRow, PersonRow, PortraitRow, ThresholdRow, now

__all__ = ["Anchor", "Gallery", "ImportedPhotos", "Person", "Who", "with_names"]

RECOVERY_DAYS = 30
"""Days that removed people and anchors can be recovered, unless said otherwise."""

_SWEEP_SECONDS = 3600.0


class Gallery:
    """Everyone who can be recognized. Safe to use from several threads, and beside other processes."""

    def __init__(self, database: Database, network_id: str, recovery_days: int = RECOVERY_DAYS) -> None:
        self.network_id = network_id
        self.recovery_days = recovery_days
        self._database = database
        self._snapshot: Snapshot | None = None
        self._people: tuple[int, tuple[Person, ...]] | None = None
        self._loading = threading.Lock()
        self._swept = time.monotonic()

    @classmethod
    def open(
        cls, database_url: str, network_id: str, shipped: Path | None, recovery_days: int = RECOVERY_DAYS
    ) -> Gallery:
        """Open the gallery; if it was never filled and holds nobody, fill it from the shipped one.

        Args:
            database_url: an SQLAlchemy URL; SQLite's file and folder are made if missing, and its tables brought
                to this version. Those of other databases are brought there by `opening.migrate_gallery`.
            network_id: the card's id of the network in use.
            shipped: folder of the shipped gallery, or None to leave an empty gallery empty; no person is removed.
            recovery_days: for so long removed people and anchors can be recovered; then they are erased.

        Raises:
            GalleryError: the database cannot be opened or was made by another network or another version of
                the program, or the shipped gallery is damaged or was made by another network.
        """
        database = Database.at(database_url)
        try:
            # One transaction: of two workers that start at once, the second waits and finds a full gallery.
            with database.writing() as connection:
                prepare(connection, database.place)
                opening.claim(connection, network_id, database.place)
                if shipped is not None:
                    opening.fill(connection, network_id, shipped)
            gallery = cls(database, network_id, recovery_days)
            gallery.sweep()
        except BaseException:
            database.close()
            raise
        return gallery

    def close(self) -> None:
        """Let go of the database's connections."""
        self._database.close()

    def snapshot(self) -> Snapshot:
        """Everyone with anchors, sorted by name, as of now; the same object until something changes."""
        if time.monotonic() - self._swept > _SWEEP_SECONDS:
            self.sweep()
        current = self._snapshot
        with self._database.reading() as connection:
            if current is not None and current.revision == snapshot_loading.revision(connection):
                return current
        with self._loading, self._database.reading() as connection:
            # Another thread may have read the change while this one waited; then nothing is left to read.
            known = self._snapshot
            fresh = (
                snapshot_loading.load(connection)
                if known is None
                else snapshot_loading.refresh(connection, known, self.network_id)
            )
            self._snapshot = fresh
            return fresh

    def people(self) -> tuple[Person, ...]:
        """Everyone, sorted by name as if it had no accents and capitals; the same tuple until something changes."""
        known = self._people
        with self._database.reading() as connection:
            # Asked first: who is read a moment later may be newer than this number, never older.
            revision = snapshot_loading.revision(connection)
            if known is not None and known[0] == revision:
                return known[1]
            found = people.all_of(connection, PersonRow.removed.is_(None))
        everyone = tuple(sorted(found, key=lambda person: names.order(person.name)))
        self._people = revision, everyone
        return everyone

    def removed(self) -> list[Person]:
        """Those who were removed and can be restored, the last removed first."""
        with self._database.reading() as connection:
            found = people.all_of(connection, PersonRow.removed.is_not(None))
        return sorted(found, key=lambda person: person.removed, reverse=True)

    def person(self, person_id: int) -> Person | None:
        """The person with this id, or None."""
        if person_id > LARGEST_ID:
            return None
        with self._database.reading() as connection:
            return people.present(connection, PersonRow.id == person_id)

    def find(self, name: str) -> Person | None:
        """The person with this name, capitals or not, or None."""
        with self._database.reading() as connection:
            return people.named(connection, name)

    def portrait(self, person_id: int) -> bytes | None:
        """A person's portrait as a WebP file, or None; its sha256 is `Person.portrait_sha256`."""
        if person_id > LARGEST_ID:
            return None
        own = select(PortraitRow.webp).join(PersonRow, PersonRow.id == PortraitRow.person_id)
        with self._database.reading() as connection:
            return connection.scalar(own.where(PersonRow.id == person_id, PersonRow.removed.is_(None)))

    def anchors(self, who: Who | None = None) -> list[Anchor]:
        """The anchors of a person, or of everyone.

        Raises:
            PersonNotFound: nobody has this name.
        """
        with self._database.reading() as connection:
            return people.anchors_of(connection, _whose(connection, who))

    def crop(self, anchor_id: int) -> bytes | None:
        """The crop of an anchor as a WebP file, or None if it was not kept."""
        with self._database.reading() as connection:
            return connection.scalar(select(CropRow.webp).where(CropRow.anchor_id == anchor_id))

    def rejected(self, who: Who | None = None) -> list[Anchor]:
        """The faces that were marked as not a person, or not the person they look like, for everyone.

        Raises:
            PersonNotFound: nobody has this name.
        """
        with self._database.reading() as connection:
            return people.rejected_of(connection, _whose(connection, who))

    def history(self, most: int = 20) -> list[change_history.PastChange]:
        """The last changes, the newest first; persons in them by number."""
        with self._database.reading() as connection:
            return change_history.history(connection, most)

    def add(
        self,
        name: str,
        embeddings: np.ndarray,
        notes: Sequence[str],
        portrait: bytes | None = None,
        crops: Sequence[bytes] | None = None,
        imported: ImportedPhotos | None = None,
    ) -> Person:
        """Add anchors to a person, who is created if the gallery has nobody of this name.

        Args:
            name: 1 to 100 characters.
            embeddings: float32 (anchors, dims).
            notes: where each anchor came from.
            portrait: a WebP file that takes the place of the person's portrait, or None to leave that.
            crops: each anchor's aligned crop as a WebP file, or None to keep embeddings alone.
            imported: the photos of a folder that the import which adds them reviewed, or None.

        Raises:
            GalleryError: name or embeddings cannot be used, or the database cannot be written.
        """
        name, rows = names.clean(name), embedding_rows.unit_rows(embeddings)
        with self._database.writing() as connection:
            return changes.add(connection, name, rows, notes, portrait, crops, imported)

    def remove(self, who: Who, for_good: bool = False) -> Person:
        """Remove a person with all anchors and the portrait; gives back who it was.

        Args:
            who: the person.
            for_good: erase at once everyone of this name, those removed before too, or the one of this id; else
                `restore` brings them back for `recovery_days`.

        Raises:
            PersonNotFound: nobody has this name.
        """
        return self.remove_people([who], for_good)[-1]

    def remove_people(self, everyone: Sequence[Who], for_good: bool = False) -> list[Person]:
        """Remove several people in one transaction, which one undo takes back.

        Args:
            everyone: the people, at least one.
            for_good: erase them immediately, with everyone of these names who was removed before.

        Returns:
            The people as they were, each once.

        Raises:
            PersonNotFound: one of them is not in the gallery, so no person was removed.
        """
        with self._database.writing() as connection:
            gone = (changes.remove_for_good if for_good else changes.remove)(connection, everyone)
        if for_good:
            self._database.flush()
        return gone

    def imported(self, folder: str) -> tuple[Person | None, frozenset[str]]:
        """Return the person whom imports of a folder enrolled, and the photos that they reviewed.

        Args:
            folder: the folder's identity, as in `ImportedPhotos`.

        Returns:
            The person under their present name, and the photos' digests; None and an empty set if there are none.
        """
        with self._database.reading() as connection:
            return imported_photos.find(connection, folder)

    def record_import(self, who: Who, imported: ImportedPhotos) -> None:
        """Record photos of a person's folder that an import reviewed without adding one of them.

        Raises:
            PersonNotFound: the person is not in the gallery.
        """
        with self._database.writing() as connection:
            imported_photos.record(connection, people.known(connection, who).id, imported)

    def shipped_people(self, removed: bool = False) -> list[Person]:
        """Return the people whose anchors all come from the shipped gallery.

        Args:
            removed: include those who were removed and can be restored.
        """
        with self._database.reading() as connection:
            return people.all_of(connection, _only_shipped(removed))

    def own_people(self) -> list[Person]:
        """Return the people with an anchor that does not come from the shipped gallery."""
        with self._database.reading() as connection:
            return people.all_of(connection, people.added_by_user() & PersonRow.removed.is_(None))

    def remove_shipped(self, for_good: bool = False) -> list[Person]:
        """Remove everybody whose anchors all come from the shipped gallery, in one transaction.

        Args:
            for_good: erase them immediately, also those who were removed before.

        Returns:
            The people as they were; an empty list if there are none, which changes nothing.
        """
        with self._database.writing() as connection:
            found = people.all_of(connection, _only_shipped(for_good))
            if found:
                (changes.erase_people if for_good else changes.hide)(connection, found)
        if found and for_good:
            self._database.flush()
        return found

    def restore(self, who: Who) -> Person:
        """Bring a removed person back, of several with this name the last removed.

        Raises:
            PersonNotFound: there is no removed person of this name.
            NameTaken: the name has another holder now.
        """
        with self._database.writing() as connection:
            return changes.restore(connection, who)

    def rename(self, who: Who, new: str) -> Person:
        """Give a person another name; anchors and portrait stay.

        Raises:
            PersonNotFound: there is no such person.
            NameTaken: another person has the new one.
            InvalidName: the new one cannot be a name.
        """
        new = names.clean(new)
        with self._database.writing() as connection:
            return changes.rename(connection, who, new)

    def merge(self, who: Who, into: Who) -> Person:
        """Give one person's anchors to another and remove the first; gives back the second.

        Raises:
            PersonNotFound: one of them is not there.
        """
        with self._database.writing() as connection:
            return changes.merge(connection, who, into)

    def remove_anchors(self, who: Who, ids: Sequence[int], for_good: bool = False) -> Person:
        """Remove anchors of a person by their ids, for good or so that they can be restored.

        Raises:
            GalleryError: the person is not there, or has no such anchor.
        """
        with self._database.writing() as connection:
            if not for_good:
                return changes.set_anchors_removed(connection, who, ids, removed=True)
            person = changes.erase_anchors(connection, who, ids)
        self._database.flush()
        return person

    def restore_anchors(self, who: Who, ids: Sequence[int]) -> Person:
        """Bring removed anchors of a person back.

        Raises:
            GalleryError: the person is not there, or has no such removed anchor.
        """
        with self._database.writing() as connection:
            return changes.set_anchors_removed(connection, who, ids, removed=False)

    def reject(self, who: Who, embeddings: np.ndarray, notes: Sequence[str]) -> Person:
        """Mark faces as not this person: they weigh against them for faces like these, and for no others.

        Args:
            who: the person whom they are not.
            embeddings: float32 (faces, dims).
            notes: where each came from.

        Raises:
            GalleryError: the person is not there, or the embeddings cannot be used.
        """
        rows = embedding_rows.unit_rows(embeddings)
        with self._database.writing() as connection:
            return changes.reject(connection, who, rows, notes)

    def take_back(self, ids: Sequence[int]) -> None:
        """Let rejected faces weigh no longer, by their ids.

        Raises:
            GalleryError: one of them is not there.
        """
        with self._database.writing() as connection:
            changes.take_back(connection, ids)

    def shift_thresholds(self, shifts: Sequence[tuple[float, float]]) -> None:
        """Shift the class thresholds of this gallery, in place of earlier shifts.

        Args:
            shifts: (FPIR, shift) each, see `verdict.Rules`; none of them brings the card's thresholds back.

        Raises:
            GalleryError: the gallery cannot be written.
        """
        with self._database.writing() as connection:
            connection.execute(delete(ThresholdRow))
            for fpir, shift in shifts:
                connection.execute(insert(ThresholdRow).values(fpir=fpir, shift=shift))
            text = (
                "applied thresholds calibrated on this gallery" if shifts else "restored the thresholds of the network"
            )
            change_history.Change(connection, reversible=False, whole=True).describe(text)

    def export(self, path: Path, crops: bool = True) -> int:
        """Write everyone, with anchors, portraits and rejected faces, into one file; gives back how many people.

        Args:
            path: the file.
            crops: whether the crops that are kept go along.

        Raises:
            GalleryError: the file cannot be written.
        """
        with self._database.reading() as connection:
            everyone = bundle_tables.collect(connection, crops)
        bundle.write(path, self.network_id, everyone)
        return len(everyone)

    def import_file(self, path: Path, crops: bool = False) -> int:
        """Take over an exported gallery, all of it or nothing; gives back how many anchors are new.

        People who are here under the same name get those anchors and rejected faces that they do not have.

        Args:
            path: the file.
            crops: whether to keep the crops that the file has of new anchors.

        Raises:
            GalleryError: the file is damaged or of another network, or the database cannot be written.
        """
        everyone = bundle.read(path, self.network_id)
        with self._database.writing() as connection:
            return bundle_tables.take_over(connection, everyone, crops)

    def undo(self, expected: int | None = None) -> str:
        """Take back the newest change that can be; gives back what it was, without names.

        Args:
            expected: its id, where somebody has looked at it; else whichever it is.

        Raises:
            NothingToUndo: there is none, or it is older than `recovery_days`.
            NotLatestChange: it is another one than expected.
            NameTaken: somebody who would come back has lost their name to another.
        """
        with self._database.writing() as connection:
            return change_history.undo(connection, expected)

    def sweep(self) -> int:
        """Erase what was removed more than `recovery_days` ago; gives back how many people and anchors that were."""
        self._swept = time.monotonic()
        before = now() - timedelta(days=self.recovery_days)
        with self._database.reading() as connection:
            if not change_history.is_due(connection, before):
                return 0
        with self._database.writing() as connection:
            erased = change_history.sweep(connection, before)
        self._database.flush()
        return erased


def with_names(gallery: Gallery) -> Callable[[str], str]:
    """Puts names in the place of numbers in what `history` and `undo` give, for whoever is or was in the gallery."""
    known = {person.id: person.name for person in (*gallery.removed(), *gallery.people())}
    return lambda text: re.sub(r"person (\d+)", lambda found: known.get(int(found[1]), found[0]), text)


def _only_shipped(removed: bool):
    return people.only_shipped() if removed else people.only_shipped() & PersonRow.removed.is_(None)


def _whose(connection: Connection, who: Who | None):
    """A condition for one person's rows, or everybody's."""
    return PersonRow.id > 0 if who is None else PersonRow.id == people.known(connection, who).id
