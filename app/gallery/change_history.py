"""Changes of the gallery: recording, undo, and purging rows for good."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from app.errors import NameTaken, NothingToUndo, NotLatestChange
from app.gallery import audit, change_log, erased_names, names
from app.gallery.actor import current_actor
from app.gallery.change_log import NEW_NAME
from app.gallery.database import batches
from app.gallery.tables import (
    AliasRow,
    AnchorRow,
    ChangedPersonRow,
    ErasedPersonRow,
    FaceRow,
    FormerPortraitRow,
    FormerValueRow,
    ImportedPhotoRow,
    PersonRow,
    PortraitRow,
    RejectedFaceRow,
    RemovableRow,
    RevisionRow,
    now,
)

_FACES: dict[str, type[FaceRow]] = {"anchor": AnchorRow, "rejected": RejectedFaceRow}
_REMOVABLE: dict[str, type[RemovableRow]] = {"person": PersonRow, **_FACES, "alias": AliasRow}
OWNED: dict[str, type[FaceRow | AliasRow | ImportedPhotoRow]] = {
    **_FACES,
    "alias": AliasRow,
    "imported": ImportedPhotoRow,
}
"""Tables of rows that belong to a person."""
_TABLES: dict[str, type[RemovableRow | ImportedPhotoRow]] = {**_REMOVABLE, **OWNED}
_NEW_PORTRAIT = "portrait"
_OWNER = "person_id"
_ERASED = "erased"  # column of a former value whose row was purged
_PORTRAIT = [PortraitRow.person_id, PortraitRow.webp, PortraitRow.sha256]
_FORMER_PORTRAIT = [FormerPortraitRow.person_id, FormerPortraitRow.webp, FormerPortraitRow.sha256]

_REMOVAL = aliased(FormerValueRow)
_IS_MERGED = and_(
    FormerValueRow.column == _OWNER,
    exists().where(
        _REMOVAL.revision_id == FormerValueRow.revision_id,
        _REMOVAL.table == "person",
        _REMOVAL.column == "removed",
        cast(_REMOVAL.row_id, String) == FormerValueRow.value,
    ),
)
"""Condition for the former owner of a row: the change that moved the row also removed them."""


class Change:
    """Recorder of one change, within its transaction.

    If the change is `reversible`, all its writes must go through this object. After a change of the `whole` gallery,
    snapshots are loaded again completely. Only a change that replaces earlier ones chooses its own `number`.
    """

    def __init__(
        self, connection: Connection, reversible: bool = True, whole: bool = False, number: int | None = None
    ) -> None:
        self._connection = connection
        values = {"change": "", "reversible": reversible, "whole": whole, "actor": str(current_actor())}
        values |= {"id": number} if number else {}
        self.id: int = connection.scalars(insert(RevisionRow).values(values).returning(RevisionRow.id)).one()

    def describe(self, text: str, *person_ids: int) -> None:
        """Set the description, note the people that snapshots must load again, and add the change to the audit log.

        The text must not contain names, which would survive purging a person. Its first word, such as "removed", is
        the action in the audit log, which gets an entry for each person.
        """
        self._connection.execute(update(RevisionRow).where(RevisionRow.id == self.id).values(change=text))
        rows = [{"revision_id": self.id, "person_id": person_id} for person_id in sorted(set(person_ids))]
        if rows:
            self._connection.execute(insert(ChangedPersonRow), rows)
        details = {"change": self.id, "description": text}
        audit.record_people(self._connection, text.partition(" ")[0], sorted(set(person_ids)) or [None], details)

    def set(self, table: str, row_ids: Sequence[int] | Select[int], column: str, value: object) -> None:
        """Write a value into rows of a table of `_TABLES`, and keep the former values."""
        rows = _TABLES[table]
        for ids in [row_ids] if isinstance(row_ids, Select) else batches(row_ids):
            former = cast(getattr(rows, column), String)
            self._keep(select(*self._labels(table, column), rows.id, former).where(rows.id.in_(ids)))
            _write(self._connection, table, ids, column, value)

    def rename(self, person_id: int, name: str) -> None:
        """Rename a person, and keep the new name for the log, where purging the person erases it."""
        self.set("person", [person_id], "name", name)
        self._keep(select(*self._labels("person", NEW_NAME), literal(person_id), literal(name)))

    def keep_portrait(self, person_id: int) -> None:
        """Keep a person's portrait, or the fact that there is none, before the change replaces it."""
        former = select(literal(self.id), *_PORTRAIT).where(PortraitRow.person_id == person_id)
        copy = insert(FormerPortraitRow).from_select([FormerPortraitRow.revision_id, *_FORMER_PORTRAIT], former)
        if self._connection.scalar(copy.returning(FormerPortraitRow.person_id)) is None:
            self._keep(select(*self._labels(_NEW_PORTRAIT, "webp"), literal(person_id), null()))

    def _labels(self, table: str, column: str) -> tuple[ColumnElement[int], ColumnElement[str], ColumnElement[str]]:
        return literal(self.id), literal(table), literal(column)

    def _keep(self, former: Select[int, str, str, int, str | None]) -> None:
        columns = [FormerValueRow.revision_id, FormerValueRow.table, FormerValueRow.column]
        copied = insert(FormerValueRow).from_select([*columns, FormerValueRow.row_id, FormerValueRow.value], former)
        self._connection.execute(copied)


