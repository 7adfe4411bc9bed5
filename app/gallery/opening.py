"""Opening a gallery: whose it is, what fills an empty one, and bringing old tables to this version."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update

from app.errors import GalleryError
from app.gallery import change_history, changes, shipped
from app.gallery.database import Database, migrate
from app.gallery.tables import AnchorRow, NetworkRow, PersonRow, PortraitRow, now


def migrate_gallery(database_url: str) -> bool:
    """Bring a gallery's tables to this version of the program; whether there was anything to do.

    Raises:
        GalleryError: the database cannot be opened or written, or is of a newer version.
    """
    database = Database.at(database_url)
    try:
        with database.writing() as connection:
            return migrate(connection, database.place)
    finally:
        database.close()


def claim(connection: Connection, network_id: str, place: str) -> None:
    """Refuse anchors of another network; a new gallery belongs to the one in use."""
    owner = connection.scalar(select(NetworkRow.id))
    if owner is None:
        connection.execute(insert(NetworkRow).values(id=network_id))
    elif owner != network_id:
        raise GalleryError(
            f"The gallery at {place} was made by another network or crop ({owner}) than the one in use ({network_id}), "
            "so its anchors cannot be compared. Embed them anew from the crops that were kept: python main.py people "
            f"rebuild. Without crops, remove {place} or set FACES_DATABASE_URL to a new place: the next start fills "
            "it from the shipped anchors; then add your own people again: python main.py people import FOLDER."
        )


def fill(connection: Connection, network_id: str, folder: Path) -> None:
    """Add the shipped people to a gallery that never had them and has no people yet.

    Args:
        connection: the transaction.
        network_id: the card's ID of the network in use.
        folder: the shipped gallery.

    Raises:
        GalleryError: the shipped gallery is incomplete, damaged, or made by another network.
    """
    filled = connection.scalar(select(NetworkRow.filled))
    if filled is not None or connection.scalar(select(func.count(PersonRow.id))):
        return
    found = shipped.read(folder)
    if found.network != network_id:
        raise GalleryError(
            f"The shipped gallery {folder} was made by another network or crop ({found.network}) than the one in use "
            f"({network_id}). Restore both folders of one version, or set FACES_MODEL and FACES_ANCHORS to a pair "
            "that was made together."
        )
    anchors, portraits = [], []
    for one in found.people:
        person_id = changes.insert_person(connection, one.name)
        anchors += changes.embedded(person_id, one.embeddings, [shipped.NOTE] * len(one.embeddings), None)
        if one.portrait is not None:
            portraits.append(changes.portrait(person_id, one.portrait))
    # Whoever starts a server for the first time waits for this: one statement for all rows of a kind.
    for table, rows in ((AnchorRow, anchors), (PortraitRow, portraits)):
        if rows:
            connection.execute(insert(table), rows)
    connection.execute(update(NetworkRow).values(filled=now()))
    change_history.Change(connection, reversible=False, whole=True).describe(
        f"filled with {len(found.people)} shipped people"
    )
