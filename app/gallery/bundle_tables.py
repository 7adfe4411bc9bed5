"""Between the tables and a portable file: everyone out, or everyone in, within a transaction that the caller opens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, insert, select

from app import text
from app.gallery import changes, names, people
from app.gallery.bundle import PortablePerson
from app.gallery.change_history import Change
from app.gallery.people import Anchor
from app.gallery.tables import AnchorRow, CropRow, PersonRow, PortraitRow, RejectedRow


def collect(connection: Connection, crops: bool) -> list[PortablePerson]:
    """Everyone who is there, sorted by name; with the crops that are kept, or without."""
    listed = sorted(people.all_of(connection, PersonRow.removed.is_(None)), key=lambda one: names.order(one.name))
    portraits = dict(connection.execute(select(PortraitRow.person_id, PortraitRow.webp)).all())
    return [_person(connection, one, portraits.get(one.id), crops) for one in listed]


def take_over(connection: Connection, everyone: Sequence[PortablePerson], crops: bool) -> int:
    """Add everyone, of known people what they do not have, as one change; gives back how many anchors are new.

    Args:
        connection: the transaction.
        everyone: whom to add.
        crops: whether to keep the crops of new anchors.
    """
    change = Change(connection, whole=True)
    added = 0
    for one in everyone:
        known = people.named(connection, one.name)
        person_id = known.id if known else changes.insert_person(connection, one.name, change)
        own = people.anchors_of(connection, PersonRow.id == person_id)
        for rows in (one.anchors, one.rejected):
            changes.refuse_other_length(connection, rows)
        new = _missing(one.anchors, own)
        kept = [one.crops[place] for place in new] if crops and any(one.crops) else None
        notes = [one.notes[place] for place in new]
        changes.insert_anchors(connection, person_id, one.anchors[new], notes, change, kept)
        added += len(new)
        new = _missing(one.rejected, people.rejected_of(connection, PersonRow.id == person_id))
        values = changes.embedded(person_id, one.rejected[new], [one.rejected_notes[place] for place in new], change)
        if values:
            connection.execute(insert(RejectedRow), values)
        if one.portrait is not None and not (known and known.has_portrait):
            change.new_portrait(person_id)
            changes.replace_portrait(connection, person_id, one.portrait)
    change.describe(f"imported {text.count(added, 'anchor')} of {text.count(len(everyone), 'person')}")
    return added


def _person(connection: Connection, person: people.Person, portrait: bytes | None, crops: bool) -> PortablePerson:
    own = people.anchors_of(connection, PersonRow.id == person.id)
    rejected = people.rejected_of(connection, PersonRow.id == person.id)
    kept: dict[int, bytes] = {}
    if crops and any(one.has_crop for one in own):
        rows = select(CropRow.anchor_id, CropRow.webp).join(AnchorRow, AnchorRow.id == CropRow.anchor_id)
        kept = dict(connection.execute(rows.where(AnchorRow.person_id == person.id)).all())
    pictures = tuple(kept.get(one.id) for one in own)
    return PortablePerson(person.name, *_columns(own), *_columns(rejected), portrait, pictures)


def _columns(faces: list[Anchor]) -> tuple[np.ndarray, tuple[str, ...]]:
    rows = np.stack([one.embedding for one in faces]) if faces else np.zeros((0, 0), dtype=np.float32)
    return rows, tuple(one.note for one in faces)


def _missing(rows: np.ndarray, own: list[Anchor]) -> list[int]:
    """Places of the rows that are not among a person's own, up to rounding."""
    if not own or not len(rows):
        return list(range(len(rows)))
    there = np.stack([one.embedding for one in own])
    nearest = np.abs(rows[:, None, :] - there[None]).max(axis=2).min(axis=1)
    return np.flatnonzero(nearest > 1e-6).tolist()
