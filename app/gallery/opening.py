"""Opening of a gallery: migrate old tables, check the network, and fill a new gallery with the shipped people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from app.errors import GalleryError
from app.gallery import changes, shipped
from app.gallery.change_history import Change
from app.gallery.database import Database, migrate
from app.gallery.tables import AnchorRow, NetworkRow, PersonRow, PortraitRow, now


def migrate_gallery(database_url: str) -> bool:
    """Migrate a gallery's tables to the current version, and return whether anything changed.

    Raises:
        GalleryError: The database cannot be opened or written, or its tables are of an unknown version.
    """
    database = Database.connect(database_url)
    try:
        with database.writing() as connection:
            return migrate(connection, database.location)
    finally:
        database.close()


def claim(connection: Connection, network_id: str, location: str) -> None:
    """Assign a new gallery to a network, or check the network of an existing one.

    Raises:
        GalleryError: Another network made the gallery.
    """
    owner = connection.scalar(select(NetworkRow.id))
    if owner is None:
        connection.execute(insert(NetworkRow).values(id=network_id))
    elif owner != network_id:
        raise GalleryError(
            f"Another network or alignment ({owner}) made the gallery at {location}. The network in use is "
            f"{network_id}. Embed the kept crops again: python main.py people rebuild. Without kept crops, set "
            "FACES_DATABASE_URL to a new location and add your people again: python main.py people import FOLDER"
        )


def fill(connection: Connection, network_id: str, folder: Path) -> None:
    """Add the shipped people to a gallery that never had them and has no people.

    Args:
        connection: The transaction.
        network_id: ID in the model card of the network in use.
        folder: The shipped gallery.

    Raises:
        GalleryError: The shipped gallery is damaged, or another network made it.
    """
    if connection.scalar(select(NetworkRow.filled)) or connection.scalar(select(func.count(PersonRow.id))):
        return
    found = shipped.read(folder)
    if found.network != network_id:
        raise GalleryError(
            f"Another network or alignment ({found.network}) made the shipped gallery {folder}. The network in use is "
            f"{network_id}. Restore both folders of one version, or set FACES_MODEL and FACES_ANCHORS to a pair that "
            "was made together."
        )
    anchors: list[dict[str, Any]] = []
    portraits: list[dict[str, Any]] = []
    for person in found.people:
        person_id = changes.insert_person(connection, person.name)
        anchors += changes.face_values(person_id, person.embeddings, [shipped.NOTE] * len(person.embeddings), None)
        if person.portrait is not None:
            portraits.append(changes.portrait_values(person_id, person.portrait))
    # One statement each: the first start of a server waits for this.
    if anchors:
        connection.execute(insert(AnchorRow), anchors)
    if portraits:
        connection.execute(insert(PortraitRow), portraits)
    connection.execute(update(NetworkRow).values(filled=now()))
    change = Change(connection, reversible=False, whole=True)
    change.describe(f"added {len(found.people)} shipped people")
