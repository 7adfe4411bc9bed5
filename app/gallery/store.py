"""Gallery of people in SQLite or PostgreSQL: read people and anchors, enroll, remove, undo, import and export."""

from __future__ import annotations

import functools
import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from numpy.typing import ArrayLike
from sqlalchemy import Connection

from app.arrays import FloatArray
from app.errors import GalleryError, InvalidEmbeddings, PersonNotFound
from app.gallery import (
    additions,
    anchor_changes,
    bundle,
    change_history,
    change_log,
    embedding_rows,
    expiry,
    names,
    naming,
    opt_outs,
    records,
    removal,
    snapshot_loading,
    thresholds,
)
from app.gallery import people as queries
from app.gallery.access_keys import AccessKeys
from app.gallery.additions import AddedFaces
from app.gallery.audit_log import AUDIT_DAYS, AuditLog
from app.gallery.bundle import BundleImport, FindOptedOut
from app.gallery.data_rights import DataRights
from app.gallery.database import Database, prepare
from app.gallery.database_status import read_last_backup, read_status
from app.gallery.people import Anchor, ImportedPhotos, Person, PersonRef, RemovedPerson
from app.gallery.people_listing import FoundPeople, PeopleListing
from app.gallery.rebuild import claim
from app.gallery.shipped import add_shipped_people
from app.gallery.snapshot import Snapshot
from app.settings import Settings

__all__ = ["Anchor", "FoundPeople", "Gallery", "ImportedPhotos", "Person", "PersonRef", "RemovedPerson"]

RECOVERY_DAYS = 30
"""Default number of days that removed people and anchors can be restored."""

_MAINTENANCE_SECONDS = 10.0
_PURGE_SECONDS = 3600.0

_HOLDS_ERASED = (
    "Another program, such as a backup, is reading the database. Until it ends, the log of the database still contains "
    "the erased data. A running server removes the data within seconds after that, otherwise the next start does."
)

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


