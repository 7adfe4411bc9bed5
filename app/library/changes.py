"""Log of manual decisions: what changed, when, by which user, and the former rows, so that each can be undone.

Triggers of SQLite record the rows, see https://www.sqlite.org/undoredo.html. `app.library.undo` restores them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from app.errors import NothingToUndo
from app.gallery.actor import current_actor
from app.library.store import Library
from app.text import count

KEPT = 1000
"""Changes that are kept, the latest."""
KEPT_FACES = 200_000
"""Faces of the kept changes, about 65 MB. The latest change is kept in any case."""

NAME_GROUP = "name_group"
"""Action that also enrolls faces in the gallery."""


class RecordedTable(NamedTuple):
    """A table whose changes are recorded: the columns of its primary key, and SQL of the photo of a row `{row}`."""

    key: tuple[str, ...]
    photo: str = "NULL"


_PHOTO_OF_FACE = "(SELECT photo_id FROM face WHERE id = {row}.face_id)"
TABLES = {
    "unknown_group": RecordedTable(("id",)),
    "different_group": RecordedTable(("group_id", "other_id")),
    "face": RecordedTable(("id",), "{row}.photo_id"),
    "rejection": RecordedTable(("face_id", "person_id"), _PHOTO_OF_FACE),
    "membership": RecordedTable(("face_id",), _PHOTO_OF_FACE),
    "outsider": RecordedTable(("face_id", "group_id"), _PHOTO_OF_FACE),
    "tag": RecordedTable(("photo_id", "person_id"), "{row}.photo_id"),
}
"""Tables of decisions, in the order in which rows can be inserted."""

FACE_TABLES = ("face", "rejection", "membership", "outsider")
"""Those whose rows belong to faces."""

SHOWN = "shown"
"""Name of a table in the row that keeps the only photo of an undone change, for its description."""

VERDICT = ("source", "verdict", "person_id", "candidate_id", "distance")
"""Columns of a face that decisions change."""

_AUDITED = ("faces", "photos", "group", "other")
"""Details that the audit log gets."""
_PEOPLE = ("person_id", "candidate_id")
_EVENTS = {"INSERT": ("NULL", "NEW"), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD", "NULL")}

_DESCRIPTIONS = {
    "confirm": "{faces} confirmed as {person}",
    "reject": "{faces} marked as not {person}",
    "reject_group": "Group {group} marked as not {person}: {faces}",
    "forget": "Decisions about {faces} forgotten",
    "draw": "{faces} drawn: {person}",
    "tag": "{person} tagged in {photos}",
    "untag": "Tag of {person} removed from {photos}",
    "confirm_group": "Group {group} confirmed as {person}: {faces}",
    NAME_GROUP: "Group {group} named {person}: {faces}",
    "merge_groups": "Group {group} merged into group {other}",
    "keep_apart": "Groups {group} and {other} marked as different people",
    "leave_group": "{faces} removed from group {group}",
    "read_metadata": "Names of other programs confirmed: {faces}, {photos} tagged",
}
_FORGET = """
DELETE FROM change WHERE id < ?1 AND id IN (SELECT id FROM (
    SELECT id, sum(json_extract(details, '$.recorded_faces')) OVER (ORDER BY id DESC) AS faces FROM change)
    WHERE faces > ?2)
"""
_CHANGES = """
SELECT change.id, made, author, action, details, person.name, undone,
       (SELECT EXISTS (SELECT 1 FROM former_row WHERE change_id = change.id)),
       iif(coalesce(json_extract(details, '$.faces'), 0) + coalesce(json_extract(details, '$.photos'), 0) = 1, (
           SELECT min(path) FROM file WHERE photo_id = (
               SELECT photo_id FROM former_row WHERE change_id = change.id AND photo_id IS NOT NULL LIMIT 1)), NULL),
       (SELECT number FROM face JOIN former_row USING (photo_id)
        WHERE change_id = change.id AND table_name != 'tag' AND face.id = row_id LIMIT 1)
