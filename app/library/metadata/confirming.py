"""Confirm the names that other programs wrote: at faces as decisions, and without a face as tags."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from app.gallery import names
from app.library import decisions, people, tags
from app.library.metadata.reading import Label
from app.library.store import Library

_FACE = """
SELECT source, person.key, EXISTS (SELECT 1 FROM rejection JOIN person AS rejected ON rejected.id = person_id
                                   WHERE face_id = face.id AND rejected.key = ?)
FROM face LEFT JOIN person ON person.id = face.person_id WHERE face.id = ?
"""


@dataclass
class Confirmations:
    """Numbers of faces: `confirmed`, named so before, and `kept`, for which a user decided otherwise.

    `tagged` counts people who were tagged in photos.
    """

    confirmed: int = 0
    same: int = 0
    kept: int = 0
    tagged: int = 0


class _DryRun(Exception):
    pass


def confirm_labels(library: Library, labels: Sequence[Label], dry_run: bool = False) -> Confirmations:
    """Record labels as one change. Earlier decisions of a user stay. A dry run only counts."""
    report = Confirmations()
    try:
        with decisions.deciding(library, "read_metadata") as change:
            seen: set[int] = set()
            for label in labels:
                if label.face is None:
                    report.tagged += _tag(change.connection, label)
                elif label.face.id not in seen:
                    seen.add(label.face.id)
                    _confirm(change.connection, label, label.face.id, report)
            change.details |= {"faces": report.confirmed, "photos": report.tagged}
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return report


def _confirm(connection: sqlite3.Connection, label: Label, face_id: int, report: Confirmations) -> None:
    key = names.key(label.name)
    source, person, rejected = connection.execute(_FACE, (key, face_id)).fetchone()
    if rejected or (source != "automatic" and person != key):
        report.kept += 1
    elif source != "automatic":
        report.same += 1
    else:
        report.confirmed += 1
        decisions.confirm_faces(connection, [face_id], people.ensure(connection, label.name))


def _tag(connection: sqlite3.Connection, label: Label) -> bool:
    photo = connection.execute("SELECT photo_id FROM file WHERE path = ?", (label.file,)).fetchone()
    return tags.add(connection, photo[0], people.ensure(connection, label.name))
