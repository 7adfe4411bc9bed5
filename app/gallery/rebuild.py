"""Network of a gallery: check it, or rebuild the gallery for another: embed crops again, replace shipped anchors."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from app import text
from app.arrays import AnyArray, FloatArray
from app.errors import GalleryError
from app.gallery import embedding_rows, names, opt_outs, shipped
from app.gallery.change_history import Change, purge
from app.gallery.database import Database, batches, prepare
from app.gallery.people import SHIPPED_NOTE, insert_faces
from app.gallery.tables import (
    AnchorRow,
    CropRow,
    FormerValueRow,
    ImportedPhotoRow,
    NetworkRow,
    PersonRow,
    RejectedFaceRow,
    RevisionRow,
    ThresholdRow,
)

Embed = Callable[[Sequence[bytes]], AnyArray]
"""Embeds crops, given as WebP files: float (crops, dims)."""

Realign = Callable[[bytes], bytes]
"""Aligns a crop of another alignment again, WebP to WebP."""


@dataclass(frozen=True)
class RebuildReport:
    """Numbers of anchors that were embedded again, replaced by shipped ones, and lost without a crop."""

    embedded: int
    shipped: int
    lost: int


def claim(connection: Connection, network_id: str, location: str) -> None:
    """Assign a new gallery to a network, or check the network of an existing one."""
    owner = connection.scalar(select(NetworkRow.id))
    if owner is None:
        connection.execute(insert(NetworkRow).values(id=network_id))
    elif owner != network_id:
        raise GalleryError(
            f"Another network or alignment ({owner}) made the gallery at {location}. The network in use is "
            f"{network_id}. Embed the kept crops again: whopic people rebuild. Without kept crops, set "
            "FACES_DATABASE_URL to a new location and add your people again: whopic people import FOLDER"
        )


def rebuild(
    database_url: str,
    network_id: str,
    folder: Path | None,
    embed: Embed,
    drop: bool = False,
    realign: Realign | None = None,
) -> RebuildReport | None:
    """Rebuild a gallery in one transaction, and return None if it belongs to the network already.

    Args:
        database_url: SQLAlchemy URL.
        network_id: ID in the model card of the new network, with the alignment's name after the slash.
        folder: Shipped gallery of that network, or None.
        embed: The network.
        drop: Whether to delete anchors without a crop, rejected faces and faces of the opt-out list. Otherwise they
            raise `GalleryError`.
        realign: Called for each crop if the alignment changes.
    """
    with closing(Database.connect(database_url)) as database, database.writing(purge=True) as connection:
        prepare(connection, database.location)
        owner = connection.scalar(select(NetworkRow.id))
        if owner in (None, network_id):
            return None
        same_alignment = str(owner).partition("/")[2] == network_id.partition("/")[2]
        found = shipped.read(folder) if folder is not None else None
        people = found.people if found is not None and found.network == network_id else ()
        new = {names.key(person.name): person.embeddings for person in people}
        lost = _find_lost(connection, new)
        rejected = connection.scalars(select(RejectedFaceRow.id)).all()
        opted_out = [entry.id for entry in opt_outs.list_all(connection) if entry.has_face]
        if (lost or rejected or opted_out) and not drop:
            raise GalleryError(_warn(connection, lost, len(rejected), opted_out))
        # The next import must review the photos again whose anchors are lost.
        for ids in batches(lost):
            owners = select(AnchorRow.person_id).where(AnchorRow.id.in_(ids))
            connection.execute(delete(ImportedPhotoRow).where(ImportedPhotoRow.person_id.in_(owners)))
        purge(connection, anchors=lost, rejected=rejected)
        opt_outs.forget_faces(connection)
        replaced = _replace_shipped(connection, new)
        embedded = _embed_again(connection, embed, None if same_alignment else realign)
        connection.execute(update(NetworkRow).values(id=network_id))
        # Undoing earlier changes would restore anchors of the former network.
        connection.execute(delete(FormerValueRow))
        connection.execute(delete(ThresholdRow))
        connection.execute(update(RevisionRow).values(reversible=False))
        change = Change(connection, reversible=False, whole=True)
        change.describe(f"rebuilt {embedded} anchors for another network")
        return RebuildReport(embedded, replaced, len(lost))


def _find_lost(connection: Connection, new: dict[str, FloatArray]) -> list[int]:
    """Return the IDs of anchors that have no crop and no shipped replacement."""
    rows = select(AnchorRow.id, AnchorRow.note, PersonRow.key).join(PersonRow, PersonRow.id == AnchorRow.person_id)
    rows = rows.outerjoin(CropRow, CropRow.anchor_id == AnchorRow.id).where(CropRow.anchor_id.is_(None))
    return [anchor_id for anchor_id, note, key in connection.execute(rows) if note != SHIPPED_NOTE or key not in new]


def _warn(connection: Connection, lost: list[int], rejected: int, opted_out: list[int]) -> str:
    owners = select(PersonRow.name).join(AnchorRow, AnchorRow.person_id == PersonRow.id)
    people = sorted(set(connection.scalars(owners.where(AnchorRow.id.in_(lost[:200])))))
    listed = f" (of {', '.join(people[:5])}{' and others' if len(people) > 5 else ''})" if people else ""
    entries = f" (entries {', '.join(map(str, opted_out))})" if opted_out else ""
    return (
        f"These faces have no kept crop and cannot be embedded again: {text.count(len(lost), 'anchor')}{listed}, "
        f"{text.count(rejected, 'rejected face')}, and {text.count(len(opted_out), 'face')} of the opt-out "
        f"list{entries}. Delete them with --drop, then add these people again from their photos."
    )


def _replace_shipped(connection: Connection, new: dict[str, FloatArray]) -> int:
    total = 0
    owners = select(AnchorRow.person_id).where(AnchorRow.note == SHIPPED_NOTE).distinct()
    found = connection.execute(select(PersonRow.id, PersonRow.key).where(PersonRow.id.in_(owners))).all()
    connection.execute(delete(AnchorRow).where(AnchorRow.note == SHIPPED_NOTE))
    for person_id, key in found:
        rows = new.get(key, np.zeros((0, 0), dtype=np.float32))
        insert_faces(connection, AnchorRow, person_id, rows, [SHIPPED_NOTE] * len(rows))
        total += len(rows)
    return total


def _embed_again(connection: Connection, embed: Embed, realign: Realign | None) -> int:
    anchor_ids = connection.scalars(select(CropRow.anchor_id).order_by(CropRow.anchor_id)).all()
    for ids in batches(anchor_ids):
        rows = connection.execute(select(CropRow.anchor_id, CropRow.webp).where(CropRow.anchor_id.in_(ids)))
        crops = {row.anchor_id: row.webp for row in rows}
        if realign is not None:
            crops = {anchor_id: realign(crop) for anchor_id, crop in crops.items()}
            realigned = update(CropRow).where(CropRow.anchor_id == bindparam("key")).values(webp=bindparam("crop"))
            connection.execute(realigned, [{"key": key, "crop": crop} for key, crop in crops.items()])
        embeddings = embedding_rows.unit_rows(embed([crops[anchor_id] for anchor_id in ids]))
        values = [{"key": key, "blob": embedding_rows.to_bytes(row)} for key, row in zip(ids, embeddings, strict=True)]
        embedded = update(AnchorRow).where(AnchorRow.id == bindparam("key")).values(embedding=bindparam("blob"))
        connection.execute(embedded, values)
    return len(anchor_ids)
