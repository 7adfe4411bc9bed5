"""Removal, restoring and purging of people and anchors, within a transaction."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from app import text
from app.errors import FaceNotFound, InvalidRecord, NameTaken, PersonNotFound, SamePerson
from app.gallery import change_history, names
from app.gallery import people as queries
from app.gallery.change_history import Change
from app.gallery.people import Person, PersonRef
from app.gallery.tables import AnchorRow, PersonRow, now

_MAX_LISTED = 10


def change_anchors(connection: Connection, ref: PersonRef, ids: Sequence[int], action: str) -> Person:
    """Apply an action to anchors of a person, removed, restored or purged, and return the person."""
    conditions = {"removed": [AnchorRow.removed.is_(None)], "restored": [AnchorRow.removed.is_not(None)]}
    person = queries.get_person(connection, ref)
    rows = select(AnchorRow.id).where(AnchorRow.person_id == person.id, *conditions.get(action, []))
    kind = "removed anchor" if action == "restored" else "anchor"
    check_found(ids, connection.scalars(rows.where(AnchorRow.id.in_(ids))), f"{person.name} has no {kind}")
    change = Change(connection, reversible=action != "purged")
    if action == "purged":
        change_history.purge(connection, anchors=ids)
    else:
        change.set("anchor", ids, "removed", now() if action == "removed" else None)
    return finish(connection, change, f"{action} {text.count(len(ids), 'anchor')} of person {person.id}", person.id)


def finish(connection: Connection, change: Change, description: str, person_id: int) -> Person:
    """Describe a change of a person, and return the person after it."""
    change.describe(description, person_id)
    return queries.get_person(connection, person_id)


def restore(connection: Connection, person: PersonRef, expires: str | None = None) -> Person:
    """Restore a removed person, the last removed of several with the name, unless a name of theirs is taken now.

    A person whose record has expired needs a new date in `expires`, or "" for none.
    """
    removed = next(iter(queries.list_removed(connection, person)), None)
    if removed is None:
        wanted = f"with the ID {person}" if isinstance(person, int) else f"called {person.strip()!r}"
        raise PersonNotFound(f"There is no removed person {wanted}.")
    if removed.id in change_history.list_merged(connection):
        raise SamePerson(f"{removed.name} was merged into another person. Undo that change, or add their photos again.")
    for name in removed.names:
        if queries.find_person(connection, name):
            raise NameTaken(f"Another person is called {name} now. Rename them first.")
    record = removed.record.change({"expires": expires})
    if record.has_expired():
        raise InvalidRecord(f"The record of {removed.name} expired on {record.expires}. Give a new date with it.")
    change = Change(connection)
    change.set("person", [removed.id], "removed", None)
    if record != removed.record:
        change.set("person", [removed.id], "expires", record.expires or None)
    return finish(connection, change, f"restored person {removed.id}", removed.id)


def find_with_removed(connection: Connection, ref: PersonRef) -> list[Person]:
    """Return the person with a name, alias or ID, and the removed ones with this name or ID."""
    found: list[Person] = [person for person in queries.list_removed(connection, ref) if _is_called(person, ref)]
    if not found:
        return [queries.get_person(connection, ref)]
    # A person who was merged into another is erased without the other, who has the name as an alias.
    present = queries.find_person(connection, ref)
    return [*found, present] if present and _is_called(present, ref) else found


def _is_called(person: Person, ref: PersonRef) -> bool:
    return isinstance(ref, int) or names.key(person.name) == names.key(ref)


def remove_people(connection: Connection, found: Sequence[Person], purge: bool) -> list[Person]:
    """Remove people, or purge them with those who were merged into them; return all of them."""
    if purge:
        return purge_people(connection, with_merged(connection, found))
    ids = [person.id for person in found]
    change = Change(connection)
    change.set("person", ids, "removed", now())
    change.describe(f"removed {list_ids(ids)}", *ids)
    return list(found)


def with_merged(connection: Connection, found: Sequence[Person]) -> list[Person]:
    """Return people, and before them those who were merged into them."""
    merged = change_history.find_merged(connection, [person.id for person in found])
    return [*queries.list_people(connection, ~queries.IS_PRESENT & PersonRow.id.in_(merged)), *found]


def purge_people(connection: Connection, found: Sequence[Person]) -> list[Person]:
    """Purge people, and return them."""
    ids = [person.id for person in found]
    change = Change(connection, reversible=False)
    change_history.purge(connection, people=ids)
    change.describe(f"purged {list_ids(ids)}", *ids)
    return list(found)


def check_found(ids: Sequence[int], found: Iterable[int], problem: str) -> None:
    """Raise FaceNotFound with the first ID that was not found."""
    missing = set(ids) - set(found)
    if missing:
        raise FaceNotFound(f"{problem} with the number {min(missing)}.")


def list_ids(person_ids: Sequence[int]) -> str:
    """Return people for a description of a change: up to ten by ID, otherwise their number."""
    if len(person_ids) > _MAX_LISTED:
        return text.count(len(person_ids), "person")
    return ", ".join(f"person {person_id}" for person_id in person_ids)
