"""Changes to the gallery as they are written down: what each touched, how to take it back, and erasing for good.

Removing only hides a row; `erase` deletes it, its file contents and all that was written down about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import NameTaken, NothingToUndo, NotLatestChange
from app.gallery import names
from app.gallery.tables import (
    AnchorRow,
    CellRow,
    ChangedRow,
    FormerPortraitRow,
    ImportedRow,
    PersonRow,
    PortraitRow,
    RejectedRow,
    RevisionRow,
    now,
)

_PLACES = {"person": PersonRow, "anchor": AnchorRow, "rejected": RejectedRow}
_TABLES = _PLACES | {"imported": ImportedRow}
_NEW_PORTRAIT = "portrait"
_PART = 500
"""Ids in one statement."""


@dataclass(frozen=True)
class PastChange:
    """A change as it is listed; `change` has no names in it, but numbers of people."""

    id: int
    change: str
    created: datetime
    reversible: bool
    undone: datetime | None


class Change:
    """One change while it is written.

    Args:
        connection: its transaction.
        reversible: whether it can be undone; what it adds and sets must then go through here.
        whole: whether so much changes that snapshots have to be read anew.
    """

    def __init__(self, connection: Connection, reversible: bool = True, whole: bool = False) -> None:
        self._connection = connection
        self._touched: set[int] = set()
        added = connection.execute(insert(RevisionRow).values(change="", reversible=reversible, whole=whole))
        self.id: int = added.inserted_primary_key[0]

    def describe(self, text: str) -> None:
        """Say what was done, without names: they are looked up for who reads it, and must not outlive the person."""
        self._connection.execute(update(RevisionRow).where(RevisionRow.id == self.id).values(change=text))

    def touch(self, *people: int) -> None:
        """Note that snapshots must read these people again."""
        new = set(people) - self._touched
        if new:
            rows = [{"revision_id": self.id, "person_id": person_id} for person_id in sorted(new)]
            self._connection.execute(insert(ChangedRow), rows)
        self._touched |= new

    def hide_people(self, people: Sequence[int]) -> None:
        """Mark people as removed, with a few statements for any number of them."""
        cell = {"revision_id": self.id, "place": "person", "field": "removed", "before": None}
        self._connection.execute(insert(CellRow), [cell | {"row_id": person_id} for person_id in people])
        for part in _parts(list(people)):
            self._connection.execute(update(PersonRow).where(PersonRow.id.in_(part)).values(removed=now()))
        self.touch(*people)

    def set(self, place: str, row_id: int, field: str, value: object) -> None:
        """Write into one cell of `person`, `anchor`, `rejected` or `imported`, and keep its former value for undo."""
        table = _TABLES[place]
        column = getattr(table, field)
        before = self._connection.scalar(select(column).where(table.id == row_id))
        self._keep(place, row_id, field, before)
        _write(self._connection, place, row_id, field, value)

    def new_portrait(self, person_id: int) -> None:
        """Keep the portrait that this person has before the change, or that there is none."""
        own = select(PortraitRow.webp, PortraitRow.sha256).where(PortraitRow.person_id == person_id)
        before = self._connection.execute(own).mappings().first()
        if before is None:
            self._keep(_NEW_PORTRAIT, person_id, "webp", None)
        else:
            values = {"revision_id": self.id, "person_id": person_id, **before}
            self._connection.execute(insert(FormerPortraitRow).values(values))

    def _keep(self, place: str, row_id: int, field: str, before: object) -> None:
        text = before.isoformat() if isinstance(before, datetime) else None if before is None else str(before)
        values = {"revision_id": self.id, "place": place, "row_id": row_id, "field": field, "before": text}
        self._connection.execute(insert(CellRow).values(values))


def undo(connection: Connection, expected: int | None = None) -> str:
    """Take back the newest change that can be; gives back its description.

    Args:
        connection: the transaction.
        expected: the id that this change has to have, if not any.

    Raises:
        NothingToUndo: there is none.
        NotLatestChange: it is another one than expected.
        NameTaken: somebody who would come back has lost their name to another.
    """
    changes = select(RevisionRow.id, RevisionRow.change, RevisionRow.created)
    newest = changes.where(RevisionRow.reversible, RevisionRow.undone.is_(None)).order_by(RevisionRow.id.desc())
    found = connection.execute(newest.limit(1)).first()
    if found is None:
        raise NothingToUndo("There is no change that could be undone.")
    if expected not in (None, found.id):
        raise NotLatestChange(f"Only the newest change can be undone, which is number {found.id}, not {expected}.")
    change = Change(connection, reversible=False)
    change.describe(f"undid change {found.id}: {found.change}")
    touched = connection.scalars(select(ChangedRow.person_id).where(ChangedRow.revision_id == found.id)).all()
    change.touch(*touched)
    cells = select(CellRow.place, CellRow.row_id, CellRow.field, CellRow.before)
    try:
        for cell in connection.execute(cells.where(CellRow.revision_id == found.id).order_by(CellRow.id.desc())).all():
            _put_back(connection, *cell)
    except IntegrityError as error:
        raise NameTaken(
            f"Change {found.id} ({found.change}) cannot be undone: its person's name belongs to somebody else now. "
            "Rename them first."
        ) from error
    _put_portraits_back(connection, found.id)
    for part in _parts(list(touched)):
        # The next import has to review the photos again whose anchors disappear here.
        later = (ImportedRow.created >= found.created) & ImportedRow.person_id.in_(part)
        connection.execute(delete(ImportedRow).where(later))
    for table in _PLACES.values():
        brought = update(table).where(table.revision_id == found.id, table.removed.is_(None))
        connection.execute(brought.values(removed=now()))
    connection.execute(update(RevisionRow).where(RevisionRow.id == found.id).values(undone=now()))
    return found.change


def erase(
    connection: Connection, people: Iterable[int] = (), anchors: Iterable[int] = (), rejected: Iterable[int] = ()
) -> None:
    """Delete rows for good, with everything that hangs on them and every note of what they held."""
    people = list(people)
    for part in _parts(people):
        hanging = select(AnchorRow.id).where(AnchorRow.person_id.in_(part))
        _forget(connection, "anchor", hanging)
        _forget(connection, "rejected", select(RejectedRow.id).where(RejectedRow.person_id.in_(part)))
        _forget(connection, "imported", select(ImportedRow.id).where(ImportedRow.person_id.in_(part)))
        _forget(connection, _NEW_PORTRAIT, part)
    for place, ids in (("person", people), ("anchor", list(anchors)), ("rejected", list(rejected))):
        for part in _parts(ids):
            _forget(connection, place, part)
            connection.execute(delete(_PLACES[place]).where(_PLACES[place].id.in_(part)))


def is_due(connection: Connection, before: datetime) -> bool:
    """Whether anything was removed, or could be undone, that is older than a moment."""
    return any(_overdue(connection, before).values()) or bool(_outdated(connection, before))


def sweep(connection: Connection, before: datetime) -> int:
    """Erase what was removed before a moment, and forget how to undo older changes; how much was erased."""
    for part in _parts(_outdated(connection, before)):
        for table in (CellRow, FormerPortraitRow):
            connection.execute(delete(table).where(table.revision_id.in_(part)))
        connection.execute(update(RevisionRow).where(RevisionRow.id.in_(part)).values(reversible=False))
    found = _overdue(connection, before)
    if any(found.values()):
        Change(connection, reversible=False).describe("erased what was removed long ago")
        erase(connection, **found)
    return sum(map(len, found.values()))


def history(connection: Connection, most: int) -> list[PastChange]:
    """The last changes, the newest first."""
    columns = [RevisionRow.id, RevisionRow.change, RevisionRow.created, RevisionRow.reversible, RevisionRow.undone]
    found = connection.execute(select(*columns).order_by(RevisionRow.id.desc()).limit(most))
    return [PastChange(*row) for row in found]


def _overdue(connection: Connection, before: datetime) -> dict[str, list[int]]:
    return {
        word: list(connection.scalars(select(table.id).where(table.removed.is_not(None), table.removed < before)))
        for word, table in (("people", PersonRow), ("anchors", AnchorRow), ("rejected", RejectedRow))
    }


def _outdated(connection: Connection, before: datetime) -> list[int]:
    old = select(RevisionRow.id).where(RevisionRow.reversible, RevisionRow.created < before)
    return list(connection.scalars(old))


def _parts(ids: list[int]) -> Iterable[list[int]]:
    return (ids[at : at + _PART] for at in range(0, len(ids), _PART))


def _forget(connection: Connection, place: str, ids) -> None:
    connection.execute(delete(CellRow).where(CellRow.place == place, CellRow.row_id.in_(ids)))


def _put_back(connection: Connection, place: str, row_id: int, field: str, before: str | None) -> None:
    if place == _NEW_PORTRAIT:
        connection.execute(delete(PortraitRow).where(PortraitRow.person_id == row_id))
    elif field == "removed" and before is not None:
        _write(connection, place, row_id, field, datetime.fromisoformat(before))
    elif field == "person_id":
        _write(connection, place, row_id, field, int(before))
    else:
        _write(connection, place, row_id, field, before)


def _put_portraits_back(connection: Connection, change_id: int) -> None:
    columns = [FormerPortraitRow.person_id, FormerPortraitRow.webp, FormerPortraitRow.sha256]
    replaced = select(*columns).where(FormerPortraitRow.revision_id == change_id)
    for row in connection.execute(replaced).mappings().all():
        connection.execute(delete(PortraitRow).where(PortraitRow.person_id == row["person_id"]))
        connection.execute(insert(PortraitRow).values(**row))
    connection.execute(delete(FormerPortraitRow).where(FormerPortraitRow.revision_id == change_id))


def _write(connection: Connection, place: str, row_id: int, field: str, value: object) -> None:
    table = _TABLES[place]
    values = {field: value} | ({"key": names.key(str(value))} if field == "name" else {})
    connection.execute(update(table).where(table.id == row_id).values(values))
