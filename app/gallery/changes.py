"""What can be changed in the gallery, each in a transaction that the caller opens; `journal` keeps how to undo it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from sqlalchemy import Connection, delete, insert, select

from app import text
from app.errors import FaceNotFound, InvalidEmbeddings, NameTaken, PersonNotFound, SamePerson
from app.gallery import embedding_rows, imported_photos, names, people
from app.gallery.change_history import Change, erase
from app.gallery.imported_photos import ImportedPhotos
from app.gallery.people import Person, Who
from app.gallery.tables import AnchorRow, CropRow, ImportedRow, PersonRow, PortraitRow, RejectedRow, now

_MOST_NUMBERS = 10
"""A description lists the numbers of at most this many people."""


def add(
    connection: Connection,
    name: str,
    rows: np.ndarray,
    notes: Sequence[str],
    portrait: bytes | None,
    crops: Sequence[bytes] | None,
    imported: ImportedPhotos | None,
) -> Person:
    """Add anchors to a person, who is created if nobody has this name; see `Gallery.add`."""
    if len(notes) != len(rows) or (crops is not None and len(crops) != len(rows)):
        raise InvalidEmbeddings(f"Every anchor needs one note; there are {len(rows)} anchors and {len(notes)} notes.")
    refuse_other_length(connection, rows)
    change = Change(connection)
    found = people.named(connection, name)
    person_id = found.id if found else insert_person(connection, name, change)
    insert_anchors(connection, person_id, rows, notes, change, crops)
    if portrait is not None:
        change.new_portrait(person_id)
        replace_portrait(connection, person_id, portrait)
    if imported is not None:
        imported_photos.record(connection, person_id, imported)
    change.touch(person_id)
    change.describe(f"added {text.count(len(rows), 'anchor')} of person {person_id}")
    return people.present(connection, PersonRow.id == person_id)


def remove(connection: Connection, everyone: Sequence[Who]) -> list[Person]:
    """Hide people, whom one undo or `restore` brings back until they are erased; see `Gallery.remove_people`."""
    found = _each_once(_find_all(everyone, lambda who: [people.known(connection, who)]))
    hide(connection, found)
    return found


def hide(connection: Connection, found: Sequence[Person]) -> None:
    """Hide people in one change."""
    change = Change(connection)
    change.hide_people([person.id for person in found])
    change.describe(f"removed {_numbers(found)}")


def remove_for_good(connection: Connection, everyone: Sequence[Who]) -> list[Person]:
    """Erase the people with these names or IDs, also those who were removed before; see `Gallery.remove_people`."""
    found = _each_once(_find_all(everyone, lambda who: _removed_or_present(connection, who)))
    erase_people(connection, found)
    return found


def erase_people(connection: Connection, found: Sequence[Person]) -> None:
    """Erase people in one change, which cannot be undone."""
    change = Change(connection, reversible=False)
    change.touch(*(person.id for person in found))
    change.describe(f"erased {_numbers(found)}")
    erase(connection, people=[person.id for person in found])


def restore(connection: Connection, who: Who) -> Person:
    """Bring a removed person back, of several the last removed."""
    gone = people.removed_called(connection, who)
    if not gone:
        raise PersonNotFound(f"There is no removed person {_called(who)}.")
    if people.named(connection, gone[0].name):
        raise NameTaken(f"There is somebody called {gone[0].name} in the gallery again. Rename them first.")
    change = Change(connection)
    change.set("person", gone[0].id, "removed", None)
    change.touch(gone[0].id)
    change.describe(f"restored person {gone[0].id}")
    return people.present(connection, PersonRow.id == gone[0].id)


def rename(connection: Connection, who: Who, new: str) -> Person:
    """Give a person another name."""
    person = people.known(connection, who)
    holder = people.named(connection, new)
    if holder is not None and holder.id != person.id:
        raise NameTaken(
            f"There is already somebody called {holder.name} in the gallery. Choose another name, or merge the two."
        )
    change = Change(connection)
    change.set("person", person.id, "name", new)
    change.touch(person.id)
    change.describe(f"renamed person {person.id}")
    return people.present(connection, PersonRow.id == person.id)


def merge(connection: Connection, who: Who, into: Who) -> Person:
    """Give one person's anchors, rejected faces and imported photos to another, and remove the first."""
    gone, stays = people.known(connection, who), people.known(connection, into)
    if gone.id == stays.id:
        raise SamePerson(f"{stays.name} cannot be merged into themselves.")
    change = Change(connection)
    for place, table in (("anchor", AnchorRow), ("rejected", RejectedRow), ("imported", ImportedRow)):
        for row_id in connection.scalars(select(table.id).where(table.person_id == gone.id)).all():
            change.set(place, row_id, "person_id", stays.id)
    change.set("person", gone.id, "removed", now())
    change.touch(gone.id, stays.id)
    change.describe(f"merged person {gone.id} into person {stays.id}")
    return people.present(connection, PersonRow.id == stays.id)


def set_anchors_removed(connection: Connection, who: Who, ids: Sequence[int], removed: bool) -> Person:
    """Hide anchors of a person, or bring hidden ones back."""
    person = people.known(connection, who)
    state = AnchorRow.removed.is_(None) if removed else AnchorRow.removed.is_not(None)
    own = select(AnchorRow.id).where(AnchorRow.person_id == person.id, AnchorRow.id.in_(ids), state)
    _refuse_others(ids, connection.scalars(own).all(), f"{person.name} has no {'' if removed else 'removed '}anchor")
    change = Change(connection)
    for anchor_id in ids:
        change.set("anchor", anchor_id, "removed", now() if removed else None)
    change.touch(person.id)
    change.describe(f"{'removed' if removed else 'restored'} {text.count(len(ids), 'anchor')} of person {person.id}")
    return people.present(connection, PersonRow.id == person.id)