def _reading(query: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Gallery, P], T]:
    """Turn a query into a method that runs it in its own transaction."""

    @functools.wraps(query)
    def method(self: Gallery, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._database.reading() as connection:
            return query(connection, *args, **kwargs)

    return method


def _writing(change: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Gallery, P], T]:
    """Turn a change into a method that runs it in its own transaction."""

    @functools.wraps(change)
    def method(self: Gallery, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._database.writing() as connection:
            return change(connection, *args, **kwargs)

    return method


class Gallery:
    """People and their anchors in a database. Threads and processes can share it.

    Methods that take a person accept the name, in any case, or the ID, and raise `PersonNotFound` if the gallery has
    no such person. Each change is one transaction. Every failure is a `GalleryError` and changes nothing.

    Example:
        >>> gallery = Gallery.open("sqlite:///gallery.sqlite", network.card.id, shipped=None)
        >>> gallery.add("Ann Lee", embeddings, ["holiday.jpg"])
        Person(id=1, name='Ann Lee', anchors=2, portrait_sha256=None)
    """

    find = _reading(queries.find_person)
    find_pair = _reading(naming.find_pair)
    get = _reading(queries.get_person)
    removed_people = _reading(queries.list_removed)
    shipped_people = _reading(queries.list_shipped)
    added_people = _reading(queries.list_added)
    portrait = _reading(queries.find_portrait)
    anchors = _reading(queries.list_anchors)
    crop = _reading(queries.find_crop)
    rejected_faces = _reading(queries.list_rejected_faces)
    imported_photos = _reading(queries.find_imported)
    merged_people = _reading(change_history.list_merged)
    history = _reading(change_log.history)
    database_status = _reading(read_status)
    last_backup = _reading(read_last_backup)

    def __init__(
        self,
        database: Database,
        network_id: str,
        recovery_days: int = RECOVERY_DAYS,
        audit_days: int = AUDIT_DAYS,
        require_basis: bool = False,
    ) -> None:
        self.network_id = network_id
        self.recovery_days = recovery_days
        self.audit = AuditLog(database, audit_days)
        self.keys = AccessKeys(database)
        self.rights = DataRights(database, recovery_days)
        self._require_basis = require_basis
        self._database = database
        self._snapshot: Snapshot | None = None
        self._listing: PeopleListing | None = None
        self._loading = threading.Lock()
        self._closed = threading.Event()
        self._maintenance: threading.Thread | None = None
        self._failure = ""

    @classmethod
    def open(
        cls,
        database_url: str,
        network_id: str,
        shipped: Path | None,
        recovery_days: int = RECOVERY_DAYS,
        audit_days: int = AUDIT_DAYS,
        require_basis: bool = False,
        maintain: bool = True,
    ) -> Gallery:
        """Open a gallery. A new one is filled with the shipped people.

        Args:
            database_url: SQLAlchemy URL. SQLite files are created and migrated. Other databases must be migrated
                with `database.migrate_gallery`.
            network_id: ID in the model card of the network in use.
            shipped: Folder of the shipped gallery, or None to leave a new gallery empty.
            recovery_days: Days until removed people and anchors are purged.
            audit_days: Days until entries of the audit log are deleted.
            require_basis: Enroll only people whose record has a basis.
            maintain: Hide and purge what has expired.
        """
        database = Database.connect(database_url)
        try:
            # In one transaction, so that a second process which starts now waits for a filled gallery.
            with database.writing() as connection:
                prepare(connection, database.location)
                claim(connection, network_id, database.location)
                if shipped is not None:
                    add_shipped_people(connection, network_id, shipped)
            gallery = cls(database, network_id, recovery_days, audit_days, require_basis)
            if maintain:
                gallery._maintain(purge=True)
        except BaseException:
            database.close()
            raise
        return gallery

    @classmethod
    def from_settings(cls, settings: Settings, network_id: str, maintain: bool = True) -> Gallery:
        """Open the gallery of the settings, see `open`."""
        days, folder = (settings.recovery_days, settings.audit_days), settings.shipped_gallery
        return cls.open(settings.database_url, network_id, folder, *days, settings.require_basis, maintain)

    def close(self) -> None:
        """Stop the maintenance and close the database connections."""
        self._closed.set()
        if self._maintenance is not None:
            self._maintenance.join()
        self._database.close()

    def start_maintenance(self) -> None:
        """Start a thread that purges what has expired every hour, and finishes erasing once no reader prevents it."""
        self._maintenance = threading.Thread(target=self._run_maintenance, name="gallery maintenance", daemon=True)
        self._maintenance.start()

    def _run_maintenance(self) -> None:
        last_purge = time.monotonic()
        while not self._closed.wait(_MAINTENANCE_SECONDS):
            purge = time.monotonic() - last_purge > _PURGE_SECONDS
            self._maintain(purge)
            last_purge = time.monotonic() if purge else last_purge

    def _maintain(self, purge: bool) -> None:
        try:
            self.rights.hide_expired()
            if purge:
                self.purge_expired()
                self.audit.expire()
            self.keys.flush()
            self._database.empty_log()
            self._failure = ""
        except GalleryError as error:
            # One line, not one every ten seconds.
            if self._failure != str(error):
                log.warning("gallery_maintenance_failed: %s", error)
            self._failure = str(error)

    def check_file(self) -> None:
        """Raise `GalleryMoved` if the SQLite file was deleted or replaced since the gallery was opened."""
        self._database.check_file()

    @property
    def erasing_notice(self) -> str:
        """A sentence while purged data is still in the database's log, otherwise empty."""
        return _HOLDS_ERASED if self._database.holds_erased else ""

    def snapshot(self) -> Snapshot:
        """Return all people who can be named, sorted by name; the same object until the gallery or the day changes."""
        current = self._snapshot
        with self._database.reading() as connection:
            if current is not None and snapshot_loading.is_current(connection, current):
                return current
        with self._loading, self._database.reading() as connection:
            # Another thread may have loaded the change meanwhile.
            if self._snapshot is None:
                self._snapshot = snapshot_loading.load(connection)
            else:
                self._snapshot = snapshot_loading.refresh(connection, self._snapshot, self.network_id)
            return self._snapshot

    def people(self) -> tuple[Person, ...]:
        """Return all people, sorted by name; the same tuple until the gallery changes."""
        return self.listing().people

    def search(self, query: str) -> FoundPeople:
        """Return the people whose name matches a query, or people with similar names, see `NameSearch.find`."""
        return self.listing().search(query)

    def listing(self) -> PeopleListing:
        """Return all people with their index for search; the same object until the gallery changes."""
        cached = self._listing
        with self._database.reading() as connection:
            revision = snapshot_loading.latest_change(connection)
            if cached is not None and cached.revision == revision:
                return cached
            found = sorted(queries.list_people(connection), key=lambda person: names.sort_key(person.name))
        # Not the attribute: another thread can replace it by the people of an earlier change.
        self._listing = listing = PeopleListing(revision, tuple(found))
        return listing

    def name_warning(self, name: str) -> str | None:
        """Return a sentence if a name looks like the name of another person, see `names.warn_confusable`."""
        holder = self.find(name)
        others = [person.names for person in self.people() if holder is None or person.id != holder.id]
        return next(names.warn_confusable([name], itertools.chain(*others)), None)

    def add(
        self,
        name: str,
        embeddings: ArrayLike,
        notes: Sequence[str],
        portrait: bytes | None = None,
        crops: Sequence[bytes] | None = None,
        imported: ImportedPhotos | None = None,
        find_new: Callable[[FloatArray], Sequence[int]] | None = None,
        record: Mapping[str, str | None] | None = None,
    ) -> Person:
        """Add anchors to a new or known person, or raise `BasisRequired` or `OptedOut`.

        Args:
            name: 1 to 100 characters.
            embeddings: Float (anchors, dims).
            notes: The file name of each anchor's photo.
            portrait: WebP file that replaces the portrait, or None.
            crops: The face crop of each anchor as WebP, or None to keep no crops.
            imported: The folder photos that an import reviewed, or None.
            find_new: Called in the transaction with the anchors of a known person, float32 (anchors, dims). Returns
                the indices of the embeddings to add. None adds all.
            record: Fields of the person's record to change, see `Record.change`.
        """
        name, rows = names.clean(name), embedding_rows.unit_rows(embeddings)
        if len(notes) != len(rows) or (crops is not None and len(crops) != len(rows)):
            raise InvalidEmbeddings(f"Expected one note per anchor, got {len(notes)} notes for {len(rows)} anchors.")
        added = AddedFaces(name, rows, notes, portrait, crops, imported, find_new, record or {})
        with self._database.writing() as connection:
            return additions.add(connection, added, self._require_basis)

    def check_record(self, name: str, record: Mapping[str, str | None]) -> None:
        """Raise what `add` raises if a person cannot be enrolled with these fields of a record."""
        records.record_to_enroll(name, self.find(name), record, self._require_basis)

    record_import = _writing(queries.record_import)

    def remove(self, person: PersonRef) -> Person:
        """Remove a person, see `remove_people`. `DataRights.erase` erases people for good."""
        return self.remove_people([person])[0]

    def remove_people(self, refs: Sequence[PersonRef]) -> list[Person]:
        """Remove people, at least one, in one change, or none if the gallery lacks one, and return each once.

        `restore` or `undo` brings them back for `recovery_days`.
        """
        with self._database.writing() as connection:
            try:
                found = {person.id: person for ref in refs for person in [queries.get_person(connection, ref)]}
            except PersonNotFound as error:
                raise PersonNotFound(f"{error} No person was removed." if len(refs) > 1 else str(error)) from error
            return removal.remove_people(connection, list(found.values()), purge=False)

    def remove_shipped(self, purge: bool = False) -> list[Person]:
        """Remove or purge all people whose anchors are all from the shipped gallery, and return them."""
        with self._database.writing(purge) as connection:
            found = queries.list_shipped(connection, removed=purge)
            return removal.remove_people(connection, found, purge) if found else []

    restore = _writing(removal.restore)
    change_record = _writing(records.change_record)
    shift_thresholds = _writing(thresholds.shift)
    rename = _writing(naming.rename)
    merge = _writing(naming.merge)
    change_aliases = _writing(naming.change_aliases)
    replace_aliases = _writing(naming.replace_aliases)
    remove_anchors_by_id = _writing(anchor_changes.remove_anchors)
    move_anchors = _writing(anchor_changes.move_anchors)
    reject_faces = _writing(anchor_changes.reject_faces)
    remove_rejected_faces = _writing(anchor_changes.remove_rejected_faces)

    def remove_anchors(self, person: PersonRef, ids: Sequence[int], purge: bool = False) -> Person:
        """Remove anchors of a person, or erase them for good, or raise `FaceNotFound` if one is missing."""
        return self._change_anchors(person, ids, "purged" if purge else "removed")

    def restore_anchors(self, person: PersonRef, ids: Sequence[int]) -> Person:
        """Restore removed anchors of a person, or raise `FaceNotFound` if one is missing."""
        return self._change_anchors(person, ids, "restored")

    def undo(self, expected: int | None = None) -> str:
        """Undo the latest reversible change, if it has the expected ID, and return its description, with names."""
        with self._database.writing() as connection:
            opt_outs.follow_people(connection)
            return change_history.undo(connection, expected)

    def purge_expired(self) -> int:
        """Purge what was removed more than `recovery_days` ago, and return the number of rows.

        After the clock jumped ahead, nothing more expires for a grace period, see `expiry.GalleryClock`.
        """
        with self._database.reading() as connection:
            due = expiry.find_due(connection, timedelta(days=self.recovery_days))
        if due is None:
            return 0
        with self._database.writing(purge=due.expired) as connection:
            return expiry.purge(connection, due)

    def export_bundle(self, path: Path, crops: bool = True) -> int:
        """Write all people into one file, with or without kept crops, and return their number."""
        with self._database.reading() as connection:
            everyone = bundle.collect(connection, crops)
        # First: data that leaves the gallery has an entry, also if the log cannot be written afterwards.
        self.audit.record("exported_gallery", details={"people": len(everyone), "crops": crops})
        bundle.write(path, self.network_id, everyone)
        return len(everyone)

    def import_bundle(
        self, path: Path, crops: bool = False, find_opted_out: FindOptedOut | None = None
    ) -> BundleImport:
        """Add the people of an exported file, with or without their crops.

        People with a known name or alias get the anchors, rejected faces and aliases that they do not have yet.
        Nothing is imported from a file that is damaged or of another network. A list of faces that opted out needs
        `find_opted_out`.
        """
        everyone = bundle.read(path, self.network_id)
        with self._database.writing() as connection:
            imported = bundle.add_people(connection, everyone, crops, self._require_basis, find_opted_out)
        self.rights.hide_expired()
        return imported

    def _change_anchors(self, ref: PersonRef, ids: Sequence[int], action: str) -> Person:
        with self._database.writing(action == "purged") as connection:
            return removal.change_anchors(connection, ref, ids, action)
