"""Changes of anchors and rejected faces of any people, each within a transaction: remove, move and reject."""

from collections.abc import Sequence

from numpy.typing import ArrayLike
from sqlalchemy import Connection, and_, select

from app import text
from app.gallery import embedding_rows, opt_outs
from app.gallery import people as queries
from app.gallery.change_history import Change
from app.gallery.database import batches
from app.gallery.people import Person, PersonRef
from app.gallery.removal import check_found, finish, list_ids
from app.gallery.tables import AnchorRow, PersonRow, RejectedFaceRow, now


def remove_anchors(connection: Connection, ids: Sequence[int]) -> list[Person]:
    """Remove anchors in one change, or raise `FaceNotFound` if one is missing, and return their people."""
    owners, change = _find_owners(connection, ids), Change(connection)
    change.set("anchor", ids, "removed", now())
    change.describe(f"removed {text.count(len(ids), 'anchor')} of {list_ids(owners)}", *owners)
    return queries.list_people(connection, PersonRow.id.in_(owners))


def move_anchors(connection: Connection, ids: Sequence[int], into: PersonRef) -> Person:
    """Move anchors to a person in one change, or raise `FaceNotFound` if one is missing, and return the person.

    Raises `OptedOut` for photos of a person on the opt-out list, unless the other person is on it too.
    """
    owners, target = _find_owners(connection, ids), queries.get_person(connection, into)
    opt_outs.check_move(connection, queries.list_people(connection, PersonRow.id.in_(owners)), target)
    change = Change(connection)
    change.set("anchor", ids, "person_id", target.id)
    anchors = f"{text.count(len(ids), 'anchor')} of {list_ids(owners)}"
    change.describe(f"moved {anchors} to person {target.id}", *owners, target.id)
    return queries.get_person(connection, target.id)


def reject_faces(connection: Connection, person: PersonRef, embeddings: ArrayLike, notes: Sequence[str]) -> Person:
    """Mark faces as not a person, which raises the distance of similar probes. Arguments are as in `Gallery.add`."""
    rows, person_id = embedding_rows.unit_rows(embeddings), queries.get_person(connection, person).id
    queries.check_dims(connection, rows)
    change = Change(connection)
    queries.insert_faces(connection, RejectedFaceRow, person_id, rows, notes, change)
    faces = text.count(len(rows), "face")
    return finish(connection, change, f"marked {faces} as not person {person_id}", person_id)


def remove_rejected_faces(connection: Connection, ids: Sequence[int]) -> None:
    """Remove the marks of rejected faces, or raise `FaceNotFound` if one is missing."""
    rows = select(RejectedFaceRow.id, RejectedFaceRow.person_id)
    present = rows.where(RejectedFaceRow.id.in_(ids), RejectedFaceRow.removed.is_(None))
    owners = {row.id: row.person_id for row in connection.execute(present)}
    check_found(ids, owners, "There is no rejected face")
    change = Change(connection)
    change.set("rejected", list(owners), "removed", now())
    change.describe(f"removed {text.count(len(owners), 'rejected face')}", *owners.values())


def _find_owners(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Return the IDs of the people of anchors, sorted."""
    owners: dict[int, int] = {}
    rows = select(AnchorRow.id, PersonRow.id).join(PersonRow, and_(queries.HAS_ANCHOR, queries.IS_PRESENT))
    for batch in batches(ids):
        owners |= {row[0]: row[1] for row in connection.execute(rows.where(AnchorRow.id.in_(batch)))}
    check_found(ids, owners, "Nothing was changed. There is no anchor")
    return sorted(set(owners.values()))
