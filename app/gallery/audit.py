"""Audit log: append-only, hash-chained entries in the gallery's database, within a transaction.

The hash of an entry covers the hash of the former entry and the entry's canonical JSON, so a changed, inserted or
deleted entry breaks the chain. An entry has a person's ID and a salted commitment to the name, SHA-256(salt:name).
Name and salt are in a row of their own: without that row the chain stays verifiable, and the name cannot be guessed.

Entries hold no photo and no embedding, and `details` no name of a person.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, or_, select

from app.gallery import names
from app.gallery.actor import Actor, current_actor
from app.gallery.database import batches
from app.gallery.tables import AliasRow, AuditRow, AuditSubjectRow, PersonRow, now

FIRST_HASH = "0" * 64
"""Hash before the first entry."""

EXPIRED = "audit_expired"
"""Action of the entry that replaces the oldest entries: `through` is the last deleted number, `hash` its hash."""

Details = Mapping[str, object]

_CHAINED = (
    AuditRow.id,
    AuditRow.made,
    AuditRow.actor,
    AuditRow.action,
    AuditRow.person_id,
    AuditRow.commitment,
    AuditRow.details,
)
_NAME = (AuditSubjectRow.name, AuditSubjectRow.salt)


@dataclass(frozen=True)
class Subject:
    """The person whom an entry is about. `person_id` is None for people of a library who are not in the gallery."""

    name: str
    person_id: int | None = None


@dataclass(frozen=True)
class AuditEntry:
    """An entry of the audit log. `person` is None if the entry names no person, or after `forget_person`."""

    number: int
    time: datetime
    actor: str
    action: str
    person_id: int | None
    commitment: str | None
    details: dict[str, Any]
    person: str | None = None
    salt: str | None = None
    hash: str = ""

    @property
    def subject(self) -> str:
        """The person's name, `person 7` after it was erased, or "" for an entry about no person."""
        if self.person_id is None and self.commitment is None:
            return ""
        return self.person or f"person {self.person_id or '?'}"

    def chained(self) -> dict[str, Any]:
        """Return the fields that the hash covers, as JSON values."""
        return {
            "number": self.number,
            "time": self.time.isoformat(timespec="microseconds"),
            "actor": self.actor,
            "action": self.action,
            "person_id": self.person_id,
            "commitment": self.commitment,
            "details": self.details,
        }


@dataclass(frozen=True)
class Verification:
    """Result of `verify`: the first and last number, the last hash, and a sentence for each problem."""

    first: int
    last: int
    hash: str
    problems: tuple[str, ...] = field(default=())


def record(
    connection: Connection,
    action: str,
    person: str | int | Subject | None = None,
    details: Details | None = None,
    actor: Actor | None = None,
) -> None:
    """Append an entry, in a transaction of `Database.writing`, which admits one writer at a time.

    Args:
        connection: The transaction of the recorded change, so that both are stored, or neither.
        action: What happened, as a code such as `signed_in`, at most 40 characters.
        person: Whom it concerns: the ID of a person, whose name is looked up; the name or alias of a person; a
            `Subject`; or None.
        details: JSON values without names of people, such as numbers and options.
        actor: Who did it, by default `current_actor()`.

    Example:
        >>> with database.writing() as connection:
        ...     audit.record(connection, "exported_person", "Ann Lee", {"crops": 3})
    """
    record_people(connection, action, [person], details, actor)


def record_people(
    connection: Connection,
    action: str,
    people: Iterable[str | int | Subject | None],
    details: Details | None = None,
    actor: Actor | None = None,
) -> None:
    """Append an entry for each of several people. Arguments are as in `record`."""
    number, previous = head(connection)
    subjects = _resolve(connection, list(people))
    stored = _store_names(connection, [subject for subject in subjects if isinstance(subject, Subject)])
    rows = []
    for subject in subjects:
        number += 1
        person_id: int | None
        subject_id = commitment = None
        if isinstance(subject, Subject):
            person_id, (subject_id, salt) = subject.person_id, stored[subject]
            commitment = _commitment(salt, subject.name)
        else:
            person_id = subject
        time, content = now(), dict(details or {})
        entry = AuditEntry(number, time, str(actor or current_actor()), action, person_id, commitment, content)
        previous = _chain(previous, entry)
        rows.append(
            {
                "id": number,
                "made": entry.time.isoformat(timespec="microseconds"),
                "actor": entry.actor,
                "action": action,
                "person_id": person_id,
                "commitment": commitment,
                "details": _canonical(content).decode(),
                "subject_id": subject_id,
                "hash": previous,
            }
        )
    if rows:
        connection.execute(insert(AuditRow), rows)


