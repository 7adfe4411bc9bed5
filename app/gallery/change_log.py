"""Log of past changes: descriptions with the names of people, and renames as old and new name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from app.gallery.database import batches
from app.gallery.tables import FormerValueRow, PersonRow, RevisionRow

NEW_NAME = "new_name"
"""Column of the former values that keeps the new name of a rename, for the log."""

_PERSON = re.compile(r"person (\d+)")
_RENAMED = re.compile(r"(?:undid change (\d+): )?renamed person (\d+)")

_Name = tuple[str, bool]  # and whether the person is in the gallery


@dataclass(frozen=True)
class ChangePart:
    """A part of a description: `text`, and the ID of the person whom it names if they are in the gallery."""

    text: str
    person_id: int | None = None


@dataclass(frozen=True)
class PastChange:
    """A change in the history: its description in parts; `undone` is when it was undone.

    `actor` is a text of `Actor`, or None for changes of earlier versions.
    """

    id: int
    parts: tuple[ChangePart, ...]
    created: datetime
    reversible: bool
    undone: datetime | None
    actor: str | None

    @property
    def change(self) -> str:
        """The description."""
        return "".join(part.text for part in self.parts)


def history(connection: Connection, limit: int = 20) -> list[PastChange]:
    """Return the latest changes, with names, the newest first."""
    columns = select(
        RevisionRow.id,
        RevisionRow.change,
        RevisionRow.created,
        RevisionRow.reversible,
        RevisionRow.undone,
        RevisionRow.actor,
    )
    rows = connection.execute(columns.order_by(RevisionRow.id.desc()).limit(limit)).all()
    described = _describe(connection, [(row.id, row.change) for row in rows])
    return [PastChange(row.id, parts, *row[2:]) for row, parts in zip(rows, described, strict=True)]


def describe(connection: Connection, change_id: int, description: str) -> str:
    """Return a description with names."""
    (parts,) = _describe(connection, [(change_id, description)])
    return "".join(part.text for part in parts)


def _describe(connection: Connection, changes: Sequence[tuple[int, str]]) -> list[tuple[ChangePart, ...]]:
    """Return the parts of descriptions, which have "person 7" instead of a name, by the ID of their change."""
    person_ids = {int(number) for _, text in changes for number in _PERSON.findall(text)}
    names = _find_names(connection, list(person_ids))
    matches = {change_id: _RENAMED.fullmatch(text) for change_id, text in changes}
    renames = _find_renames(connection, [int(found[1] or key) for key, found in matches.items() if found])
    described = []
    for change_id, text in changes:
        found = matches[change_id]
        rename = renames.get(int(found[1] or change_id)) if found else None
        person = names.get(int(found[2])) if found else None
        parts = _rename(found, rename, person) if found and rename and person else _insert_names(text, names)
        described.append(tuple(part for part in parts if part.text))
    return described


def _find_names(connection: Connection, person_ids: Sequence[int]) -> dict[int, _Name]:
    columns = select(PersonRow.id, PersonRow.name, PersonRow.removed.is_(None))
    rows = (row for ids in batches(person_ids) for row in connection.execute(columns.where(PersonRow.id.in_(ids))))
    return {person_id: (name, present) for person_id, name, present in rows}


def _find_renames(connection: Connection, change_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Return old and new name by the ID of the change, apart from changes that expired or whose person was purged."""
    columns = select(FormerValueRow.revision_id, FormerValueRow.column, FormerValueRow.value)
    values: dict[tuple[int, str], str | None] = {}
    for ids in batches(change_ids):
        rows = connection.execute(columns.where(FormerValueRow.revision_id.in_(ids)))
        values |= {(change_id, column): value for change_id, column, value in rows}
    pairs = {key: (values.get((key, "name")), values.get((key, NEW_NAME))) for key in change_ids}
    return {key: (old, new) for key, (old, new) in pairs.items() if old and new}


def _rename(found: re.Match[str], rename: tuple[str, str], person: _Name) -> Iterator[ChangePart]:
    """Yield "renamed Ann → Anna", and the name of today if it is another."""
    (old, new), (name, present) = rename, person
    link = int(found[2]) if present else None
    undid = f"undid change {found[1]}: " if found[1] else ""
    yield ChangePart(f"{undid}renamed {old} → ")
    yield ChangePart(new, link)
    if name not in rename:
        yield ChangePart(", now ")
        yield ChangePart(name, link)


def _insert_names(text: str, names: dict[int, _Name]) -> Iterator[ChangePart]:
    """Yield the parts of a description. Purged people stay numbers."""
    position = 0
    for found in _PERSON.finditer(text):
        if int(found[1]) in names:
            name, present = names[int(found[1])]
            yield ChangePart(text[position : found.start()])
            yield ChangePart(name, int(found[1]) if present else None)
            position = found.end()
    yield ChangePart(text[position:])
