"""Rebuild of a gallery for another network: kept crops are embedded again, shipped anchors are replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, delete, select, update

from app.errors import GalleryError
from app.gallery import changes, embedding_rows, names, shipped
from app.gallery.change_history import Change, erase
from app.gallery.database import Database, prepare
from app.gallery.tables import (
    AnchorRow,
    CellRow,
    CropRow,
    ImportedRow,
    NetworkRow,
    PersonRow,
    RejectedRow,
    RevisionRow,
    ThresholdRow,
)

_BATCH = 512

Embed = Callable[[Sequence[bytes]], np.ndarray]
"""From crops as WebP files to float32 (crops, dims)."""

Realign = Callable[[bytes], bytes]
"""From a crop of another alignment to one of this version's, WebP files both."""


@dataclass(frozen=True)
class Rebuilt:
    """What became of a gallery: anchors embedded anew, shipped ones replaced, and those lost for want of a crop."""

    embedded: int
    shipped: int
    lost: int


def rebuild(
    database_url: str,
    network_id: str,
    folder: Path | None,
    embed: Embed,
    drop: bool = False,
    realign: Realign | None = None,
) -> Rebuilt | None:
    """Bring a gallery to another network, all of it or nothing; None if it belongs to that network already.

    Args:
        database_url: an SQLAlchemy URL.
        network_id: the card's id of the network to bring it to, with the alignment's name after the slash.
        folder: of the gallery that ships with that network, or None.
        embed: the network.
        drop: whether anchors without a crop, and rejected faces, may be lost.
        realign: replaces crops that another alignment made.

    Raises:
        GalleryError: some would be lost and `drop` does not allow it; or database or shipped gallery cannot be used.
    """
    database = Database.at(database_url)
    try:
        with database.writing() as connection:
            prepare(connection, database.place)
            owner = connection.scalar(select(NetworkRow.id))
            if owner in (None, network_id):
                return None
            same_alignment = owner.partition("/")[2] == network_id.partition("/")[2]
            new = _new_anchors(folder, network_id)
            lost = _without_crop(connection, new)
            rejected = list(connection.scalars(select(RejectedRow.id)))
            if (lost or rejected) and not drop:
                raise GalleryError(_warning(connection, lost, len(rejected)))
            _forget_imports(connection, lost)
            erase(connection, anchors=lost, rejected=rejected)
            replaced = _replace_shipped(connection, new)
            embedded = _embed_again(connection, embed, None if same_alignment else realign)
            connection.execute(update(NetworkRow).values(id=network_id))
            # What was done before cannot be undone: it would bring back what the old network made.
            connection.execute(delete(CellRow))
            connection.execute(delete(ThresholdRow))
            connection.execute(update(RevisionRow).values(reversible=False))
            text = f"rebuilt {embedded} anchors for another network"
            Change(connection, reversible=False, whole=True).describe(text)
        database.flush()
        return Rebuilt(embedded, replaced, len(lost))
    finally:
        database.close()


def _new_anchors(folder: Path | None, network_id: str) -> dict[str, np.ndarray]:
    """The shipped people's new anchors, by the key of their name."""
    found = shipped.read(folder) if folder is not None else None
    if found is None or found.network != network_id:
        return {}
    return {names.key(one.name): one.embeddings for one in found.people}


def _without_crop(connection: Connection, new: dict[str, np.ndarray]) -> list[int]:
    """Ids of anchors that have no crop, and are not shipped ones that are replaced."""
    rows = select(AnchorRow.id, AnchorRow.note, PersonRow.key).join(PersonRow, PersonRow.id == AnchorRow.person_id)
    bare = rows.outerjoin(CropRow, CropRow.anchor_id == AnchorRow.id).where(CropRow.anchor_id.is_(None))
    return [key for key, note, name in connection.execute(bare) if note != shipped.NOTE or name not in new]


def _warning(connection: Connection, lost: list[int], rejected: int) -> str:
    whose = (
        select(PersonRow.name).join(AnchorRow, AnchorRow.person_id == PersonRow.id).where(AnchorRow.id.in_(lost[:200]))
    )
    people = sorted(set(connection.scalars(whose)))
    some = f" (of {', '.join(people[:5])}{' and others' if len(people) > 5 else ''})" if people else ""
    return (
        f"{len(lost)} anchors{some} have no kept crop, and {rejected} rejected faces never have one: they cannot be "
        "embedded anew and would be lost. Allow it with --drop, and add these people again from their photos."
    )


def _forget_imports(connection: Connection, lost: Sequence[int]) -> None:
    """Let the next import review the photos again of people who lose anchors."""
    for at in range(0, len(lost), _BATCH):
        whose = select(AnchorRow.person_id).where(AnchorRow.id.in_(lost[at : at + _BATCH]))
        connection.execute(delete(ImportedRow).where(ImportedRow.person_id.in_(whose)))


def _replace_shipped(connection: Connection, new: dict[str, np.ndarray]) -> int:
    total = 0
    shown = select(AnchorRow.person_id).where(AnchorRow.note == shipped.NOTE).distinct()
    for person_id, key in connection.execute(select(PersonRow.id, PersonRow.key).where(PersonRow.id.in_(shown))).all():
        old = (AnchorRow.person_id == person_id) & (AnchorRow.note == shipped.NOTE)
        connection.execute(delete(AnchorRow).where(old))
        rows = new.get(key, np.zeros((0, 0), dtype=np.float32))
        changes.insert_anchors(connection, person_id, rows, [shipped.NOTE] * len(rows))
        total += len(rows)
    return total


def _embed_again(connection: Connection, embed: Embed, realign: Realign | None) -> int:
    ids = list(connection.scalars(select(CropRow.anchor_id).order_by(CropRow.anchor_id)))
    for at in range(0, len(ids), _BATCH):
        part = ids[at : at + _BATCH]
        crops = dict(
            connection.execute(select(CropRow.anchor_id, CropRow.webp).where(CropRow.anchor_id.in_(part))).all()
        )
        if realign is not None:
            crops = {key: realign(crop) for key, crop in crops.items()}
            for key, crop in crops.items():
                connection.execute(update(CropRow).where(CropRow.anchor_id == key).values(webp=crop))
        rows = embedding_rows.unit_rows(embed([crops[key] for key in part]))
        for key, row in zip(part, rows, strict=True):
            change = update(AnchorRow).where(AnchorRow.id == key)
            connection.execute(change.values(embedding=embedding_rows.to_bytes(row)))
    return len(ids)
