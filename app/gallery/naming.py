"""Names and aliases of people within a transaction: rename, merge, and change aliases.

Names and aliases are unique together, so that each leads to one person. Removed people free theirs.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, insert, select

from app.errors import AliasNotFound, NameTaken, SamePerson
from app.gallery import names, opt_outs
from app.gallery.change_history import OWNED, Change
from app.gallery.people import (
    RECORD_COLUMNS,
    Person,
    PersonRef,
    find_person,
    find_portrait,
    get_person,
    replace_portrait,
)
from app.gallery.removal import finish
from app.gallery.tables import AliasRow, now


def _check_free(connection: Connection, name: str, person_id: int) -> None:
    """Raise `NameTaken` if a name is the name or an alias of another person."""
    holder = find_person(connection, name)
    if holder is not None and holder.id != person_id:
        alias = next((alias for alias in holder.aliases if names.key(alias) == names.key(name)), None)
        called = f"{holder.name}, also known as {alias}" if alias else holder.name
        raise NameTaken(f"Another person is called {called}. Choose another name, or merge the two people.")


def rename(connection: Connection, person: PersonRef, name: str, keep_alias: bool = False) -> Person:
    """Rename a person, unless the new name is invalid or taken. Anchors, portrait and aliases stay.

    With `keep_alias`, the former name becomes an alias.
    """
    name = names.clean(name)
    found = get_person(connection, person)
    _check_free(connection, name, found.id)
    opt_outs.check_new_names(connection, found, [name])
    opt_outs.follow_people(connection, found.names)
    change = Change(connection)
    change.rename(found.id, name)
    _remove_aliases(connection, change, found.id, [name])
    if keep_alias and names.key(found.name) != names.key(name):
        insert_aliases(connection, change, found.id, [found.name])
    return finish(connection, change, f"renamed person {found.id}", found.id)


def find_pair(connection: Connection, person: PersonRef, into: PersonRef) -> tuple[Person, Person]:
    """Return two people to merge, or raise `PersonNotFound` or `SamePerson`."""
    source, target = get_person(connection, person), get_person(connection, into)
    if source.id == target.id:
        raise SamePerson(f"{target.name} cannot be merged with themselves. Choose another person.")
    return source, target


def merge(connection: Connection, person: PersonRef, into: PersonRef) -> Person:
    """Merge a person into another, and return the other one.

    Anchors, rejected faces, aliases and imported photos move. The merged person is removed, and their name becomes an
    alias, so that it still leads to the right person. Their portrait and record replace missing ones.
    """
    source, target = find_pair(connection, person, into)
    opt_outs.check_merge(connection, source, target)
    change = Change(connection)
    portrait = None if target.has_portrait else find_portrait(connection, source.id)
    if portrait is not None:
        replace_portrait(connection, target.id, portrait, change)
    if not target.record:
        for field, value in source.record.fields().items():
            if value:
                change.set("person", [target.id], RECORD_COLUMNS[field].key, value)
    for table, rows in OWNED.items():
        change.set(table, select(rows.id).where(rows.person_id == source.id), "person_id", target.id)
    change.set("person", [source.id], "removed", now())
    insert_aliases(connection, change, target.id, [source.name])
    change.describe(f"merged person {source.id} into person {target.id}", source.id, target.id)
    return get_person(connection, target.id)


def change_aliases(
    connection: Connection, person: PersonRef, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> Person:
    """Add and remove aliases of a person, or raise `AliasNotFound`. Aliases follow the rules of names."""
    found = get_person(connection, person)
    known = {names.key(alias): alias for alias in found.aliases}
    removed = {names.key(alias): alias for alias in remove}
    missing = next((alias for key, alias in removed.items() if key not in known), None)
    if missing is not None:
        listed = f"Their aliases are: {', '.join(found.aliases)}." if found.aliases else "They have no alias."
        raise AliasNotFound(f"{found.name} has no alias {missing.strip()!r}. {listed}")
    kept = {key: alias for key, alias in known.items() if key not in removed}
    added = {names.key(alias): names.clean(alias) for alias in add}
    new = {key: alias for key, alias in added.items() if key != names.key(found.name) and kept.get(key) != alias}
    for alias in new.values():
        _check_free(connection, alias, found.id)
    if not new and not removed:
        return found
    opt_outs.check_new_names(connection, found, new.values())
    opt_outs.follow_people(connection, found.names)
    change = Change(connection)
    _remove_aliases(connection, change, found.id, [*removed, *new])
    insert_aliases(connection, change, found.id, new.values())
    return finish(connection, change, f"changed the aliases of person {found.id}", found.id)


def replace_aliases(connection: Connection, person: PersonRef, aliases: Sequence[str]) -> Person:
    """Replace all aliases of a person."""
    wanted = {names.key(alias) for alias in aliases}
    dropped = [alias for alias in get_person(connection, person).aliases if names.key(alias) not in wanted]
    return change_aliases(connection, person, aliases, dropped)


def insert_aliases(connection: Connection, change: Change, person_id: int, aliases: Iterable[str]) -> None:
    """Insert aliases that are free."""
    rows = [
        {"person_id": person_id, "name": alias, "key": names.key(alias), "revision_id": change.id} for alias in aliases
    ]
    if rows:
        connection.execute(insert(AliasRow), rows)


def _remove_aliases(connection: Connection, change: Change, person_id: int, aliases: Iterable[str]) -> None:
    keys = [names.key(alias) for alias in aliases]
    owned = select(AliasRow.id).where(AliasRow.person_id == person_id, AliasRow.removed.is_(None))
    change.set("alias", owned.where(AliasRow.key.in_(keys)), "removed", now())
