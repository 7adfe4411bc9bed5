"""Record of imported photos: which photos of a person's folder an import has reviewed, so that the next skips them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from app.gallery import people
from app.gallery.people import Person
from app.gallery.tables import ImportedRow, PersonRow


@dataclass(frozen=True)
class ImportedPhotos:
    """Photos of one person's folder.

    Both are SHA-256 digests in hexadecimal, so the record holds no name and no path.

    Attributes:
        folder: the folder's identity.
        photos: each photo's identity and state, which changes when the file does.
    """

    folder: str
    photos: tuple[str, ...]


def find(connection: Connection, folder: str) -> tuple[Person | None, frozenset[str]]:
    """Return the person whom imports of a folder enrolled, and the photos that they reviewed.

    A removed person's photos do not count. Undo forgets the photos of the import that it takes back.

    Args:
        connection: the transaction.
        folder: the folder's identity.

    Returns:
        The person under their present name, and the photos' digests; None and an empty set if there are none.
    """
    rows = select(ImportedRow.person_id, ImportedRow.photo).join(PersonRow, PersonRow.id == ImportedRow.person_id)
    rows = rows.where(ImportedRow.folder == folder, PersonRow.removed.is_(None)).order_by(ImportedRow.id)
    found = connection.execute(rows).all()
    if not found:
        return None, frozenset()
    owner = found[-1].person_id
    photos = frozenset(photo for person_id, photo in found if person_id == owner)
    return people.present(connection, PersonRow.id == owner), photos


def record(connection: Connection, person_id: int, imported: ImportedPhotos) -> None:
    """Add photos to a person's record, each once."""
    own = select(ImportedRow.photo).where(ImportedRow.person_id == person_id, ImportedRow.folder == imported.folder)
    known = set(connection.scalars(own))
    rows = [
        {"person_id": person_id, "folder": imported.folder, "photo": photo}
        for photo in imported.photos
        if photo not in known
    ]
    if rows:
        connection.execute(insert(ImportedRow), rows)
