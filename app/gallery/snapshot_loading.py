"""From the tables to a snapshot: everybody, or only those who changed since the last one."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, and_, func, select

from app.errors import GalleryError
from app.gallery import embedding_rows, names
from app.gallery.snapshot import Rejected, Snapshot
from app.gallery.tables import AnchorRow, ChangedRow, NetworkRow, PersonRow, RejectedRow, RevisionRow, ThresholdRow

_STREAMED = 20_000
"""Anchors read at a time, so that the rows of the database never lie in memory beside the whole matrix."""

_MOST_CHANGED = 200
"""With more people changed than this, reading everybody is quicker."""

_ROUNDING = 1e-4
"""How far the square of an anchor's length may be from 1."""

PRESENT = and_(PersonRow.removed.is_(None), AnchorRow.removed.is_(None), AnchorRow.person_id == PersonRow.id)
"""Joins people and anchors that are not removed."""


def revision(connection: Connection) -> int:
    """The number of the newest change; 0 before the first."""
    return connection.scalar(select(func.max(RevisionRow.id))) or 0


def load(connection: Connection) -> Snapshot:
    """Read everybody with anchors, sorted by name."""
    counted = select(PersonRow.id, PersonRow.name, func.count(AnchorRow.id)).where(PRESENT)
    everyone = connection.execute(counted.group_by(PersonRow.id, PersonRow.name)).all()
    everyone.sort(key=lambda one: names.order(one[1]))
    counts = np.array([count for _, _, count in everyone], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    ids = np.array([key for key, _, _ in everyone], dtype=np.int64)
    anchors = _matrix(connection, ids, offsets)
    anchors.flags.writeable = offsets.flags.writeable = False
    found = tuple(name for _, name, _ in everyone)
    shifts = tuple(tuple(row) for row in connection.execute(select(ThresholdRow.fpir, ThresholdRow.shift)))
    return Snapshot(found, tuple(ids.tolist()), anchors, offsets, revision(connection), _rejected(connection), shifts)


def refresh(connection: Connection, snapshot: Snapshot, network_id: str) -> Snapshot:
    """The snapshot as it is now: the same if nothing changed, else with only those read who did.

    Raises:
        GalleryError: the gallery was rebuilt for another network meanwhile.
    """
    newest = revision(connection)
    if newest == snapshot.revision:
        return snapshot
    owner = connection.scalar(select(NetworkRow.id))
    if owner != network_id:
        raise GalleryError(
            f"The gallery was rebuilt for another network ({owner}) than the one in use ({network_id}). Restart."
        )
    later = RevisionRow.id > snapshot.revision
    touched = set(connection.scalars(select(ChangedRow.person_id).where(ChangedRow.revision_id > snapshot.revision)))
    if len(touched) > _MOST_CHANGED or connection.scalar(select(RevisionRow.id).where(later, RevisionRow.whole)):
        return load(connection)
    return snapshot.changed(_people(connection, touched), _rejected(connection), newest)


def _matrix(connection: Connection, ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The anchors of people in their order: float32 (anchors, dims)."""
    first = connection.scalar(select(AnchorRow.embedding).where(PRESENT).limit(1))
    matrix = np.empty((offsets[-1], 0 if first is None else embedding_rows.dims_of(first)), dtype=np.float32)
    # Rows come by id of their person. How far each person's rows move from there to their place by name:
    by_id = np.argsort(ids)
    counts = np.diff(offsets)
    moves = np.zeros(len(ids), dtype=np.int64)
    moves[by_id] = offsets[:-1][by_id] - (np.cumsum(counts[by_id]) - counts[by_id])
    stream = select(AnchorRow.person_id, AnchorRow.embedding).where(PRESENT)
    stream = stream.order_by(AnchorRow.person_id, AnchorRow.id).execution_options(yield_per=_STREAMED)
    done = 0
    for part in connection.execute(stream).partitions():
        own = by_id[np.searchsorted(ids, [key for key, _ in part], sorter=by_id)]
        places = np.arange(done, done + len(part)) + moves[own]
        matrix[places] = _unaltered(embedding_rows.from_bytes([blob for _, blob in part], matrix.shape[1]))
        done += len(part)
    return matrix


def _unaltered(anchors: np.ndarray) -> np.ndarray:
    """The anchors themselves: what was written has the length 1, what a disk has spoilt hardly ever.

    Raises:
        GalleryError: one has not.
    """
    squares = np.einsum("ij,ij->i", anchors, anchors)
    if not (np.abs(squares - 1) < _ROUNDING).all():
        raise GalleryError("The gallery holds an anchor that was altered, so it names nobody. Restore a backup.")
    return anchors


def _people(connection: Connection, touched: set[int]) -> dict[int, tuple[str, np.ndarray] | None]:
    """Name and anchors of those who are there; None for the others."""
    found: dict[int, tuple[str, np.ndarray] | None] = dict.fromkeys(touched)
    for key, name in connection.execute(
        select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(touched), PersonRow.removed.is_(None))
    ).all():
        own = select(AnchorRow.embedding).where(AnchorRow.person_id == key, AnchorRow.removed.is_(None))
        blobs = list(connection.scalars(own.order_by(AnchorRow.id)))
        if blobs:
            found[key] = (name, _unaltered(embedding_rows.from_bytes(blobs, embedding_rows.dims_of(blobs[0]))))
    return found


def _rejected(connection: Connection) -> Rejected:
    rows = select(RejectedRow.person_id, RejectedRow.embedding).where(RejectedRow.removed.is_(None))
    found = connection.execute(rows.order_by(RejectedRow.id)).all()
    if not found:
        return Rejected()
    embeddings = embedding_rows.from_bytes([blob for _, blob in found], embedding_rows.dims_of(found[0][1]))
    return Rejected(tuple(key for key, _ in found), embeddings)
