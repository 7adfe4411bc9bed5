"""Insertion of people, faces, portraits and imported photos into the gallery's tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from app.arrays import FloatArray
from app.errors import InvalidEmbeddings
from app.gallery import embedding_rows, names
from app.gallery.change_history import Change
from app.gallery.people import ImportedPhotos
from app.gallery.tables import AnchorRow, CropRow, FaceRow, ImportedPhotoRow, PersonRow, PortraitRow


def insert_person(connection: Connection, name: str, change: Change | None = None) -> int:
    """Insert a person and return the ID."""
    values = {"name": name, "key": names.key(name), "revision_id": change and change.id}
    return connection.scalars(insert(PersonRow).values(values).returning(PersonRow.id)).one()


def replace_portrait(connection: Connection, person_id: int, webp: bytes, change: Change) -> None:
    """Set a person's portrait, and keep the former one for undo."""
    change.keep_portrait(person_id)
    connection.execute(delete(PortraitRow).where(PortraitRow.person_id == person_id))
    connection.execute(insert(PortraitRow).values(portrait_values(person_id, webp)))


def record_imported(connection: Connection, person_id: int, imported: ImportedPhotos) -> None:
    """Add photos to a person's record. Photos that are recorded already are skipped."""
    known = select(ImportedPhotoRow.photo).where(
        ImportedPhotoRow.person_id == person_id, ImportedPhotoRow.folder == imported.folder
    )
    new = set(imported.photos) - set(connection.scalars(known))
    rows = [{"person_id": person_id, "folder": imported.folder, "photo": p} for p in imported.photos if p in new]
    if rows:
        connection.execute(insert(ImportedPhotoRow), rows)


def portrait_values(person_id: int, webp: bytes) -> dict[str, Any]:
    """Return a row of `PortraitRow`."""
    return {"person_id": person_id, "webp": webp, "sha256": hashlib.sha256(webp).hexdigest()}


def face_values(
    person_id: int, embeddings: FloatArray, notes: Iterable[str], change: Change | None = None
) -> list[dict[str, Any]]:
    """Return rows of `AnchorRow` or `RejectedFaceRow` for float32 (faces, dims)."""
    # File names can hold bytes that are not text, which databases reject.
    return [
        {
            "person_id": person_id,
            "embedding": embedding_rows.to_bytes(row),
            "note": note[:500].encode("utf-8", "replace").decode().replace("\0", "?"),
            "revision_id": change and change.id,
        }
        for row, note in zip(embeddings, notes, strict=True)
    ]


def check_dims(connection: Connection, embeddings: FloatArray) -> None:
    """Check that embeddings have as many dimensions as the gallery's, or raise `InvalidEmbeddings`."""
    stored = connection.scalar(select(AnchorRow.embedding).limit(1))
    dims = embeddings.shape[1] if stored is None else embedding_rows.from_bytes([stored]).shape[1]
    if len(embeddings) and embeddings.shape[1] != dims:
        raise InvalidEmbeddings(
            f"Expected embeddings of {dims} dimensions, got {embeddings.shape[1]}. They come from another network."
        )


def insert_faces(
    connection: Connection,
    table: type[FaceRow],
    person_id: int,
    embeddings: FloatArray,
    notes: Iterable[str],
    change: Change | None = None,
) -> Sequence[int]:
    """Insert anchors or rejected faces of a person, float32 (faces, dims) of unit length, and return their IDs."""
    rows = face_values(person_id, embeddings, notes, change)
    if not rows:
        return []
    return connection.scalars(insert(table).returning(table.id, sort_by_parameter_order=True), rows).all()


def insert_crops(connection: Connection, anchor_ids: Iterable[int], crops: Iterable[bytes | None]) -> None:
    """Insert the face crops of anchors as WebP, apart from those that are None."""
    rows = [{"anchor_id": key, "webp": webp} for key, webp in zip(anchor_ids, crops, strict=True) if webp is not None]
    if rows:
        connection.execute(insert(CropRow), rows)