def erase_anchors(connection: Connection, who: Who, ids: Sequence[int]) -> Person:
    """Delete anchors of a person for good, hidden or not."""
    person = people.known(connection, who)
    own = select(AnchorRow.id).where(AnchorRow.person_id == person.id, AnchorRow.id.in_(ids))
    _refuse_others(ids, connection.scalars(own).all(), f"{person.name} has no anchor")
    change = Change(connection, reversible=False)
    change.touch(person.id)
    change.describe(f"erased {text.count(len(ids), 'anchor')} of person {person.id}")
    erase(connection, anchors=ids)
    return people.present(connection, PersonRow.id == person.id)


def reject(connection: Connection, who: Who, rows: np.ndarray, notes: Sequence[str]) -> Person:
    """Keep faces that are not this person."""
    person = people.known(connection, who)
    refuse_other_length(connection, rows)
    change = Change(connection)
    connection.execute(insert(RejectedRow), embedded(person.id, rows, notes, change))
    change.touch(person.id)
    change.describe(f"marked {text.count(len(rows), 'face')} as not person {person.id}")
    return person


def take_back(connection: Connection, ids: Sequence[int]) -> None:
    """Let rejected faces weigh no longer."""
    there = dict(
        connection.execute(
            select(RejectedRow.id, RejectedRow.person_id).where(RejectedRow.id.in_(ids), RejectedRow.removed.is_(None))
        ).all()
    )
    _refuse_others(ids, list(there), "There is no rejected face")
    change = Change(connection)
    for row_id, person_id in there.items():
        change.set("rejected", row_id, "removed", now())
        change.touch(person_id)
    change.describe(f"took back {len(there)} rejected faces")


def insert_person(connection: Connection, name: str, change: Change | None = None) -> int:
    """Make a person; gives back the id."""
    values = {"name": name, "key": names.key(name), "revision_id": change and change.id}
    return connection.execute(insert(PersonRow).values(values)).inserted_primary_key[0]


def insert_anchors(
    connection: Connection,
    person_id: int,
    rows: np.ndarray,
    notes: Iterable[str],
    change: Change | None = None,
    crops: Sequence[bytes | None] | None = None,
) -> None:
    """Give a person anchors: float32 (anchors, dims) of length 1, and the crops that are kept, as WebP files."""
    values = embedded(person_id, rows, notes, change)
    if not values:
        return
    if crops is None:
        connection.execute(insert(AnchorRow), values)
        return
    for value, webp in zip(values, crops, strict=True):
        anchor_id = connection.execute(insert(AnchorRow).values(value)).inserted_primary_key[0]
        if webp is not None:
            connection.execute(insert(CropRow).values(anchor_id=anchor_id, webp=webp))


def replace_portrait(connection: Connection, person_id: int, webp: bytes) -> None:
    """Give a person this portrait."""
    connection.execute(delete(PortraitRow).where(PortraitRow.person_id == person_id))
    connection.execute(insert(PortraitRow).values(portrait(person_id, webp)))


def portrait(person_id: int, webp: bytes) -> dict:
    """A row of `portrait`, ready to be inserted."""
    return {"person_id": person_id, "webp": webp, "sha256": hashlib.sha256(webp).hexdigest()}


def refuse_other_length(connection: Connection, rows: np.ndarray) -> None:
    """Refuse embeddings of another length than those that are there.

    Raises:
        InvalidEmbeddings: they are.
    """
    stored = connection.scalar(select(AnchorRow.embedding).limit(1))
    if len(rows) and stored is not None and embedding_rows.dims_of(stored) != rows.shape[1]:
        raise InvalidEmbeddings(
            f"The gallery's anchors have {embedding_rows.dims_of(stored)} numbers each, these embeddings "
            f"{rows.shape[1]}: they come from another network."
        )


def embedded(person_id: int, rows: np.ndarray, notes: Iterable[str], change: Change | None) -> list[dict]:
    """Rows of `anchor` or `rejected`, ready to be inserted: float32 (faces, dims) and a note each."""
    # Names of files may hold bytes that are no text; a database takes none.
    return [
        {
            "person_id": person_id,
            "embedding": embedding_rows.to_bytes(row),
            "note": note[:500].encode("utf-8", "replace").decode().replace("\0", "?"),
            "revision_id": change and change.id,
        }
        for row, note in zip(rows, notes, strict=True)
    ]


def _find_all(everyone: Sequence[Who], find: Callable[[Who], list[Person]]) -> list[Person]:
    try:
        return [person for who in everyone for person in find(who)]
    except PersonNotFound as error:
        raise PersonNotFound(f"{error} No person was removed." if len(everyone) > 1 else str(error)) from error


def _removed_or_present(connection: Connection, who: Who) -> list[Person]:
    found = people.removed_called(connection, who)
    if not found or (isinstance(who, str) and people.named(connection, who)):
        found.append(people.known(connection, who))
    return found


def _each_once(found: Sequence[Person]) -> list[Person]:
    return list({person.id: person for person in found}.values())


def _numbers(found: Sequence[Person]) -> str:
    if len(found) > _MOST_NUMBERS:
        return text.count(len(found), "person")
    return ", ".join(f"person {person.id}" for person in found)


def _called(who: Who) -> str:
    return f"with the id {who}" if isinstance(who, int) else f"called {who.strip()!r}"


def _refuse_others(ids: Sequence[int], there: Sequence[int], sentence: str) -> None:
    missing = sorted(set(ids) - set(there))
    if missing:
        raise FaceNotFound(f"{sentence} with the number {missing[0]}.")
