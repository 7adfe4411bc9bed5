"""Export of database rows to a gallery bundle, and import from one, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, insert, select

from app import text
from app.arrays import FloatArray
from app.gallery import changes, names, people
from app.gallery.bundle import BundledPerson
from app.gallery.change_history import Change
from app.gallery.people import Anchor, Person
from app.gallery.tables import AnchorRow, CropRow, PersonRow, PortraitRow, RejectedFaceRow

_ROUNDING = 1e-6


def collect(connection: Connection, crops: bool) -> list[BundledPerson]:
    """Return all people, sorted by name, with or without kept crops."""
    found = people.list_people(connection, PersonRow.removed.is_(None))
    found.sort(key=lambda person: names.sort_key(person.name))
    portraits = {row.person_id: row.webp for row in connection.execute(select(PortraitRow.person_id, PortraitRow.webp))}
    return [_collect_person(connection, person, portraits.get(person.id), crops) for person in found]


def add_people(connection: Connection, everyone: Sequence[BundledPerson], crops: bool) -> int:
    """Add people, and to known people what they lack, as one change; return the number of new anchors.

    Args:
        connection: The transaction.
        everyone: The people to add.
        crops: Whether to keep the face crops of new anchors.
    """
    change = Change(connection, whole=True)
    added = 0
    for person in everyone:
        known = people.find_person(connection, person.name)
        person_id = known.id if known else changes.insert_person(connection, person.name, change)
        for embeddings in (person.anchors, person.rejected):
            changes.check_dims(connection, embeddings)
        new = _find_missing(person.anchors, people.list_anchors(connection, PersonRow.id == person_id))
        kept = [person.crops[index] for index in new] if crops and any(person.crops) else None
        notes = [person.notes[index] for index in new]
        changes.insert_anchors(connection, person_id, person.anchors[new], notes, change, kept)
        added += len(new)
        new = _find_missing(person.rejected, people.list_rejected_faces(connection, PersonRow.id == person_id))
        notes = [person.rejected_notes[index] for index in new]
        rows = changes.face_values(person_id, person.rejected[new], notes, change)
        if rows:
            connection.execute(insert(RejectedFaceRow), rows)
        if person.portrait is not None and not (known and known.has_portrait):
            change.keep_portrait(person_id)
            changes.replace_portrait(connection, person_id, person.portrait)
    change.describe(f"imported {text.count(added, 'anchor')} of {text.count(len(everyone), 'person')}")
    return added


def _collect_person(connection: Connection, person: Person, portrait: bytes | None, crops: bool) -> BundledPerson:
    anchors = people.list_anchors(connection, PersonRow.id == person.id)
    rejected = people.list_rejected_faces(connection, PersonRow.id == person.id)
    kept: dict[int, bytes] = {}
    if crops and any(anchor.has_crop for anchor in anchors):
        rows = select(CropRow.anchor_id, CropRow.webp).join(AnchorRow, AnchorRow.id == CropRow.anchor_id)
        kept = {row.anchor_id: row.webp for row in connection.execute(rows.where(AnchorRow.person_id == person.id))}
    return BundledPerson(
        person.name,
        people.stack(anchors),
        tuple(anchor.note for anchor in anchors),
        people.stack(rejected),
        tuple(face.note for face in rejected),
        portrait,
        tuple(kept.get(anchor.id) for anchor in anchors),
    )


def _find_missing(embeddings: FloatArray, known: list[Anchor]) -> list[int]:
    """Return the indices of the embeddings that are not among a person's, up to rounding."""
    if not known or not len(embeddings):
        return list(range(len(embeddings)))
    difference = np.abs(embeddings[:, None] - people.stack(known)[None]).max(axis=2).min(axis=1)
    missing: list[int] = np.flatnonzero(difference > _ROUNDING).tolist()
    return missing