def undo(connection: Connection, expected: int | None = None) -> str:
    """Undo the latest reversible change, see `Gallery.undo`."""
    reversible = select(RevisionRow.id, RevisionRow.change, RevisionRow.created)
    reversible = reversible.where(RevisionRow.reversible, RevisionRow.undone.is_(None))
    found = connection.execute(reversible.order_by(RevisionRow.id.desc()).limit(1)).first()
    if found is None:
        raise NothingToUndo("There is no change to undo.")
    if expected not in (None, found.id):
        raise NotLatestChange(f"Only the latest change can be undone. It is number {found.id}, not {expected}.")
    rows = select(ChangedPersonRow.person_id).where(ChangedPersonRow.revision_id == found.id)
    people = connection.scalars(rows).all()
    change = Change(connection, reversible=False)
    change.describe(f"undid change {found.id}: {found.change}", *people)
    name_taken = NameTaken(f"Change {found.id} cannot be undone: another person has the name now. Rename them first.")
    try:
        _restore_values(connection, found.id)
    except IntegrityError as error:
        raise name_taken from error
    _restore_portraits(connection, found.id)
    for batch in batches(people):
        # The next import must review the photos again whose anchors disappear here.
        later = (ImportedPhotoRow.created >= found.created) & ImportedPhotoRow.person_id.in_(batch)
        connection.execute(delete(ImportedPhotoRow).where(later))
    for table in _REMOVABLE.values():
        inserted = update(table).where(table.revision_id == found.id, table.removed.is_(None))
        connection.execute(inserted.values(removed=now()))
    if _has_shared_names(connection):
        raise name_taken
    connection.execute(update(RevisionRow).where(RevisionRow.id == found.id).values(undone=now()))
    description = change_log.describe(connection, found.id, found.change)
    erased = exists().where(FormerValueRow.revision_id == found.id, FormerValueRow.column == _ERASED)
    return f"{description}, except what was purged since" if connection.scalar(select(erased)) else description


