"""Record of the photos that folder imports reviewed, so that later imports skip them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from app.gallery import people
from app.gallery.people import Person
from app.gallery.tables import ImportedPhotoRow, PersonRow


@dataclass(frozen=True)
class ImportedPhotos:
    """Photos of one person's folder, as SHA-256 digests in hexadecimal: the record holds no names or paths.

    Attributes:
        folder: Identity of the folder.
        photos: Identity and state of each photo, which changes when the file does.
    """

    folder: str
    photos: tuple[str, ...]


def find(connection: Connection, folder: str) -> tuple[Person | None, frozenset[str]]:
    """Return the person enrolled from a folder, under their current name, and the digests of the reviewed photos.

    Photos of removed people do not count.
    """
    rows = select(ImportedPhotoRow.person_id, ImportedPhotoRow.photo)
    rows = rows.join(PersonRow, PersonRow.id == ImportedPhotoRow.person_id).order_by(ImportedPhotoRow.id)
    found = connection.execute(rows.where(ImportedPhotoRow.folder == folder, PersonRow.removed.is_(None))).all()
    if not found:
        return None, frozenset()
    person_id = found[-1].person_id
    return people.find_person(connection, person_id), frozenset(
        row.photo for row in found if row.person_id == person_id
    )


def record(connection: Connection, person_id: int, imported: ImportedPhotos) -> None:
    """Add photos to a person's record. Photos that are recorded already are skipped."""
    known = select(ImportedPhotoRow.photo).where(
        ImportedPhotoRow.person_id == person_id, ImportedPhotoRow.folder == imported.folder
    )
    new = set(imported.photos) - set(connection.scalars(known))
    rows = [{"person_id": person_id, "folder": imported.folder, "photo": p} for p in imported.photos if p in new]
    if rows:
        connection.execute(insert(ImportedPhotoRow), rows)
