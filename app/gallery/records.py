"""Records of people in the database: change them, hide people whose record has expired, and list who expires."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, update

from app.errors import BasisRequired
from app.gallery import people as queries
from app.gallery.change_history import Change
from app.gallery.people import Person, PersonRef, RemovedPerson
from app.gallery.record import FIELDS, NO_RECORD, Record, today
from app.gallery.removal import finish, list_ids
from app.gallery.tables import PersonRow, now


@dataclass(frozen=True)
class Expiry:
    """What expires: people to hide, people who are hidden, with the day of erasure, and people who expire later."""

    due: tuple[Person, ...]
    hidden: tuple[tuple[RemovedPerson, date], ...]
    upcoming: tuple[Person, ...]


def change_record(connection: Connection, person: PersonRef, values: Mapping[str, str | None]) -> Person:
    """Change fields of a person's record, see `Record.change`, and return the person."""
    found = queries.get_person(connection, person)
    record = found.record.change(values)
    if record == found.record:
        return found
    change = Change(connection)
    write_record(change, found, record)
    return finish(connection, change, f"changed the record of person {found.id}", found.id)


def write_record(change: Change, person: Person, record: Record) -> None:
    """Write the fields of a record that differ from a person's, as a part of a change that can be undone."""
    before, after = person.record.fields(), record.fields()
    for name in FIELDS:
        if before[name] != after[name]:
            change.set("person", [person.id], queries.RECORD_COLUMNS[name].key, after[name] or None)


def record_to_enroll(name: str, person: Person | None, values: Mapping[str, str | None], require_basis: bool) -> Record:
    """Return the record of a new person, None, or a known one after a change of fields, see `Record.change`.

    Raises:
        InvalidRecord: A value is invalid, or the record would have expired.
        BasisRequired: A basis is required, and the record has none.
    """
    record = (person.record if person else NO_RECORD).change(values)
    if require_basis:
        check_basis(name, record)
    return record


def check_basis(name: str, record: Record) -> None:
    """Raise `BasisRequired` if a record has no basis."""
    if not record.basis:
        raise BasisRequired(
            f"{name} has no legal basis in the gallery, and FACES_REQUIRE_BASIS requires one. Give the basis with the "
            "photos, or change the record of a known person first."
        )


def find_due(connection: Connection) -> list[Person]:
    """Return the people whose record has expired and who are still in the gallery."""
    return queries.list_people(connection, queries.IS_PRESENT & (PersonRow.expires <= today()))


def hide_expired(connection: Connection) -> list[Person]:
    """Remove the people whose record has expired, so that they are erased after the recovery time."""
    due = find_due(connection)
    if due:
        ids = [person.id for person in due]
        # Undoing would last until the next check only: a new date brings them back, see `removal.restore`.
        change = Change(connection, reversible=False)
        connection.execute(update(PersonRow).where(PersonRow.id.in_(ids)).values(removed=now()))
        change.describe(f"hid {list_ids(ids)}: the record expired", *ids)
    return due


def list_expiry(connection: Connection, recovery_days: int, within_days: int) -> Expiry:
    """Return who has expired, and who will within some days, by date."""
    until = (datetime.now(UTC).date() + timedelta(days=within_days)).isoformat()
    coming = (PersonRow.expires > today()) & (PersonRow.expires <= until)
    hidden = [person for person in queries.list_removed(connection) if person.record.has_expired()]
    return Expiry(
        tuple(find_due(connection)),
        tuple((person, (person.removed + timedelta(days=recovery_days)).date()) for person in hidden),
        tuple(sorted(queries.list_people(connection, queries.IS_PRESENT & coming), key=_expires)),
    )


def _expires(person: Person) -> str:
    return person.record.expires
