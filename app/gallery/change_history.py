"""Change history of the gallery: audit log, undo, and purging rows for good."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import NameTaken, NothingToUndo, NotLatestChange
from app.gallery import names
from app.gallery.tables import (
    AnchorRow,
    ChangedPersonRow,
    FormerPortraitRow,
    FormerValueRow,
    ImportedPhotoRow,
    PersonRow,
    PortraitRow,
    RejectedFaceRow,
    RevisionRow,
    now,
)

_FACES: dict[str, type[AnchorRow] | type[RejectedFaceRow]] = {"anchor": AnchorRow, "rejected": RejectedFaceRow}
_REMOVABLE: dict[str, type[PersonRow] | type[AnchorRow] | type[RejectedFaceRow]] = {"person": PersonRow, **_FACES}
_OWNED: dict[str, type[AnchorRow] | type[RejectedFaceRow] | type[ImportedPhotoRow]] = {
    **_FACES,
    "imported": ImportedPhotoRow,
}
_TABLES: dict[str, type[PersonRow] | type[AnchorRow] | type[RejectedFaceRow] | type[ImportedPhotoRow]] = {
    "person": PersonRow,
    **_OWNED,
}
_NEW_PORTRAIT = "portrait"
_BATCH = 500


@dataclass(frozen=True)
class PastChange:
    """A change in the history; `undone` is when it was undone."""

    id: int
    change: str
    created: datetime
    reversible: bool
    undone: datetime | None


class Change:
    """Recorder of one change, within its transaction.

    Args:
        connection: The transaction.
        reversible: Whether the change can be undone. All writes must then go through this object.
        whole: Whether snapshots must be loaded again completely.
    """

    def __init__(self, connection: Connection, reversible: bool = True, whole: bool = False) -> None:
        self._connection = connection
        self._people: set[int] = set()
        row = insert(RevisionRow).values(change="", reversible=reversible, whole=whole).returning(RevisionRow.id)
        self.id: int = connection.scalars(row).one()

    def describe(self, text: str) -> None:
        """Set the description. It must not contain names, which would survive purging a person."""
        self._connection.execute(update(RevisionRow).where(RevisionRow.id == self.id).values(change=text))

    def add_people(self, *person_ids: int) -> None:
        """Note that the change affects people, so that snapshots load them again."""
        new = set(person_ids) - self._people
        if new:
            rows = [{"revision_id": self.id, "person_id": person_id} for person_id in sorted(new)]
            self._connection.execute(insert(ChangedPersonRow), rows)
        self._people |= new

    def remove_people(self, person_ids: Sequence[int]) -> None:
        """Mark people as removed, in few statements."""
        row = {"revision_id": self.id, "table": "person", "column": "removed", "value": None}
        self._connection.execute(insert(FormerValueRow), [row | {"row_id": person_id} for person_id in person_ids])
        for batch in _batches(person_ids):
            self._connection.execute(update(PersonRow).where(PersonRow.id.in_(batch)).values(removed=now()))
        self.add_people(*person_ids)

    def set(self, table: str, row_id: int, column: str, value: object) -> None:
        """Write a value into a row of `person`, `anchor`, `rejected` or `imported`, and keep the former value."""
        rows = _TABLES[table]
        former = self._connection.scalar(select(getattr(rows, column)).where(rows.id == row_id))
        self._keep(table, row_id, column, former)
        _write(self._connection, table, row_id, column, value)

    def keep_portrait(self, person_id: int) -> None:
        """Keep a person's portrait, or the fact that there is none, before the change replaces it."""
        row = select(PortraitRow.webp, PortraitRow.sha256).where(PortraitRow.person_id == person_id)
        former = self._connection.execute(row).mappings().first()
        if former is None:
            self._keep(_NEW_PORTRAIT, person_id, "webp", None)
        else:
            values = {"revision_id": self.id, "person_id": person_id, **former}
            self._connection.execute(insert(FormerPortraitRow).values(values))

    def _keep(self, table: str, row_id: int, column: str, former: object) -> None:
        value = former.isoformat() if isinstance(former, datetime) else None if former is None else str(former)
        values = {"revision_id": self.id, "table": table, "row_id": row_id, "column": column, "value": value}
        self._connection.execute(insert(FormerValueRow).values(values))


def undo(connection: Connection, expected: int | None = None) -> str:
    """Undo the latest reversible change and return its description, with names.

    Args:
        connection: The transaction.
        expected: ID that the change must have, or None for any.

    Raises:
        NothingToUndo: There is none.
        NotLatestChange: The latest change has another ID.
        NameTaken: Another person has the name of a person who would be restored.
    """
    reversible = select(RevisionRow.id, RevisionRow.change, RevisionRow.created)
    reversible = reversible.where(RevisionRow.reversible, RevisionRow.undone.is_(None))
    found = connection.execute(reversible.order_by(RevisionRow.id.desc()).limit(1)).first()
    if found is None:
        raise NothingToUndo("There is no change to undo.")
    if expected not in (None, found.id):
        raise NotLatestChange(f"Only the latest change can be undone. It is number {found.id}, not {expected}.")
    change = Change(connection, reversible=False)
    change.describe(f"undid change {found.id}: {found.change}")
    people = connection.scalars(
        select(ChangedPersonRow.person_id).where(ChangedPersonRow.revision_id == found.id)
    ).all()
    change.add_people(*people)
    try:
        _restore_values(connection, found.id)
    except IntegrityError as error:
        raise NameTaken(
            f"Change {found.id} cannot be undone: another person has the name now. Rename them first."
        ) from error
    _restore_portraits(connection, found.id)
    for batch in _batches(people):
        # The next import must review the photos again whose anchors disappear here.
        later = (ImportedPhotoRow.created >= found.created) & ImportedPhotoRow.person_id.in_(batch)
        connection.execute(delete(ImportedPhotoRow).where(later))
    for table in _REMOVABLE.values():
        inserted = update(table).where(table.revision_id == found.id, table.removed.is_(None))
        connection.execute(inserted.values(removed=now()))
    connection.execute(update(RevisionRow).where(RevisionRow.id == found.id).values(undone=now()))
    return _insert_names(connection, [found.change])[0]


