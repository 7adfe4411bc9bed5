"""People of a library: the names of its faces, which follow the gallery and remain after a person left it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence

from app import text
from app.errors import PersonNotFound
from app.gallery import names
from app.gallery.name_search import suggest
from app.gallery.store import Person
from app.library import changes


def ensure(connection: sqlite3.Connection, name: str) -> int:
    """Return the ID of the person with a name, who is added if the library does not know them."""
    name = names.clean(name)
    connection.execute("INSERT OR IGNORE INTO person (name, key) VALUES (?, ?)", (name, names.key(name)))
    return int(connection.execute("SELECT id FROM person WHERE key = ?", (names.key(name),)).fetchone()[0])


def find(connection: sqlite3.Connection, name: str) -> int:
    """Return the ID of a person, by name in any case, or raise `PersonNotFound` with similar names."""
    found = connection.execute("SELECT id FROM person WHERE key = ?", (names.key(name),)).fetchone()
    if found:
        return int(found[0])
    used = "SELECT name FROM person WHERE id IN (SELECT person_id FROM face UNION ALL SELECT person_id FROM tag)"
    similar = suggest(name, connection.execute(used).fetchall())
    hint = f" Did you mean {text.alternatives(similar)}?" if similar else ""
    raise PersonNotFound(f"The library has no person called {name.strip()!r}.{hint}")


def find_all(
    connection: sqlite3.Connection, people_names: Sequence[str], gallery_ids: Sequence[int], gallery_url: str
) -> list[int]:
    """Return the IDs in the library of people with names, in any case, or with IDs in the gallery at a URL."""
    known_ids = gallery_ids if is_of_gallery(connection, gallery_url) else ()
    keys, ids = (", ".join("?" * len(column)) for column in (people_names, known_ids))
    query = f"SELECT id FROM person WHERE key IN ({keys}) OR gallery_id IN ({ids})"
    return [row[0] for row in connection.execute(query, [*map(names.key, people_names), *known_ids])]


def is_known(connection: sqlite3.Connection, name: str) -> bool:
    """Return whether the library has a person with a name, in any case."""
    return connection.execute("SELECT 1 FROM person WHERE key = ?", (names.key(name),)).fetchone() is not None


def is_of_gallery(connection: sqlite3.Connection, gallery_url: str) -> bool:
    """Return whether the library's IDs of people are from a gallery, at a database URL."""
    known = connection.execute("SELECT value FROM property WHERE key = 'gallery'").fetchone()
    return known is not None and json.loads(known[0]) == _digest(gallery_url)


def set_gallery(connection: sqlite3.Connection, gallery_url: str) -> None:
    """Record from which gallery the library's IDs of people are."""
    connection.execute("REPLACE INTO property VALUES ('gallery', ?)", (json.dumps(_digest(gallery_url)),))


def _digest(gallery_url: str) -> str:
    # The URL may contain a password.
    return hashlib.sha256(gallery_url.encode()).hexdigest()


def follow_gallery(connection: sqlite3.Connection, people: Iterable[Person], same_gallery: bool) -> dict[int, int]:
    """Add, rename and merge people as the gallery did, and return their IDs in the library by those in the gallery.

    Args:
        connection: In a transaction.
        people: All people of the gallery.
        same_gallery: Whether the library's IDs of people are from this gallery.
    """
    if not same_gallery:
        connection.execute("UPDATE person SET gallery_id = NULL")
    present = {person.id: person for person in people}
    rows = connection.execute("SELECT gallery_id, id, name FROM person WHERE gallery_id IS NOT NULL")
    known = {gallery_id: (person_id, name) for gallery_id, person_id, name in rows if gallery_id in present}
    # Two people may have exchanged their names.
    renamed = [(person_id,) for gallery_id, (person_id, name) in known.items() if name != present[gallery_id].name]
    connection.executemany("UPDATE person SET key = 'renamed: ' || id WHERE id = ?", renamed)
    by_key = dict(connection.execute("SELECT key, id FROM person").fetchall())
    ids: dict[int, int] = {}
    for gallery_id, person in present.items():
        key = names.key(person.name)
        person_id, former = known.get(gallery_id, (by_key.get(key), None))
        if person_id is None:
            person_id = ensure(connection, person.name)
        # A merged person remains as an alias.
        for name in person.names:
            if by_key.get(names.key(name), person_id) != person_id:
                _merge(connection, by_key[names.key(name)], person_id)
        if person.name != former:
            connection.execute(
                "UPDATE person SET name = ?, key = ?, gallery_id = ? WHERE id = ?",
                (person.name, key, gallery_id, person_id),
            )
        ids[gallery_id] = person_id
    return ids


def _merge(connection: sqlite3.Connection, person_id: int, into: int) -> None:
    """Give the faces and tags of a person to another one, who got the same name."""
    for column in ("person_id", "candidate_id"):
        connection.execute(f"UPDATE face SET {column} = ? WHERE {column} = ?", (into, person_id))
    connection.execute("UPDATE OR IGNORE rejection SET person_id = ? WHERE person_id = ?", (into, person_id))
    connection.execute("DELETE FROM rejection WHERE person_id = ?", (person_id,))
    connection.execute("UPDATE OR IGNORE tag SET person_id = ? WHERE person_id = ?", (into, person_id))
    connection.execute("DELETE FROM tag WHERE person_id = ?", (person_id,))
    changes.replace_person(connection, person_id, into)
    connection.execute("DELETE FROM person WHERE id = ?", (person_id,))


def list_names(connection: sqlite3.Connection) -> Sequence[tuple[str, int]]:
    """Return the names of all people with faces, the most frequent first, and their numbers of faces."""
    return connection.execute(
        "SELECT name, count(*) FROM face JOIN person ON person.id = person_id GROUP BY person.id ORDER BY 2 DESC, key"
    ).fetchall()
