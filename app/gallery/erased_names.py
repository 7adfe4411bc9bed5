"""Names of erased people: collect all that a person had, and recognize them again without storing them.

Exports that were made before people had IDs have names alone. The gallery keeps SHA-256(salt:key) of each name of an
erased person. A hash does not reveal a name, but shows whether a guess is right.
"""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, insert, select, union_all

from app.gallery import names
from app.gallery.change_log import NEW_NAME
from app.gallery.database import batches
from app.gallery.tables import AliasRow, AuditSubjectRow, ErasedNameRow, FormerValueRow, PersonRow


def list_names(connection: Connection, person_ids: Collection[int]) -> list[str]:
    """Return every name that people have and had: names, aliases, and those of changes and of the audit log."""
    found: list[str | None] = []
    for ids in batches(list(person_ids)):
        former = select(FormerValueRow.value).where(FormerValueRow.table == "person", FormerValueRow.row_id.in_(ids))
        for query in (
            select(PersonRow.name).where(PersonRow.id.in_(ids)),
            select(AliasRow.name).where(AliasRow.person_id.in_(ids)),
            former.where(FormerValueRow.column.in_(("name", NEW_NAME))),
            select(AuditSubjectRow.name).where(AuditSubjectRow.person_id.in_(ids)),
        ):
            found += connection.scalars(query)
    return list({names.key(name): name for name in reversed(found) if name}.values())


def without_used(connection: Connection, people_names: Iterable[str], erased: Collection[int] = ()) -> list[str]:
    """Leave out the names and aliases of people in the gallery, also of removed ones, apart from those being erased."""
    return [name for name in people_names if not _find_owners(connection, name) - set(erased)]


def _find_owners(connection: Connection, name: str) -> set[int]:
    key = names.key(name)
    people = select(PersonRow.id).where(PersonRow.key == key)
    aliases = select(AliasRow.person_id).where(AliasRow.key == key)
    return set(connection.scalars(union_all(people, aliases)))


def remember(connection: Connection, people_names: Iterable[str]) -> None:
    """Store the hashes of names of people who are erased."""
    salt = secrets.token_hex(16)
    rows = [{"salt": salt, "hash": _hash(salt, name)} for name in people_names]
    if rows:
        connection.execute(insert(ErasedNameRow), rows)


class ErasedNames:
    """The hashes of all names of erased people."""

    def __init__(self, connection: Connection) -> None:
        self._hashes: defaultdict[str, set[str]] = defaultdict(set)
        for salt, digest in connection.execute(select(ErasedNameRow.salt, ErasedNameRow.hash)):
            self._hashes[salt].add(digest)

    def has_any(self, people_names: Iterable[str]) -> bool:
        """Return whether an erased person had one of these names."""
        return any(_hash(salt, name) in known for name in people_names for salt, known in self._hashes.items())


def _hash(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt}:{names.key(name)}".encode()).hexdigest()
