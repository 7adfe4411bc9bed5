"""Everything that a gallery holds about one person, for a request of access (GDPR, Article 15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from app.gallery import audit, change_log, erased_names
from app.gallery import people as queries
from app.gallery.people import Person, PersonRef
from app.gallery.tables import (
    AliasRow,
    AnchorRow,
    ChangedPersonRow,
    CropRow,
    FaceRow,
    FormerPortraitRow,
    FormerValueRow,
    ImportedPhotoRow,
    OptOutPersonRow,
    OptOutRow,
    PersonRow,
    PortraitRow,
    RejectedFaceRow,
    RevisionRow,
    in_utc,
)


@dataclass(frozen=True)
class PersonData:
    """Data of a person: name, aliases and former names, JSON values, and files of pictures and embeddings by name."""

    names: tuple[str, ...]
    values: dict[str, Any]
    files: dict[str, bytes]


def find(connection: Connection, ref: PersonRef) -> Person:
    """Return a person in the gallery, or who was removed and is not erased yet, or raise `PersonNotFound`."""
    removed = () if queries.find_person(connection, ref) else queries.list_removed(connection, ref)
    return next(iter(removed), None) or queries.get_person(connection, ref)


def collect(connection: Connection, ref: PersonRef) -> PersonData:
    """Return the data of a person, whom `find` finds."""
    person = find(connection, ref)
    files: dict[str, bytes] = {}
    columns = select(PersonRow.uuid, PersonRow.created, PersonRow.removed)
    row = connection.execute(columns.where(PersonRow.id == person.id)).one()
    aliases = connection.execute(select(AliasRow.name, AliasRow.removed).where(AliasRow.person_id == person.id))
    portraits = select(PortraitRow.webp).where(PortraitRow.person_id == person.id)
    former = select(FormerPortraitRow.webp).where(FormerPortraitRow.person_id == person.id)
    for number, webp in enumerate([*connection.scalars(portraits), *connection.scalars(former)]):
        files[f"portraits/{number}.webp"] = webp
    imported = select(func.count()).where(ImportedPhotoRow.person_id == person.id)
    values = {
        "id": person.id,
        "uuid": row.uuid,
        "name": person.name,
        "added": _time(row.created),
        "removed": _time(row.removed),
        "record": person.record.fields(),
        "aliases": [{"name": name, "removed": _time(removed)} for name, removed in aliases],
        "reference_photos": _faces(connection, AnchorRow, person.id, "anchors", files),
        "rejected_faces": _faces(connection, RejectedFaceRow, person.id, "rejected", files),
        "imported_photos": connection.scalar(imported),
        "changes": _changes(connection, person.id),
        "former_values": _former_values(connection, person.id),
        "audit_entries": _audit_entries(connection, person),
        "opt_outs": _opt_outs(connection, row.uuid, files),
    }
    earlier = erased_names.without_used(connection, erased_names.list_names(connection, [person.id]), [person.id])
    return PersonData(tuple(dict.fromkeys((*person.names, *earlier))), values, files)


def _faces(
    connection: Connection, table: type[FaceRow], person_id: int, folder: str, files: dict[str, bytes]
) -> list[dict[str, Any]]:
    crops: dict[int, bytes] = {}
    if table is AnchorRow:
        owned = select(CropRow.anchor_id, CropRow.webp).join(AnchorRow, AnchorRow.id == CropRow.anchor_id)
        crops = {row.anchor_id: row.webp for row in connection.execute(owned.where(AnchorRow.person_id == person_id))}
    columns = select(table.id, table.note, table.created, table.removed, table.embedding)
    faces = []
    for face in connection.execute(columns.where(table.person_id == person_id).order_by(table.id)):
        files[f"{folder}/{face.id}.f32"] = face.embedding
        if face.id in crops:
            files[f"{folder}/{face.id}.webp"] = crops[face.id]
        faces.append({"id": face.id, "note": face.note, "added": _time(face.created), "removed": _time(face.removed)})
    return faces


def _changes(connection: Connection, person_id: int) -> list[dict[str, Any]]:
    rows = select(RevisionRow.id, RevisionRow.change, RevisionRow.created, RevisionRow.undone)
    rows = rows.join(ChangedPersonRow, ChangedPersonRow.revision_id == RevisionRow.id)
    found = connection.execute(rows.where(ChangedPersonRow.person_id == person_id).order_by(RevisionRow.id)).all()
    return [
        {
            "id": row.id,
            "change": change_log.describe(connection, row.id, row.change),
            "made": _time(row.created),
            "undone": _time(row.undone),
        }
        for row in found
    ]


def _former_values(connection: Connection, person_id: int) -> list[dict[str, Any]]:
    """Return what changes replaced, such as former names and fields of the record."""
    rows = select(FormerValueRow.revision_id, FormerValueRow.column, FormerValueRow.value)
    owned = (FormerValueRow.table == "person") & (FormerValueRow.row_id == person_id)
    return [
        {"change": change_id, "field": column, "value": value}
        for change_id, column, value in connection.execute(rows.where(owned).order_by(FormerValueRow.id))
    ]


def _audit_entries(connection: Connection, person: Person) -> list[dict[str, Any]]:
    """Return the entries about a person, the oldest first, also those about the name before they were added."""
    found = audit.find_entries(connection, person_ids=[person.id], person_names=person.names)
    return [entry.chained() | {"person": entry.person} for entry in reversed(found)]


def _opt_outs(connection: Connection, uuid: str | None, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Return the entries of the opt-out list that follow a person."""
    rows = select(OptOutRow).join(OptOutPersonRow, OptOutPersonRow.opt_out_id == OptOutRow.id)
    entries = connection.execute(rows.where(OptOutPersonRow.uuid == uuid).order_by(OptOutRow.id)).all()
    files |= {f"opt_outs/{entry.id}.f32": entry.embedding for entry in entries if entry.embedding is not None}
    return [
        {"id": entry.id, "name": entry.name, "reference": entry.reference, "added": _time(entry.created)}
        for entry in entries
    ]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else in_utc(moment).isoformat(timespec="seconds")