def head(connection: Connection) -> tuple[int, str]:
    """Return number and hash of the last entry: 0 and `FIRST_HASH` for an empty log."""
    row = connection.execute(select(AuditRow.id, AuditRow.hash).order_by(AuditRow.id.desc()).limit(1)).first()
    return (row.id, row.hash) if row else (0, FIRST_HASH)


def forget_person(connection: Connection, person_ids: Iterable[int] = (), person_names: Iterable[str] = ()) -> int:
    """Erase the names of people from the log, and return the number of erased names. The log stays verifiable.

    Entries keep the IDs of people, which are never reused.

    Args:
        connection: A transaction of `Database.writing`.
        person_ids: IDs of the gallery.
        person_names: Names, in any case, of people of a library without an ID.
    """
    keys = [names.key(name) for name in person_names]
    conditions: list[ColumnElement[bool]] = [
        *(AuditSubjectRow.person_id.in_(ids) for ids in batches(list(person_ids))),
        *(AuditSubjectRow.person_id.is_(None) & AuditSubjectRow.key.in_(part) for part in batches(keys)),
    ]
    return sum(connection.execute(delete(AuditSubjectRow).where(condition)).rowcount for condition in conditions)


def find_entries(
    connection: Connection,
    limit: int | None = None,
    before: int | None = None,
    action: str | None = None,
    person_ids: Sequence[int] = (),
    person_names: Sequence[str] = (),
) -> list[AuditEntry]:
    """Return entries, the latest first.

    Args:
        connection: Any transaction.
        limit: Most entries, or None for all.
        before: Only entries with smaller numbers.
        action: Only entries with this action.
        person_ids: Only entries about people with these IDs, or about `person_names`.
        person_names: Names, in any case, of people of a library without an ID.
    """
    rows = _entries().order_by(AuditRow.id.desc()).limit(limit)
    if before is not None:
        rows = rows.where(AuditRow.id < before)
    if action is not None:
        rows = rows.where(AuditRow.action == action)
    if person_ids or person_names:
        keys = [names.key(name) for name in person_names]
        named = and_(AuditSubjectRow.person_id.is_(None), AuditSubjectRow.key.in_(keys))
        rows = rows.where(or_(AuditRow.person_id.in_(person_ids), named))
    return [_entry(row) for row in connection.execute(rows)]


def iterate(connection: Connection) -> Iterator[AuditEntry]:
    """Yield all entries, the oldest first, reading some at a time."""
    for row in connection.execute(_entries().order_by(AuditRow.id), execution_options={"yield_per": 1000}):
        yield _entry(row)


def verify(connection: Connection) -> Verification:
    """Check the hash of every entry, that no number is missing, and that names match their commitments."""
    problems: list[str] = []
    checkpoint = connection.execute(
        _entries().where(AuditRow.action == EXPIRED).order_by(AuditRow.id.desc()).limit(1)
    ).first()
    number, previous = 0, FIRST_HASH
    if checkpoint:
        details = json.loads(checkpoint.details)
        number, previous = int(details["through"]), str(details["hash"])
    first = number + 1
    for entry in iterate(connection):
        if entry.number != number + 1:
            problems.append(_describe_gap(number + 1, entry.number - 1))
        elif entry.hash != _chain(previous, entry):
            problems.append(f"Entry {entry.number} was changed: its hash does not match.")
        if entry.salt is not None and entry.commitment != _commitment(entry.salt, entry.person or ""):
            problems.append(f"Entry {entry.number} has another name than when it was written.")
        number, previous = entry.number, entry.hash
    return Verification(first, number, previous, tuple(problems))


def expire(connection: Connection, before: datetime) -> int:
    """Delete the oldest entries, those before a time, and return their number. The rest stays verifiable."""
    text = before.isoformat(timespec="microseconds")
    # By number: a clock that was set back leaves later entries with earlier times.
    kept = connection.scalar(select(func.min(AuditRow.id)).where(AuditRow.made >= text))
    last, last_hash = head(connection)
    through = last if kept is None else kept - 1
    row = connection.execute(select(AuditRow.hash).where(AuditRow.id == through)).first()
    if row is None:
        return 0
    record(connection, EXPIRED, details={"through": through, "hash": last_hash if kept is None else row.hash})
    deleted = connection.execute(delete(AuditRow).where(AuditRow.id <= through)).rowcount
    used = select(AuditRow.id).where(AuditRow.subject_id == AuditSubjectRow.id).exists()
    connection.execute(delete(AuditSubjectRow).where(~used))
    return deleted