def history(connection: Connection, limit: int) -> list[PastChange]:
    """Return the latest changes, with names, the newest first."""
    columns = select(
        RevisionRow.id, RevisionRow.change, RevisionRow.created, RevisionRow.reversible, RevisionRow.undone
    )
    rows = connection.execute(columns.order_by(RevisionRow.id.desc()).limit(limit)).all()
    changes = [PastChange(*row) for row in rows]
    descriptions = _insert_names(connection, [change.change for change in changes])
    return [replace(change, change=text) for change, text in zip(changes, descriptions, strict=True)]


def purge(
    connection: Connection,
    people: Sequence[int] = (),
    anchors: Sequence[int] = (),
    rejected: Sequence[int] = (),
) -> None:
    """Delete rows by ID for good, with all dependent rows and all former values of them."""
    for batch in _batches(people):
        for table, rows in _OWNED.items():
            _forget(connection, table, select(rows.id).where(rows.person_id.in_(batch)))
        _forget(connection, _NEW_PORTRAIT, batch)
    for table, ids in (("person", people), ("anchor", anchors), ("rejected", rejected)):
        for batch in _batches(ids):
            _forget(connection, table, batch)
            connection.execute(delete(_REMOVABLE[table]).where(_REMOVABLE[table].id.in_(batch)))


def has_expired(connection: Connection, before: datetime) -> bool:
    """Return whether a row was removed, or a reversible change made, before a time."""
    return any(_expired_rows(connection, before).values()) or bool(_expired_changes(connection, before))


def purge_expired(connection: Connection, before: datetime) -> int:
    """Purge rows that were removed before a time, make older changes irreversible, and return the number of rows."""
    for batch in _batches(_expired_changes(connection, before)):
        connection.execute(delete(FormerValueRow).where(FormerValueRow.revision_id.in_(batch)))
        connection.execute(delete(FormerPortraitRow).where(FormerPortraitRow.revision_id.in_(batch)))
        connection.execute(update(RevisionRow).where(RevisionRow.id.in_(batch)).values(reversible=False))
    found = _expired_rows(connection, before)
    if any(found.values()):
        Change(connection, reversible=False).describe("purged expired removals")
        purge(connection, found["person"], found["anchor"], found["rejected"])
    return sum(map(len, found.values()))


def _expired_rows(connection: Connection, before: datetime) -> dict[str, Sequence[int]]:
    return {
        name: connection.scalars(select(rows.id).where(rows.removed < before)).all()
        for name, rows in _REMOVABLE.items()
    }


def _expired_changes(connection: Connection, before: datetime) -> Sequence[int]:
    old = select(RevisionRow.id).where(RevisionRow.reversible, RevisionRow.created < before)
    return connection.scalars(old).all()


def _insert_names(connection: Connection, descriptions: Sequence[str]) -> list[str]:
    """Replace "person 7" by the person's name, unless the person was purged."""
    pattern = re.compile(r"person (\d+)")
    ids = {int(number) for text in descriptions for number in pattern.findall(text)}
    rows = connection.execute(select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(ids)))
    known = {row.id: row.name for row in rows}
    return [pattern.sub(lambda found: known.get(int(found[1]), found[0]), text) for text in descriptions]


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def _forget(connection: Connection, table: str, ids: Sequence[int] | Select[int]) -> None:
    connection.execute(delete(FormerValueRow).where(FormerValueRow.table == table, FormerValueRow.row_id.in_(ids)))


def _restore_values(connection: Connection, change_id: int) -> None:
    columns = select(FormerValueRow.table, FormerValueRow.row_id, FormerValueRow.column, FormerValueRow.value)
    rows = columns.where(FormerValueRow.revision_id == change_id).order_by(FormerValueRow.id.desc())
    for table, row_id, column, text in connection.execute(rows).all():
        if table == _NEW_PORTRAIT:
            connection.execute(delete(PortraitRow).where(PortraitRow.person_id == row_id))
            continue
        value: object = text
        if text is not None and column == "removed":
            value = datetime.fromisoformat(text)
        elif text is not None and column == "person_id":
            value = int(text)
        _write(connection, table, row_id, column, value)


def _restore_portraits(connection: Connection, change_id: int) -> None:
    columns = select(FormerPortraitRow.person_id, FormerPortraitRow.webp, FormerPortraitRow.sha256)
    replaced = columns.where(FormerPortraitRow.revision_id == change_id)
    for row in connection.execute(replaced).mappings().all():
        connection.execute(delete(PortraitRow).where(PortraitRow.person_id == row["person_id"]))
        connection.execute(insert(PortraitRow).values(**row))
    connection.execute(delete(FormerPortraitRow).where(FormerPortraitRow.revision_id == change_id))


def _write(connection: Connection, table: str, row_id: int, column: str, value: object) -> None:
    values = {column: value} | ({"key": names.key(str(value))} if column == "name" else {})
    connection.execute(update(_TABLES[table]).where(_TABLES[table].id == row_id).values(values))