FROM change LEFT JOIN person ON person.id = change.person_id
"""


@dataclass(frozen=True)
class PastChange:
    """A change in the log: its description, and when it was made and undone.

    `reversible` is False if it was undone, or if the library has forgotten all its photos.
    """

    number: int
    made: datetime
    author: str
    action: str
    description: str
    undone: datetime | None
    reversible: bool
    details: dict[str, Any]
    person: str | None

    @property
    def is_single(self) -> bool:
        """Whether the change is about one face or one photo, which the description names."""
        return bool(sum(self.details.get(kind, 0) for kind in ("faces", "photos")) == 1)


class Change:
    """A change in progress: its transaction, and what its description needs.

    `details` has numbers of `faces` and `photos`, and the numbers of groups as `group` and `other`.
    """

    def __init__(self, connection: sqlite3.Connection, number: int, action: str, details: dict[str, Any]) -> None:
        self.connection = connection
        self.number = number
        self.action = action
        self.details = details
        self.person_id: int | None = None


@contextmanager
def recording(library: Library, action: str, **details: Any) -> Iterator[Change]:
    """Begin a transaction whose changes of decisions are recorded as one change, unless it changes nothing.

    Example:
        >>> with changes.recording(library, "keep_apart", group=1, other=2) as change:
        ...     change.connection.execute("INSERT INTO different_group VALUES (1, 2)")
    """
    library.connection.create_function("row_json", -1, _row_json)
    with library.writing() as connection:
        number = connection.execute(
            "INSERT INTO change (made, author, action, details) VALUES (?, ?, ?, '{}') RETURNING id",
            (_now(), str(current_actor()), action),
        ).fetchone()[0]
        change = Change(connection, number, action, details)
        # An exception rolls back the triggers, too.
        triggers = list(_triggers(connection, number))
        for trigger, statement in triggers:
            connection.execute(f"CREATE TEMP TRIGGER {trigger} {statement}")
        yield change
        for trigger, _ in triggers:
            connection.execute(f"DROP TRIGGER temp.{trigger}")
        recorded = _finish(change)
        if recorded:
            _audit(library, change)
    library.last_change = number if recorded else None


def _triggers(connection: sqlite3.Connection, number: int) -> Iterator[tuple[str, str]]:
    """Yield name and statement of the triggers that record the rows of a change."""
    for table, (key, photo) in TABLES.items():
        columns = [column for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")]
        for event, (former, later) in _EVENTS.items():
            row = "OLD" if event == "DELETE" else "NEW"
            other = f"{row}.{key[1]}" if len(key) > 1 else "0"
            # Other columns of a face do not change, and name thousands of faces in one change.
            recorded = VERDICT if (table, event) == ("face", "UPDATE") else columns
            fields = {side: ", ".join(f"'{name}', {side}.{name}" for name in recorded) for side in ("OLD", "NEW")}
            values = ["NULL" if side == "NULL" else f"row_json({fields[side]})" for side in (former, later)]
            yield (
                f"record_{table}_{event.lower()}",
                f"AFTER {event} ON {table} BEGIN "
                "INSERT INTO former_row (table_name, row_id, other_id, change_id, photo_id, former, later) VALUES "
                f"('{table}', {row}.{key[0]}, {other}, {number}, {photo.format(row=row)}, {', '.join(values)}) "
                "ON CONFLICT DO UPDATE SET later = excluded.later; END",
            )


def _row_json(*names_and_values: Any) -> str:
    return json.dumps(dict(zip(names_and_values[::2], names_and_values[1::2], strict=True)))


def _finish(change: Change) -> bool:
    """Complete the change in the log, or remove one that changed nothing, and return whether it changed something."""
    connection = change.connection
    connection.execute("DELETE FROM former_row WHERE change_id = ? AND former IS later", (change.number,))
    if not connection.execute("SELECT 1 FROM former_row WHERE change_id = ?", (change.number,)).fetchone():
        connection.execute("DELETE FROM change WHERE id = ?", (change.number,))
        return False
    faces = ", ".join(f"'{table}'" for table in FACE_TABLES)
    change.details["recorded_faces"] = connection.execute(
        f"SELECT count(DISTINCT row_id) FROM former_row WHERE change_id = ? AND table_name IN ({faces})",
        (change.number,),
    ).fetchone()[0]
    connection.execute(
        "UPDATE change SET person_id = ?, details = ? WHERE id = ?",
        (change.person_id, json.dumps(change.details), change.number),
    )
    connection.execute("DELETE FROM change WHERE id <= ?", (change.number - KEPT,))
    connection.execute(_FORGET, (change.number, KEPT_FACES))
    return True


def _audit(library: Library, change: Change) -> None:
    """Record a change in the audit log, without the paths of photos."""
    query = "SELECT name FROM person WHERE id = ?"
    person = change.connection.execute(query, (change.person_id,)).fetchone()
    counts = {name: change.details[name] for name in _AUDITED if change.details.get(name) is not None}
    library.record_audit(change.action, person and person[0], {"change": change.number} | counts)


def list_changes(library: Library, limit: int = 20, before: int | None = None) -> list[PastChange]:
    """Return the latest changes, or those before a number, the latest first."""
    with library.reading() as connection:
        condition = "WHERE change.id < coalesce(?, change.id + 1) ORDER BY change.id DESC LIMIT ?"
        return [_describe(row) for row in connection.execute(f"{_CHANGES} {condition}", (before, limit))]


def find_reversible(library: Library, number: int | None = None) -> PastChange:
    """Return a change that can be undone, by default the latest, or raise `NothingToUndo`."""
    with library.reading() as connection:
        if number is None:
            query = "SELECT max(change_id) FROM former_row WHERE table_name != ?"
            number = connection.execute(query, (SHOWN,)).fetchone()[0]
        row = connection.execute(f"{_CHANGES} WHERE change.id = ?", (number,)).fetchone()
    if number is None:
        raise NothingToUndo("There is no decision to undo.")
    if row is None:
        raise NothingToUndo(f"The library has no change {number}. It keeps the latest {KEPT:,}.")
    change = _describe(row)
    if change.undone:
        raise NothingToUndo(f"Change {number} was undone before.")
    if not change.reversible:
        raise NothingToUndo(f"Change {number} cannot be undone: the library has forgotten its photos.")
    return change


def replace_person(connection: sqlite3.Connection, person_id: int, into: int) -> None:
    """Replace a person by another one, with whom they were merged."""
    connection.execute("UPDATE change SET person_id = ? WHERE person_id = ?", (into, person_id))
    for table in ("rejection", "tag"):
        connection.execute(
            "UPDATE OR REPLACE former_row SET other_id = ? WHERE table_name = ? AND other_id = ?",
            (into, table, person_id),
        )
    for side in ("former", "later"):
        for column in _PEOPLE:
            connection.execute(
                f"UPDATE former_row SET {side} = json_replace({side}, '$.{column}', ?) "
                f"WHERE json_extract({side}, '$.{column}') = ?",
                (into, person_id),
            )


def follow_face(connection: sqlite3.Connection, face_id: int, photo_id: int, current: int, current_photo: int) -> None:
    """Give the log of a face to another one, such as that of a changed file."""
    connection.execute(
        "UPDATE OR REPLACE former_row SET row_id = ?, photo_id = ? "
        "WHERE row_id = ? AND photo_id = ? AND table_name IN ('face', 'rejection', ?)",
        (current, current_photo, face_id, photo_id, SHOWN),
    )


def follow_tags(connection: sqlite3.Connection, photo_id: int, current: int) -> None:
    """Give the log of a photo's tags to another photo."""
    connection.execute(
        "UPDATE OR REPLACE former_row SET row_id = ?1, photo_id = ?1, "
        "former = json_replace(former, '$.photo_id', ?1), later = json_replace(later, '$.photo_id', ?1) "
        "WHERE table_name = 'tag' AND row_id = ?2",
        (current, photo_id),
    )
    connection.execute(
        "UPDATE former_row SET photo_id = ? WHERE photo_id = ? AND table_name = ? AND row_id = 0",
        (current, photo_id, SHOWN),
    )


def _describe(row: tuple[Any, ...]) -> PastChange:
    number, made, author, action, data, person, undone, has_rows, path, face = row
    details = json.loads(data)
    faces, photos = (count(details.get(kind, 0), kind.removesuffix("s")) for kind in ("faces", "photos"))
    if path:
        faces, photos = (f"Face {face} of {path}" if face else f"A face of {path}"), path
    text = _DESCRIPTIONS[action].format(
        faces=faces, photos=photos, person=person, group=details.get("group"), other=details.get("other")
    )
    return PastChange(
        number,
        datetime.fromisoformat(made),
        author,
        action,
        text,
        datetime.fromisoformat(undone) if undone else None,
        bool(has_rows) and not undone,
        details,
        person,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