def has_expired(connection: Connection, before: datetime) -> bool:
    """Return whether the oldest entry is from before a time."""
    oldest = connection.scalar(select(AuditRow.made).order_by(AuditRow.id).limit(1))
    return oldest is not None and oldest < before.isoformat(timespec="microseconds")


def count_since(connection: Connection, action: str, span: timedelta) -> int:
    """Return how many entries with an action were written in the last time span."""
    since = (now() - span).isoformat(timespec="microseconds")
    found = select(func.count(AuditRow.id)).where(AuditRow.action == action, AuditRow.made > since)
    return connection.scalar(found) or 0


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as JSON values, with all that is needed to verify it."""
    return entry.chained() | {"person": entry.person, "salt": entry.salt, "hash": entry.hash}


def _entries() -> Select[*tuple[Any, ...]]:
    columns = select(*_CHAINED, AuditRow.hash, *_NAME)
    return columns.outerjoin(AuditSubjectRow, AuditSubjectRow.id == AuditRow.subject_id)


def _entry(row: Row[*tuple[Any, ...]]) -> AuditEntry:
    return AuditEntry(
        row.id,
        datetime.fromisoformat(row.made),
        row.actor,
        row.action,
        row.person_id,
        row.commitment,
        json.loads(row.details),
        row.name,
        row.salt,
        row.hash,
    )


def _resolve(connection: Connection, people: Sequence[str | int | Subject | None]) -> list[Subject | int | None]:
    """Return the subjects, and the IDs alone of people who are erased."""
    ids = [person for person in people if isinstance(person, int)]
    columns = select(PersonRow.id, PersonRow.name)
    rows = (row for batch in batches(ids) for row in connection.execute(columns.where(PersonRow.id.in_(batch))))
    found = {row.id: Subject(row.name, row.id) for row in rows}
    return [
        found.get(person, person)
        if isinstance(person, int)
        else _find_named(connection, person)
        if isinstance(person, str)
        else person
        for person in people
    ]


def _find_named(connection: Connection, name: str) -> Subject:
    key = names.key(name)
    named = select(PersonRow.id).where(PersonRow.key == key, PersonRow.removed.is_(None))
    by_alias = select(AliasRow.person_id).where(AliasRow.key == key, AliasRow.removed.is_(None))
    return Subject(name, connection.scalar(named) or connection.scalar(by_alias))


def _store_names(connection: Connection, subjects: Sequence[Subject]) -> dict[Subject, tuple[int, str]]:
    """Store names that the log does not have, and return the ID and salt of each subject's name."""
    columns = select(AuditSubjectRow.id, AuditSubjectRow.salt, AuditSubjectRow.person_id, AuditSubjectRow.name)
    found: dict[Subject, tuple[int, str]] = {}
    for batch in batches(list({names.key(subject.name): None for subject in subjects})):
        for row in connection.execute(columns.where(AuditSubjectRow.key.in_(batch))):
            found[Subject(row.name, row.person_id)] = row.id, row.salt
    new = [subject for subject in dict.fromkeys(subjects) if subject not in found]
    if new:
        salts = [secrets.token_hex(16) for _ in new]
        values = [
            {"person_id": subject.person_id, "name": subject.name, "key": names.key(subject.name), "salt": salt}
            for subject, salt in zip(new, salts, strict=True)
        ]
        inserted = insert(AuditSubjectRow).returning(AuditSubjectRow.id, sort_by_parameter_order=True)
        stored = zip(connection.scalars(inserted, values), salts, strict=True)
        found |= dict(zip(new, stored, strict=True))
    return found


def _commitment(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt}:{name}".encode()).hexdigest()


def _chain(previous: str, entry: AuditEntry) -> str:
    return hashlib.sha256(previous.encode() + _canonical(entry.chained())).hexdigest()


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _describe_gap(first: int, last: int) -> str:
    return f"Entry {first} is missing." if first == last else f"Entries {first} to {last} are missing."
