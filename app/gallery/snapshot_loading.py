"""Loading of gallery snapshots from the database: completely, or only the people that changed."""

from collections import defaultdict
from collections.abc import Collection
from itertools import groupby
from operator import itemgetter

import numpy as np
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from app.arrays import FloatArray
from app.errors import GalleryError
from app.gallery import embedding_rows, names, opt_outs
from app.gallery.people import HAS_ANCHOR, IS_PRESENT
from app.gallery.record import today
from app.gallery.snapshot import RejectedFaces, Snapshot
from app.gallery.tables import (
    AnchorRow,
    ChangedPersonRow,
    NetworkRow,
    PersonRow,
    RejectedFaceRow,
    RevisionRow,
    ThresholdRow,
)

_STREAMED_ROWS = 20_000  # anchors read at a time, so that the rows and the whole matrix are never in memory together
_MAX_CHANGED = 200  # with more changed people, loading all of them is faster
_LENGTH_TOLERANCE = 1e-4


def latest_change(connection: Connection) -> int:
    """Return the ID of the latest change, 0 before the first."""
    return connection.scalar(select(func.max(RevisionRow.id))) or 0


def is_current(connection: Connection, snapshot: Snapshot) -> bool:
    """Return whether the gallery has not changed since a snapshot, and none of its people has expired."""
    expired = bool(snapshot.expires) and snapshot.expires <= today()
    return not expired and snapshot.revision == latest_change(connection)


def load(connection: Connection) -> Snapshot:
    """Load all people with anchors whose record has not expired, sorted by name."""
    day = today()
    counted = select(PersonRow.id, PersonRow.name, func.count(AnchorRow.id)).where(_nameable(day))
    rows = connection.execute(counted.group_by(PersonRow.id, PersonRow.name)).all()
    people = sorted(rows, key=lambda row: names.sort_key(row[1]))
    ids = [person_id for person_id, _, _ in people]
    offsets = np.cumsum([0, *(count for _, _, count in people)], dtype=np.int64)
    starts = dict(zip(ids, offsets[:-1].tolist(), strict=True))
    return Snapshot(
        [name for _, name, _ in people],
        ids,
        _load_matrix(connection, starts, int(offsets[-1]), day),
        offsets,
        latest_change(connection),
        _load_rejected(connection),
        tuple((fpir, shift) for fpir, shift in connection.execute(select(ThresholdRow.fpir, ThresholdRow.shift))),
        opt_outs.load_faces(connection),
        _next_expiry(connection, day),
    )


def refresh(connection: Connection, snapshot: Snapshot, network_id: str) -> Snapshot:
    """Return the current snapshot: the given one if nothing changed, otherwise with the changed people loaded."""
    if is_current(connection, snapshot):
        return snapshot
    latest, day = latest_change(connection), today()
    owner = connection.scalar(select(NetworkRow.id))
    if owner != network_id:
        raise GalleryError(
            f"The gallery was rebuilt for another network ({owner}) than the one in use ({network_id}). Restart."
        )
    whole = select(RevisionRow.id).where(RevisionRow.id > snapshot.revision, RevisionRow.whole)
    changed = select(ChangedPersonRow.person_id).where(ChangedPersonRow.revision_id > snapshot.revision).distinct()
    expired = select(PersonRow.id).where(IS_PRESENT, PersonRow.expires <= day)
    person_ids = {*connection.scalars(changed), *connection.scalars(expired)}
    # After pg_restore, the latest change can be an earlier one.
    if latest < snapshot.revision or len(person_ids) > _MAX_CHANGED or connection.scalar(whole):
        return load(connection)
    people = _load_people(connection, person_ids, day)
    return snapshot.apply_changes(people, _load_rejected(connection), latest, _next_expiry(connection, day))


def _nameable(day: str) -> ColumnElement[bool]:
    """Return the condition of the anchors of people who can be named on a day."""
    unexpired = or_(PersonRow.expires.is_(None), PersonRow.expires > day)
    return and_(IS_PRESENT, HAS_ANCHOR, opt_outs.IS_NAMEABLE, unexpired)


def _next_expiry(connection: Connection, day: str) -> str:
    return connection.scalar(select(func.min(PersonRow.expires)).where(IS_PRESENT, PersonRow.expires > day)) or ""


def _load_matrix(connection: Connection, starts: dict[int, int], total: int, day: str) -> FloatArray:
    """Load the anchors of people, which start at the given rows: float32 (anchors, dims)."""
    nameable = _nameable(day)
    first = connection.scalar(select(AnchorRow.embedding).where(nameable).limit(1))
    dims = 0 if first is None else embedding_rows.from_bytes([first]).shape[1]
    matrix = np.empty((total, dims), dtype=np.float32)
    rows = select(AnchorRow.person_id, AnchorRow.embedding).where(nameable).order_by(AnchorRow.person_id, AnchorRow.id)
    stream = connection.execute(rows.execution_options(yield_per=_STREAMED_ROWS))
    for person_id, group in groupby(stream, key=itemgetter(0)):
        anchors = embedding_rows.from_bytes([blob for _, blob in group])
        matrix[starts[person_id] : starts[person_id] + len(anchors)] = anchors
    return _check(matrix)


def _check(anchors: FloatArray) -> FloatArray:
    """Detect damaged anchors by their length, which was 1 when they were written."""
    if not (np.abs(np.einsum("ij,ij->i", anchors, anchors) - 1) < _LENGTH_TOLERANCE).all():
        raise GalleryError("The gallery has a damaged anchor. Restore a backup of the database.")
    return anchors


def _load_people(
    connection: Connection, person_ids: Collection[int], day: str
) -> dict[int, tuple[str, FloatArray] | None]:
    """Load name and anchors of people, None for those who cannot be named."""
    rows = select(PersonRow.id, PersonRow.name, AnchorRow.embedding).where(_nameable(day), PersonRow.id.in_(person_ids))
    person_names: dict[int, str] = {}
    blobs: defaultdict[int, list[bytes]] = defaultdict(list)
    for person_id, name, blob in connection.execute(rows.order_by(AnchorRow.id)):
        person_names[person_id] = name
        blobs[person_id].append(blob)
    present = {key: (name, _check(embedding_rows.from_bytes(blobs[key]))) for key, name in person_names.items()}
    return {person_id: present.get(person_id) for person_id in person_ids}


def _load_rejected(connection: Connection) -> RejectedFaces:
    rows = select(RejectedFaceRow.person_id, RejectedFaceRow.embedding).where(RejectedFaceRow.removed.is_(None))
    found = connection.execute(rows.order_by(RejectedFaceRow.id)).all()
    if not found:
        return RejectedFaces()
    return RejectedFaces(tuple(row[0] for row in found), embedding_rows.from_bytes([row[1] for row in found]))
