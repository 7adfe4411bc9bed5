"""Addition of anchors to a new or known person, within a transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from app import text
from app.arrays import FloatArray
from app.gallery import opt_outs, records, removal
from app.gallery import people as queries
from app.gallery.change_history import Change
from app.gallery.people import ImportedPhotos, Person
from app.gallery.tables import AnchorRow


@dataclass(frozen=True, eq=False)
class AddedFaces:
    """The arguments of `Gallery.add`, with a clean name and float32 (anchors, dims) of unit length."""

    name: str
    embeddings: FloatArray
    notes: Sequence[str]
    portrait: bytes | None
    crops: Sequence[bytes] | None
    imported: ImportedPhotos | None
    find_new: Callable[[FloatArray], Sequence[int]] | None
    record: Mapping[str, str | None]


def add(connection: Connection, added: AddedFaces, require_basis: bool) -> Person:
    """Add anchors to a person, see `Gallery.add`."""
    name, rows, notes, crops = added.name, added.embeddings, added.notes, added.crops
    queries.check_dims(connection, rows)
    opt_outs.check_name(connection, name)
    found = queries.find_person(connection, name)
    record = records.record_to_enroll(name, found, added.record, require_basis and len(rows) > 0)
    if found and found.anchors and added.find_new:
        known = np.stack([face.embedding for face in queries.list_anchors(connection, found.id)])
        new = added.find_new(known)
        rows, notes, crops = rows[new], [notes[row] for row in new], crops and [crops[row] for row in new]
    if found and not len(rows):
        if added.imported is not None:
            queries.record_imported(connection, found.id, added.imported)
        return records.change_record(connection, found.id, added.record)
    change = Change(connection)
    person_id = found.id if found else queries.insert_person(connection, name, change, record)
    if found:
        records.write_record(change, found, record)
    ids = queries.insert_faces(connection, AnchorRow, person_id, rows, notes, change)
    queries.insert_crops(connection, ids, crops or [None] * len(ids))
    if added.portrait is not None:
        queries.replace_portrait(connection, person_id, added.portrait, change)
    if added.imported is not None:
        queries.record_imported(connection, person_id, added.imported)
    anchors = text.count(len(rows), "anchor")
    return removal.finish(connection, change, f"added {anchors} of person {person_id}", person_id)
