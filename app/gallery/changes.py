"""Changes of the gallery: add, remove, restore, rename and merge people, within the caller's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from app import text
from app.arrays import FloatArray
from app.errors import FaceNotFound, InvalidEmbeddings, NameTaken, PersonNotFound, SamePerson
from app.gallery import embedding_rows, imported_photos, names, people
from app.gallery.change_history import Change, purge
from app.gallery.imported_photos import ImportedPhotos
from app.gallery.people import Person, PersonRef
from app.gallery.tables import AnchorRow, CropRow, ImportedPhotoRow, PersonRow, PortraitRow, RejectedFaceRow, now

_MAX_LISTED = 10


def add(
    connection: Connection,
    name: str,
    embeddings: FloatArray,
    notes: Sequence[str],
    portrait: bytes | None,
    crops: Sequence[bytes] | None,
    imported: ImportedPhotos | None,
) -> Person:
    """Add anchors to a new or known person, see `Gallery.add`."""
    if len(notes) != len(embeddings) or (crops is not None and len(crops) != len(embeddings)):
        raise InvalidEmbeddings(f"Expected one note per anchor, got {len(notes)} notes for {len(embeddings)} anchors.")
    check_dims(connection, embeddings)
    change = Change(connection)
    found = people.find_person(connection, name)
    person_id = found.id if found else insert_person(connection, name, change)
    insert_anchors(connection, person_id, embeddings, notes, change, crops)
    if portrait is not None:
        change.keep_portrait(person_id)
        replace_portrait(connection, person_id, portrait)
    if imported is not None:
        imported_photos.record(connection, person_id, imported)
    change.add_people(person_id)
    change.describe(f"added {text.count(len(embeddings), 'anchor')} of person {person_id}")
    return people.get_person(connection, person_id)


def remove_all(connection: Connection, refs: Sequence[PersonRef]) -> list[Person]:
    """Remove people by name or ID in one change, see `Gallery.remove_people`."""
    found = _find_all(refs, lambda ref: [people.get_person(connection, ref)])
    remove(connection, found)
    return found


def remove(connection: Connection, found: Sequence[Person]) -> None:
    """Remove people in one change, which can be undone."""
    change = Change(connection)
    change.remove_people([person.id for person in found])
    change.describe(f"removed {_describe_people(found)}")


def purge_all(connection: Connection, refs: Sequence[PersonRef]) -> list[Person]:
    """Purge people by name or ID, including those removed before, see `Gallery.remove_people`."""

    def find(ref: PersonRef) -> list[Person]:
        found: list[Person] = [*people.find_removed(connection, ref)]
        if not found or (isinstance(ref, str) and people.find_person(connection, ref)):
            found.append(people.get_person(connection, ref))
        return found

    found = _find_all(refs, find)
    purge_people(connection, found)
    return found


def purge_people(connection: Connection, found: Sequence[Person]) -> None:
    """Purge people in one change, which cannot be undone."""
    change = Change(connection, reversible=False)
    change.add_people(*(person.id for person in found))
    change.describe(f"purged {_describe_people(found)}")
    purge(connection, people=[person.id for person in found])


def restore(connection: Connection, ref: PersonRef) -> Person:
    """Restore a removed person, the last removed of several with the name."""
    removed = people.find_removed(connection, ref)
    if not removed:
        wanted = f"with the ID {ref}" if isinstance(ref, int) else f"called {ref.strip()!r}"
        raise PersonNotFound(f"There is no removed person {wanted}.")
    person = removed[0]
    if people.find_person(connection, person.name):
        raise NameTaken(f"Another person is called {person.name} now. Rename them first.")
    change = Change(connection)
    change.set("person", person.id, "removed", None)
    return _finish(connection, change, person.id, f"restored person {person.id}")


def rename(connection: Connection, ref: PersonRef, name: str) -> Person:
    """Rename a person."""
    person = people.get_person(connection, ref)
    holder = people.find_person(connection, name)
    if holder is not None and holder.id != person.id:
        raise NameTaken(f"Another person is called {holder.name}. Choose another name, or merge the two people.")
    change = Change(connection)
    change.set("person", person.id, "name", name)
    return _finish(connection, change, person.id, f"renamed person {person.id}")


def merge(connection: Connection, ref: PersonRef, into: PersonRef) -> Person:
    """Move one person's anchors, rejected faces and imported photos to another, and remove the first."""
    person, target = people.get_person(connection, ref), people.get_person(connection, into)
    if person.id == target.id:
        raise SamePerson(f"{target.name} cannot be merged with themselves. Choose another person.")
    change = Change(connection)
    for table, rows in (("anchor", AnchorRow), ("rejected", RejectedFaceRow), ("imported", ImportedPhotoRow)):
        for row_id in connection.scalars(select(rows.id).where(rows.person_id == person.id)).all():
            change.set(table, row_id, "person_id", target.id)
    change.set("person", person.id, "removed", now())
    change.add_people(person.id)
    return _finish(connection, change, target.id, f"merged person {person.id} into person {target.id}")


