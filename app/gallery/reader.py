"""Reading of the gallery: snapshot, people, portraits, anchors, rejected faces and change history."""

from __future__ import annotations

import threading

from sqlalchemy import select

from app.gallery import change_history, names, people, snapshot_loading
from app.gallery.database import Database
from app.gallery.people import IS_PRESENT, Anchor, Person, PersonRef, RemovedPerson
from app.gallery.snapshot import Snapshot
from app.gallery.tables import CropRow, PersonRow, PortraitRow


class GalleryReader:
    """Queries of `Gallery`, each in its own transaction."""

    def __init__(self, database: Database, network_id: str) -> None:
        self.network_id = network_id
        self._database = database
        self._snapshot: Snapshot | None = None
        self._people: tuple[int, tuple[Person, ...]] | None = None
        self._loading = threading.Lock()

    def close(self) -> None:
        """Close the database connections."""
        self._database.close()

    def snapshot(self) -> Snapshot:
        """Return all people with anchors, sorted by name; the same object until the gallery changes."""
        current = self._snapshot
        with self._database.reading() as connection:
            if current is not None and current.revision == snapshot_loading.revision(connection):
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
        cached = self._people
        with self._database.reading() as connection:
            revision = snapshot_loading.revision(connection)
            if cached is not None and cached[0] == revision:
                return cached[1]
            found = people.list_people(connection)
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
            return people.list_removed(connection)

    def shipped_people(self, removed: bool = False) -> list[Person]:
        """Return the people whose anchors are all from the shipped gallery, optionally also removed ones."""
        with self._database.reading() as connection:
            return people.list_shipped(connection, removed)

    def added_people(self) -> list[Person]:
        """Return the people with an anchor that is not from the shipped gallery."""
        with self._database.reading() as connection:
            return people.list_people(connection, people.HAS_ADDED_ANCHORS & IS_PRESENT)

    def portrait(self, person: PersonRef) -> bytes | None:
        """Return a person's portrait as WebP, or None without a portrait."""
        with self._database.reading() as connection:
            rows = select(PortraitRow.webp).join(PersonRow).where(people.is_person(person), IS_PRESENT)
            return connection.scalar(rows)

    def anchors(self, person: PersonRef | None = None) -> list[Anchor]:
        """Return the anchors of a person, or of all people."""
        with self._database.reading() as connection:
            return people.list_anchors(connection, person)

    def crop(self, anchor_id: int) -> bytes | None:
        """Return the face crop of an anchor as WebP, or None if it was not kept."""
        with self._database.reading() as connection:
            return connection.scalar(select(CropRow.webp).where(CropRow.anchor_id == anchor_id))

    def rejected_faces(self, person: PersonRef | None = None) -> list[Anchor]:
        """Return the faces that were marked as not a person, or as not any person."""
        with self._database.reading() as connection:
            return people.list_rejected_faces(connection, person)

    def imported_photos(self, folder: str) -> tuple[Person | None, frozenset[str]]:
        """Return the person enrolled from a folder and the photos reviewed then, see `ImportedPhotos`."""
        with self._database.reading() as connection:
            return people.find_imported(connection, folder)

    def history(self, limit: int = 20) -> list[change_history.PastChange]:
        """Return the latest changes, the newest first."""
        with self._database.reading() as connection:
            return change_history.history(connection, limit)