def purge(
    connection: Connection,
    people: Sequence[int] = (),
    anchors: Sequence[int] = (),
    rejected: Sequence[int] = (),
    aliases: Sequence[int] = (),
) -> None:
    """Delete rows by ID for good, with all dependent rows and all former values of them.

    Changes of which nothing remains to undo become irreversible.
    """
    former_names = erased_names.list_names(connection, people)
    erased_names.remember(connection, former_names)
    for batch in batches(people):
        uuids = select(PersonRow.uuid, literal(now(), ErasedPersonRow.erased.type)).where(PersonRow.id.in_(batch))
        # A restored backup has people who were erased before.
        uuids = uuids.where(PersonRow.uuid.is_not(None), PersonRow.uuid.not_in(select(ErasedPersonRow.uuid)))
        columns = [ErasedPersonRow.uuid, ErasedPersonRow.erased]
        connection.execute(insert(ErasedPersonRow).from_select(columns, uuids))
        for table, rows in OWNED.items():
            _forget(connection, table, select(rows.id).where(rows.person_id.in_(batch)))
        _forget(connection, _NEW_PORTRAIT, batch)
        # A merge made the name of the merged person an alias of the other.
        merges = select(FormerValueRow.revision_id).join(PersonRow, PersonRow.id == FormerValueRow.row_id)
        merges = merges.where(FormerValueRow.table == "person", PersonRow.id.in_(batch), PersonRow.key == AliasRow.key)
        connection.execute(delete(AliasRow).where(AliasRow.revision_id.in_(merges)))
        moved = FormerValueRow.value.in_(map(str, batch))
        _erase_values(connection, moved & (FormerValueRow.column == _OWNER))
    for (table, removable), ids in zip(_REMOVABLE.items(), (people, anchors, rejected, aliases), strict=True):
        for batch in batches(ids):
            _forget(connection, table, batch)
            connection.execute(delete(removable).where(removable.id.in_(batch)))
    # A library's entries have the name alone, which may be that of another person now.
    audit.forget_person(connection, people, erased_names.without_used(connection, former_names))
    erased, kept = aliased(FormerValueRow), aliased(FormerValueRow)
    lost = exists().where(erased.revision_id == RevisionRow.id, erased.column == _ERASED, erased.table == "anchor")
    # Undoing a merge without its anchors would bring back a person without any.
    restorable = or_(kept.table == "anchor", ~lost)
    remaining = [
        exists().where(kept.revision_id == RevisionRow.id, kept.column != _ERASED, restorable),
        exists().where(FormerPortraitRow.revision_id == RevisionRow.id),
        *(exists().where(rows.revision_id == RevisionRow.id) for rows in _FACES.values()),
        exists().where(PersonRow.revision_id == RevisionRow.id),
        exists().where(AliasRow.revision_id == RevisionRow.id, ~lost),
    ]
    void = update(RevisionRow).where(RevisionRow.reversible, ~or_(*remaining)).values(reversible=False)
    connection.execute(void)
    permanent = exists().where(RevisionRow.id == FormerValueRow.revision_id, ~RevisionRow.reversible)
    connection.execute(delete(FormerValueRow).where(permanent))


def find_merged(connection: Connection, people: Sequence[int]) -> set[int]:
    """Return the IDs of people who were merged into others, by changes that can be undone."""
    merged: set[int] = set()
    for batch in batches(people):
        for table, rows in OWNED.items():
            values = select(FormerValueRow.value).join(rows, rows.id == FormerValueRow.row_id)
            moved = values.where(FormerValueRow.table == table, _IS_MERGED)
            found = connection.scalars(moved.where(rows.person_id.in_(batch)).distinct())
            merged.update(int(person_id) for person_id in found if person_id is not None)
    return merged.difference(people)


def list_merged(connection: Connection) -> set[int]:
    """Return the IDs of people whose anchors only undo can return to them."""
    owners = select(FormerValueRow.value).join(RevisionRow, RevisionRow.id == FormerValueRow.revision_id).distinct()
    found = connection.scalars(owners.where(_IS_MERGED, RevisionRow.undone.is_(None)))
    return {int(person_id) for person_id in found if person_id is not None}


def has_expired(connection: Connection, before: datetime) -> bool:
    """Return whether a row was removed, or a reversible change made, before a time."""
    return any(_expired_rows(connection, before)) or bool(_expired_changes(connection, before))