def set_anchors_removed(connection: Connection, ref: PersonRef, ids: Sequence[int], removed: bool) -> Person:
    """Remove or restore anchors of a person."""
    person = people.get_person(connection, ref)
    state = AnchorRow.removed.is_(None) if removed else AnchorRow.removed.is_not(None)
    found = select(AnchorRow.id).where(AnchorRow.person_id == person.id, AnchorRow.id.in_(ids), state)
    _check_found(ids, connection.scalars(found), f"{person.name} has no {'' if removed else 'removed '}anchor")
    change = Change(connection)
    for anchor_id in ids:
        change.set("anchor", anchor_id, "removed", now() if removed else None)
    done = "removed" if removed else "restored"
    return _finish(connection, change, person.id, f"{done} {text.count(len(ids), 'anchor')} of person {person.id}")


def purge_anchors(connection: Connection, ref: PersonRef, ids: Sequence[int]) -> Person:
    """Purge anchors of a person, removed or not."""
    person = people.get_person(connection, ref)
    found = select(AnchorRow.id).where(AnchorRow.person_id == person.id, AnchorRow.id.in_(ids))
    _check_found(ids, connection.scalars(found), f"{person.name} has no anchor")
    change = Change(connection, reversible=False)
    purge(connection, anchors=ids)
    return _finish(connection, change, person.id, f"purged {text.count(len(ids), 'anchor')} of person {person.id}")


def reject_faces(connection: Connection, ref: PersonRef, embeddings: FloatArray, notes: Sequence[str]) -> Person:
    """Mark faces as not this person."""
    person = people.get_person(connection, ref)
    check_dims(connection, embeddings)
    change = Change(connection)
    connection.execute(insert(RejectedFaceRow), face_values(person.id, embeddings, notes, change))
    faces = text.count(len(embeddings), "face")
    return _finish(connection, change, person.id, f"marked {faces} as not person {person.id}")


def remove_rejected_faces(connection: Connection, ids: Sequence[int]) -> None:
    """Remove the marks of rejected faces."""
    rows = select(RejectedFaceRow.id, RejectedFaceRow.person_id)
    found = connection.execute(rows.where(RejectedFaceRow.id.in_(ids), RejectedFaceRow.removed.is_(None))).all()
    _check_found(ids, (row.id for row in found), "There is no rejected face")
    change = Change(connection)
    for row_id, person_id in found:
        change.set("rejected", row_id, "removed", now())
        change.add_people(person_id)
    change.describe(f"removed {text.count(len(found), 'rejected face')}")


def insert_person(connection: Connection, name: str, change: Change | None = None) -> int:
    """Insert a person and return the ID."""
    values = {"name": name, "key": names.key(name), "revision_id": change and change.id}
    return connection.scalars(insert(PersonRow).values(values).returning(PersonRow.id)).one()


def insert_anchors(
    connection: Connection,
    person_id: int,
    embeddings: FloatArray,
    notes: Iterable[str],
    change: Change | None = None,
    crops: Sequence[bytes | None] | None = None,
) -> None:
    """Insert anchors of a person: float32 (anchors, dims) of unit length, and the WebP crops to keep."""
    rows = face_values(person_id, embeddings, notes, change)
    if crops is None:
        if rows:
            connection.execute(insert(AnchorRow), rows)
        return
    for row, webp in zip(rows, crops, strict=True):
        anchor_id = connection.scalars(insert(AnchorRow).values(row).returning(AnchorRow.id)).one()
        if webp is not None:
            connection.execute(insert(CropRow).values(anchor_id=anchor_id, webp=webp))


def replace_portrait(connection: Connection, person_id: int, webp: bytes) -> None:
    """Set a person's portrait."""
    connection.execute(delete(PortraitRow).where(PortraitRow.person_id == person_id))
    connection.execute(insert(PortraitRow).values(portrait_values(person_id, webp)))


def portrait_values(person_id: int, webp: bytes) -> dict[str, Any]:
    """Return a row of `PortraitRow`."""
    return {"person_id": person_id, "webp": webp, "sha256": hashlib.sha256(webp).hexdigest()}


def face_values(
    person_id: int, embeddings: FloatArray, notes: Iterable[str], change: Change | None
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
    """Check that embeddings have as many dimensions as the gallery's.

    Raises:
        InvalidEmbeddings: They have not.
    """
    stored = connection.scalar(select(AnchorRow.embedding).limit(1))
    if len(embeddings) and stored is not None and embedding_rows.dims(stored) != embeddings.shape[1]:
        raise InvalidEmbeddings(
            f"Expected embeddings of {embedding_rows.dims(stored)} dimensions, got {embeddings.shape[1]}. "
            "They come from another network."
        )


def _finish(connection: Connection, change: Change, person_id: int, description: str) -> Person:
    change.add_people(person_id)
    change.describe(description)
    return people.get_person(connection, person_id)


def _find_all(refs: Sequence[PersonRef], find: Callable[[PersonRef], list[Person]]) -> list[Person]:
    """Return the people that `find` returns for each reference, each person once."""
    try:
        return list({person.id: person for ref in refs for person in find(ref)}.values())
    except PersonNotFound as error:
        raise PersonNotFound(f"{error} No person was removed." if len(refs) > 1 else str(error)) from error


def _describe_people(found: Sequence[Person]) -> str:
    if len(found) > _MAX_LISTED:
        return text.count(len(found), "person")
    return ", ".join(f"person {person.id}" for person in found)


def _check_found(ids: Sequence[int], found: Iterable[int], problem: str) -> None:
    missing = set(ids) - set(found)
    if missing:
        raise FaceNotFound(f"{problem} with the number {min(missing)}.")
