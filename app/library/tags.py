"""Tags: people in a photo whose face is not visible, such as from behind."""

from __future__ import annotations

import sqlite3

from app.errors import LibraryError
from app.library import changes, people
from app.library.store import Library

SHOWN = """
SELECT tag.photo_id, tag.person_id FROM tag WHERE NOT EXISTS (
    SELECT 1 FROM face WHERE face.photo_id = tag.photo_id AND +face.person_id = tag.person_id AND verdict = 'match')
"""
"""Query of the tags of people without a face in the photo. A tag does not count if a face was named so later."""


def find_photo(library: Library, file: str) -> int:
    """Return the ID of a photo by the path of its file, see `display_path`."""
    with library.reading() as connection:
        found = connection.execute("SELECT photo_id FROM file WHERE path = ?", (file,)).fetchone()
    if not found:
        raise LibraryError(f"{file}: The library has no such photo. Run: whopic library index")
    return int(found[0])


def tag(library: Library, photo_id: int, name: str) -> None:
    """Record that a person is in a photo without a face.

    Raises:
        LibraryError: the photo has the tag, or a face of the person.
    """
    with changes.recording(library, "tag", photos=1) as change:
        change.person_id = people.ensure(change.connection, name)
        if not add(change.connection, photo_id, change.person_id):
            raise LibraryError(f"{name} is in this photo already.")


def add(connection: sqlite3.Connection, photo_id: int, person_id: int) -> bool:
    """Add a tag, in a transaction, and return False if the photo shows the person already."""
    face = "SELECT 1 FROM face WHERE photo_id = ? AND +person_id = ? AND verdict = 'match'"
    if connection.execute(face, (photo_id, person_id)).fetchone():
        return False
    return connection.execute("INSERT OR IGNORE INTO tag VALUES (?, ?)", (photo_id, person_id)).rowcount > 0


def untag(library: Library, photo_id: int, name: str) -> None:
    """Remove a tag. Raise an error if the photo does not have it."""
    with changes.recording(library, "untag", photos=1) as change:
        change.person_id = people.find(change.connection, name)
        removed = change.connection.execute(
            "DELETE FROM tag WHERE photo_id = ? AND person_id = ?", (photo_id, change.person_id)
        ).rowcount
        if not removed:
            raise LibraryError(f"{name} is not tagged in this photo.")


def of_photo(library: Library, photo_id: int) -> list[str]:
    """Return the names of the people who are tagged in a photo."""
    query = f"SELECT name FROM ({SHOWN} AND tag.photo_id = ?) JOIN person ON person.id = person_id ORDER BY key"
    with library.reading() as connection:
        return [name for (name,) in connection.execute(query, (photo_id,))]