def purge_expired(connection: Connection, before: datetime) -> int:
    """Purge rows that were removed before a time, make older changes irreversible, and return the number of rows."""
    for batch in batches(_expired_changes(connection, before)):
        for table in (FormerValueRow, FormerPortraitRow):
            connection.execute(delete(table).where(table.revision_id.in_(batch)))
        connection.execute(update(RevisionRow).where(RevisionRow.id.in_(batch)).values(reversible=False))
    found = _expired_rows(connection, before)
    if any(found):
        Change(connection, reversible=False).describe("purged expired removals", *found[0])
        purge(connection, *found)
    return sum(map(len, found))


def _expired_rows(connection: Connection, before: datetime) -> list[Sequence[int]]:
    return [connection.scalars(select(rows.id).where(rows.removed < before)).all() for rows in _REMOVABLE.values()]


def _expired_changes(connection: Connection, before: datetime) -> Sequence[int]:
    old = select(RevisionRow.id).where(RevisionRow.reversible, RevisionRow.created < before)
    return connection.scalars(old).all()


def _forget(connection: Connection, table: str, ids: Sequence[int] | Select[int]) -> None:
    _erase_values(connection, (FormerValueRow.table == table) & FormerValueRow.row_id.in_(ids))


def _erase_values(connection: Connection, condition: ColumnElement[bool]) -> None:
    connection.execute(update(FormerValueRow).where(condition).values(column=_ERASED, value=None))


def _restore_values(connection: Connection, change_id: int) -> None:
    columns = select(FormerValueRow.table, FormerValueRow.column, FormerValueRow.value, FormerValueRow.row_id)
    rows = columns.where(FormerValueRow.revision_id == change_id, FormerValueRow.column.not_in((_ERASED, NEW_NAME)))
    row_ids: defaultdict[tuple[str, str, str | None], list[int]] = defaultdict(list)
    for table, column, text, row_id in connection.execute(rows):
        row_ids[table, column, text].append(row_id)
    for (table, column, text), ids in row_ids.items():
        value: object = text
        if text is not None and column in ("removed", _OWNER):
            value = datetime.fromisoformat(text) if column == "removed" else int(text)
        for batch in batches(ids):
            if table == _NEW_PORTRAIT:
                connection.execute(delete(PortraitRow).where(PortraitRow.person_id.in_(batch)))
            else:
                _write(connection, table, batch, column, value)


def _has_shared_names(connection: Connection) -> bool:
    """Return whether two people have the same name or alias."""
    aliases = select(AliasRow.key).join(PersonRow, PersonRow.id == AliasRow.person_id)
    keys = union_all(
        select(PersonRow.key).where(PersonRow.removed.is_(None)),
        aliases.where(PersonRow.removed.is_(None), AliasRow.removed.is_(None)),
    ).subquery()
    shared = select(keys.c.key).group_by(keys.c.key).having(func.count() > 1)
    return connection.scalar(shared.limit(1)) is not None


def _restore_portraits(connection: Connection, change_id: int) -> None:
    replaced = select(*_FORMER_PORTRAIT).where(FormerPortraitRow.revision_id == change_id)
    owners = replaced.with_only_columns(FormerPortraitRow.person_id)
    connection.execute(delete(PortraitRow).where(PortraitRow.person_id.in_(owners)))
    connection.execute(insert(PortraitRow).from_select(_PORTRAIT, replaced))
    connection.execute(delete(FormerPortraitRow).where(FormerPortraitRow.revision_id == change_id))


def _write(
    connection: Connection, table: str, row_ids: Sequence[int] | Select[int], column: str, value: object
) -> None:
    values = {column: value} | ({"key": names.key(str(value))} if column == "name" else {})
    connection.execute(update(_TABLES[table]).where(_TABLES[table].id.in_(row_ids)).values(values))
