"""Undo a manual decision: restore its rows, except those that later decisions changed, and remove its anchors."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.errors import PersonNotFound
from app.gallery.store import Gallery
from app.library import changes
from app.library.changes import FACE_TABLES, NAME_GROUP, SHOWN, TABLES, VERDICT, PastChange
from app.library.store import Library
from app.text import count

_MERGE = """
SELECT id, json_extract(details, '$.other') FROM change
WHERE action = 'merge_groups' AND undone IS NULL AND json_extract(details, '$.group') = ?
"""
_SHOWN = """
SELECT iif(table_name = 'tag', 0, row_id), change_id, photo_id FROM former_row
WHERE change_id = ? AND photo_id IS NOT NULL LIMIT 1
"""
_NUMBERS = "SELECT number FROM face WHERE photo_id = ?"

_Row = dict[str, Any] | None


@dataclass(frozen=True)
class Undone:
    """An undone change. `kept` faces, photos and groups have later decisions, which stay.

    `forgotten` faces are of photos that the library no longer has.
    """

    change: PastChange
    kept: int
    forgotten: int

    @property
    def message(self) -> str:
        """What was undone, and what was not, in sentences."""
        sentences = [f"Undone: {self.change.description}."]
        if self.kept:
            verb = "stays" if self.kept == 1 else "stay"
            sentences.append(f"{count(self.kept, 'later decision')} about the same faces or photos {verb}.")
        if self.forgotten:
            verb = "was" if self.forgotten == 1 else "were"
            sentences.append(f"{count(self.forgotten, 'face')} of photos that changed or are gone {verb} not restored.")
        return " ".join(sentences)


def undo(library: Library, gallery: Gallery, number: int | None = None) -> Undone:
    """Undo a change, by default the latest.

    A face that a later change decided keeps that decision, and undoing the later change restores what was before both.
    Names that the naming gave are restored; the next naming judges them again. The anchors of a named group are
    removed, and a person whom it added, unless other anchors were added since.

    Raises:
        NothingToUndo: the change was undone before, is unknown, or its photos are gone.
    """
    change = changes.find_reversible(library, number)
    if change.action == NAME_GROUP:
        _remove_anchors(gallery, change)
    with library.writing() as connection:
        connection.execute("DELETE FROM property WHERE key = 'naming'")
        # Rows of different tables refer to each other.
        connection.execute("PRAGMA defer_foreign_keys = ON")
        kept, present = set(), set()
        for table in TABLES:
            for row in _read_rows(connection, change.number, table):
                if not row.restore(connection):
                    kept.add((row.kind, row.row_id))
                if table in FACE_TABLES:
                    present.add(row.row_id)
        shown = connection.execute(_SHOWN, (change.number,)).fetchone()
        connection.execute("DELETE FROM former_row WHERE change_id = ?", (change.number,))
        if shown and change.is_single:
            connection.execute(f"INSERT INTO former_row VALUES ('{SHOWN}', ?, 0, ?, ?, NULL, NULL)", shown)
        connection.execute(
            "UPDATE change SET undone = ? WHERE id = ?",
            (datetime.now(UTC).isoformat(timespec="seconds"), change.number),
        )
        library.record_audit("undid", change.person, {"change": change.number})
    forgotten = change.details["recorded_faces"] - len(present)
    return Undone(change, len(kept), max(0, forgotten))


@dataclass(frozen=True)
class _RecordedRow:
    table: str
    row_id: int
    other_id: int
    change_id: int
    photo_id: int | None
    former: _Row
    later: _Row

    @property
    def kind(self) -> str:
        return "face" if self.table in FACE_TABLES else self.table

    def restore(self, connection: sqlite3.Connection) -> bool:
        """Restore the former row, or return False if it was changed since."""
        if self.table in FACE_TABLES[1:] and (photo := self._photo_of_face(connection)) != self.photo_id:
            # Undoing a drawing deletes what belongs to the face.
            return photo is None
        if (following := self._next_change(connection)) is not None:
            self._hand_on(connection, following)
            return False
        if self._decision(self._current(connection)) != self._decision(self.later):
            return False
        if self.former is None:
            connection.execute(f"DELETE FROM {self.table} WHERE {self._condition}", self._key)
        elif self.table == "membership":
            connection.execute("INSERT OR IGNORE INTO membership VALUES (?, NULL)", (self.row_id,))
            self._restore_membership(connection, self.former["group_id"])
        elif self.later is None:
            self._insert(connection, self.former)
        elif self.table == "face":
            columns = ", ".join(f"{column} = ?" for column in VERDICT)
            values = [self.former[column] for column in VERDICT]
            connection.execute(f"UPDATE face SET {columns} WHERE id = ?", (*values, self.row_id))
        return True

    def _restore_membership(self, connection: sqlite3.Connection, group: int | None) -> None:
        """Return a face to its group, or to the one into which that was merged since."""
        while group and not connection.execute("SELECT 1 FROM unknown_group WHERE id = ?", (group,)).fetchone():
            merge = connection.execute(_MERGE, (group,)).fetchone()
            if merge is None:
                return
            # Undoing the merge moves the face, too.
            sides = (json.dumps({"face_id": self.row_id, "group_id": number}) for number in (group, merge[1]))
            connection.execute(
                "INSERT OR REPLACE INTO former_row VALUES ('membership', ?, 0, ?, ?, ?, ?)",
                (self.row_id, merge[0], self.photo_id, *sides),
            )
            group = merge[1]
            connection.execute("DELETE FROM outsider WHERE face_id = ? AND group_id = ?", (self.row_id, group))
        connection.execute("UPDATE membership SET group_id = ? WHERE face_id = ?", (group, self.row_id))

    def _photo_of_face(self, connection: sqlite3.Connection) -> int | None:
        """Return the photo of the face with this ID now."""
        found = connection.execute("SELECT photo_id FROM face WHERE id = ?", (self.row_id,)).fetchone()
        return found and int(found[0])

    def _hand_on(self, connection: sqlite3.Connection, following: int) -> None:
        """Let the undo of a later change restore what was before this one."""
        where = "WHERE (table_name, row_id, other_id, change_id) = (?, ?, ?, ?)"
        key = (self.table, self.row_id, self.other_id, following)
        (data,) = connection.execute(f"SELECT former FROM former_row {where}", key).fetchone()
        # A deletion keeps all columns of a face, and another change some.
        former = None if self.former is None else json.dumps((json.loads(data) if data else {}) | self.former)
        connection.execute(f"UPDATE former_row SET former = ? {where}", (former, *key))

    def _next_change(self, connection: sqlite3.Connection) -> int | None:
        query = """
        SELECT min(change_id) FROM former_row
        WHERE (table_name, row_id, other_id) = (?, ?, ?) AND change_id > ? AND photo_id IS ?
        """
        values = (self.table, self.row_id, self.other_id, self.change_id, self.photo_id)
        found: int | None = connection.execute(query, values).fetchone()[0]
        return found

    @property
    def _key(self) -> tuple[int, ...]:
        return (self.row_id, self.other_id)[: len(TABLES[self.table].key)]

    @property
    def _condition(self) -> str:
        return " AND ".join(f"{column} = ?" for column in TABLES[self.table].key)

    def _current(self, connection: sqlite3.Connection) -> _Row:
        cursor = connection.execute(f"SELECT * FROM {self.table} WHERE {self._condition}", self._key)
        row = cursor.fetchone()
        if row is None or (self.table == "face" and self._photo_of_face(connection) != self.photo_id):
            return None
        return dict(zip([column[0] for column in cursor.description], row, strict=True))

    def _decision(self, row: _Row) -> object:
        """Return the part of a row that only decisions change."""
        if row is None or self.table not in ("face", "membership"):
            return row is not None
        if self.table == "membership":
            return row["group_id"]
        return row["source"], row["source"] != "automatic" and row["person_id"]

    def _insert(self, connection: sqlite3.Connection, row: dict[str, Any]) -> None:
        if self.table == "face":
            self._insert_drawn(connection, row)
            return
        # The face may have another ID since, such as that of a changed file.
        row = row | dict(zip(TABLES[self.table].key, self._key, strict=True))
        columns, places = ", ".join(row), ", ".join("?" * len(row))
        groups = [row[column] for column in ("group_id", "other_id") if column in row]
        known = f"SELECT count(*) FROM unknown_group WHERE id IN ({', '.join('?' * len(groups))})"
        # A later change may have merged a group into another.
        if connection.execute(known, groups).fetchone()[0] == len(groups):
            connection.execute(f"INSERT INTO {self.table} ({columns}) VALUES ({places})", list(row.values()))

    def _insert_drawn(self, connection: sqlite3.Connection, row: dict[str, Any]) -> None:
        """Insert a drawn face, with another number if its number was used since."""
        row = row | {"photo_id": self.photo_id}
        numbers = {number for (number,) in connection.execute(_NUMBERS, (self.photo_id,))}
        if row["number"] in numbers:
            row = row | {"number": max(numbers) + 1}
        columns, places = ", ".join(row), ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO face ({columns}) VALUES ({places})", list(row.values()))


def _read_rows(connection: sqlite3.Connection, change_id: int, table: str) -> list[_RecordedRow]:
    columns = "row_id, other_id, photo_id, former, later"
    query = f"SELECT {columns} FROM former_row WHERE change_id = ? AND table_name = ?"
    rows = []
    for row_id, other_id, photo_id, former, later in connection.execute(query, (change_id, table)):
        sides = (former and json.loads(former), later and json.loads(later))
        rows.append(_RecordedRow(table, row_id, other_id, change_id, photo_id, *sides))
    return rows


def _remove_anchors(gallery: Gallery, change: PastChange) -> None:
    """Remove what naming a group added to the gallery, by the person's ID: they may have another name now."""
    details, people = change.details, {person.id: person.name for person in gallery.people()}
    name = people.get(details["gallery_person"], change.person or "")
    try:
        present = gallery.anchors(name)
    except PersonNotFound:
        return
    # Another gallery has other anchors with the same IDs.
    added = [anchor.id for anchor in present if details["anchors"].get(str(anchor.id)) == anchor.note]
    if added and len(added) == len(present) and details["new"] and details["gallery_person"] in people:
        gallery.remove(name)
    elif added:
        gallery.remove_anchors(name, added)
