"""Rights of people: expiry of their records, the opt-out list, and the list of erased people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from app.errors import OptedOut
from app.gallery import audit, embedding_rows, erasures, opt_outs, person_data, records, removal
from app.gallery.database import Database
from app.gallery.erasures import Erasable, Erasure
from app.gallery.opt_outs import OptOut
from app.gallery.people import Person, PersonRef
from app.gallery.person_data import PersonData
from app.gallery.raw_scan import Search, search_files
from app.gallery.records import Expiry


@dataclass(frozen=True)
class ErasureProof:
    """Whom an erasure erased, and what a search of all bytes of the database's files found."""

    erased: Erasable
    search: Search

    @property
    def people(self) -> tuple[Person, ...]:
        """The erased people."""
        return self.erased.people


class DataRights:
    """Expiry, opt-outs and erasures of a gallery; see `Gallery.rights`."""

    def __init__(self, database: Database, recovery_days: int) -> None:
        self._database = database
        self._recovery_days = recovery_days

    def list_expiry(self, within_days: int = 30) -> Expiry:
        """Return the people whose record has expired, or will within some days."""
        with self._database.reading() as connection:
            return records.list_expiry(connection, self._recovery_days, within_days)

    def hide_expired(self) -> list[Person]:
        """Hide the people whose record has expired, and return them. They are purged like removed people."""
        with self._database.reading() as connection:
            if not records.find_due(connection):
                return []
        with self._database.writing() as connection:
            return records.hide_expired(connection)

    def check_name(self, name: str) -> None:
        """Raise `OptedOut` if a name is on the opt-out list."""
        with self._database.reading() as connection:
            opt_outs.check_name(connection, name)

    def has_opted_out(self, name: str) -> bool:
        """Return whether a name is on the opt-out list."""
        try:
            self.check_name(name)
        except OptedOut:
            return True
        return False

    def list_opt_outs(self) -> list[OptOut]:
        """Return the opt-out list, the oldest entry first."""
        with self._database.reading() as connection:
            return opt_outs.list_all(connection)

    def add_opt_out(
        self, name: str | None, embeddings: ArrayLike | None = None, reference: str | None = None
    ) -> OptOut:
        """Never name or enroll a person from now on, by name, by faces, float (faces, dims), or by both."""
        rows = None if embeddings is None else embedding_rows.unit_rows(embeddings)
        with self._database.writing() as connection:
            return opt_outs.add(connection, name, rows, reference)

    def remove_opt_out(self, opt_out_id: int) -> None:
        """Remove an entry of the opt-out list, and erase its face, or raise `PersonNotFound`."""
        with self._database.writing(purge=True) as connection:
            opt_outs.remove(connection, opt_out_id)

    def find_erasable(self, refs: Sequence[PersonRef], skip_missing: bool = False) -> Erasable:
        """Return whom `erase` would erase, or raise `PersonNotFound`."""
        with self._database.reading() as connection:
            return erasures.find_erasable(connection, refs, skip_missing)

    def erase(self, refs: Sequence[PersonRef], skip_missing: bool = False) -> ErasureProof:
        """Erase people for good, with those who were removed with these names or merged into them, and prove it.

        Nothing is erased if the gallery lacks one of them. With `skip_missing` the others are erased, and names that it
        lacks leave the audit log, which may have them from a library.
        """
        with self._database.writing(purge=True) as connection:
            found = erasures.find_erasable(connection, refs, skip_missing)
            audit.forget_person(connection, person_names=found.missing)
            traces = erasures.collect_traces(connection, found.ids)
            if found.people:
                removal.purge_people(connection, found.people)
            traces = erasures.without_shared(connection, traces)
        return ErasureProof(found, search_files(self._database.files, traces))

    def collect_data(self, person: PersonRef) -> PersonData:
        """Return everything that the gallery holds about a person, also a removed one, or raise `PersonNotFound`."""
        with self._database.writing() as connection:
            # The export itself is an entry about the person.
            audit.record(connection, "exported_data", person_data.find(connection, person).id)
            return person_data.collect(connection, person)

    def list_erasures(self) -> list[Erasure]:
        """Return all erased people, the first erased first."""
        with self._database.reading() as connection:
            return erasures.list_erasures(connection)

    def apply_erasures(self, listed: Collection[Erasure]) -> list[Person]:
        """Erase the people of a list of erased people, such as the one from before a restore, and return them."""
        with self._database.writing(purge=True) as connection:
            return erasures.apply_erasures(connection, listed)
