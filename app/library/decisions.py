"""Decisions of a user about single faces, which naming never overwrites: confirm, reject, draw, and take back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from app.errors import LibraryError
from app.library import changes, people
from app.library.changes import Change
from app.library.store import Library
from app.text import count
from app.vision.faces import Box

_SAME_BOX = 0.5
"""Intersection over union from which boxes of two versions of a photo show one face."""
_SAME_PERSON = 0.4
"""Least cosine of their embeddings. Below it, another photo has got the name of the file."""

_IS_DECIDED = "(source != 'automatic' OR face.id IN (SELECT face_id FROM rejection))"
"""Condition of faces that a user decided."""


def find_face(library: Library, file: str, number: int | None) -> int:
    """Return the ID of a face by the path of its file, see `display_path`, and its number from the left.

    Without a number, the photo must have one face.
    """
    with library.reading() as connection:
        rows = connection.execute(
            "SELECT number, face.id FROM file JOIN face USING (photo_id) WHERE path = ? ORDER BY number",
            (file,),
        ).fetchall()
        known = connection.execute("SELECT count(*) FROM file WHERE path = ?", (file,)).fetchone()[0]
    if not known:
        raise LibraryError(f"{file}: The library has no such photo. Run: whopic library index")
    if not rows:
        raise LibraryError(f"{file}: The library has no face in this photo.")
    if number is None and len(rows) != 1:
        raise LibraryError(f"{file}: The photo has {count(len(rows), 'face')}. Choose one with --face.")
    found = dict(rows).get(rows[0][0] if number is None else number)
    if found is None:
        raise LibraryError(f"{file}: The photo has no face {number}, but {count(len(rows), 'face')}.")
    return int(found)


def confirm(library: Library, face_ids: Sequence[int], name: str) -> None:
    """Record that faces show a person, also one whom the gallery does not know."""
    with deciding(library, "confirm", faces=len(face_ids)) as change:
        change.person_id = people.ensure(change.connection, name)
        confirm_faces(change.connection, face_ids, change.person_id)


def confirm_faces(connection: sqlite3.Connection, face_ids: Sequence[int], person_id: int) -> None:
    """Record that faces show a person, in a transaction of `deciding`."""
    for face_id in face_ids:
        changed = connection.execute(
            "UPDATE face SET source = iif(source = 'drawn', 'drawn', 'confirmed'), verdict = 'match', "
            "person_id = ?, candidate_id = NULL, distance = NULL WHERE id = ?",
            (person_id, face_id),
        ).rowcount
        _check_found(changed, face_id)
        connection.execute("DELETE FROM rejection WHERE face_id = ? AND person_id = ?", (face_id, person_id))
        connection.execute(
            "DELETE FROM tag WHERE person_id = ? AND photo_id = (SELECT photo_id FROM face WHERE id = ?)",
            (person_id, face_id),
        )


def reject(library: Library, face_ids: Sequence[int], name: str, group: int | None = None) -> None:
    """Record that faces, or all of a group, do not show a person of the library.

    The next naming chooses another person or none.
    """
    action = "reject" if group is None else "reject_group"
    with deciding(library, action, faces=len(face_ids), group=group) as change:
        change.person_id = people.find(change.connection, name)
        reject_faces(change.connection, face_ids, change.person_id)


def reject_faces(connection: sqlite3.Connection, face_ids: Sequence[int], person_id: int) -> None:
    """Record that faces do not show a person, in a transaction of `deciding`."""
    for face_id in face_ids:
        _check_found(connection.execute("SELECT count(*) FROM face WHERE id = ?", (face_id,)).fetchone()[0], face_id)
        connection.execute("INSERT OR IGNORE INTO rejection VALUES (?, ?)", (face_id, person_id))
        connection.execute(
            "UPDATE face SET source = iif(source = 'drawn', 'drawn', 'automatic'), verdict = 'unknown', "
            "person_id = NULL WHERE id = ? AND person_id = ?",
            (face_id, person_id),
        )
        connection.execute(
            "UPDATE face SET candidate_id = NULL WHERE id = ? AND candidate_id = ?", (face_id, person_id)
        )


def draw(library: Library, photo_id: int, box: Box, name: str) -> int:
    """Add a face that the detector missed, and return its ID. It has no embedding."""
    with deciding(library, "draw", faces=1) as change:
        change.person_id = people.ensure(change.connection, name)
        face_id = change.connection.execute(
            "INSERT INTO face (photo_id, number, x, y, width, height, verdict, person_id, source) "
            "SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, 'match', ?6, 'drawn' FROM face "
            "WHERE photo_id = ?1 RETURNING id",
            (photo_id, box.x, box.y, box.width, box.height, change.person_id),
        ).fetchone()[0]
    return int(face_id)


def take_back(library: Library, face_ids: Sequence[int]) -> None:
    """Forget all decisions about faces. Drawn faces are deleted.

    The next naming judges the faces.
    """
    with deciding(library, "forget", faces=len(face_ids)) as change:
        for face_id in face_ids:
            change.connection.execute("DELETE FROM rejection WHERE face_id = ?", (face_id,))
            change.connection.execute("DELETE FROM face WHERE id = ? AND source = 'drawn'", (face_id,))
            change.connection.execute(
                "UPDATE face SET source = 'automatic', verdict = NULL, person_id = NULL, candidate_id = NULL, "
                "distance = NULL WHERE id = ?",
                (face_id,),
            )


@contextmanager
def deciding(library: Library, action: str, **details: Any) -> Iterator[Change]:
    """Begin a recorded change after which the next naming judges all faces: a decision counts for other faces."""
    with changes.recording(library, action, **details) as change:
        change.connection.execute("DELETE FROM property WHERE key = 'naming'")
        yield change


def exist(connection: sqlite3.Connection, path: str) -> bool:
    """Return whether there are decisions about a file."""
    found = connection.execute(
        f"SELECT 1 FROM file JOIN face USING (photo_id) WHERE path = ? AND {_IS_DECIDED} "
        "UNION ALL SELECT 1 FROM file JOIN tag USING (photo_id) WHERE path = ? LIMIT 1",
        (path, path),
    ).fetchone()
    return found is not None


def carry_over(connection: sqlite3.Connection, former: int, current: int) -> None:
    """Copy the decisions about a photo and its faces to those of its changed file that have none, in a transaction.

    A face is the same if the boxes overlap, in parts of the width and height, and the embeddings are similar. Times and
    boxes of a video may have changed, so that the embeddings alone decide.
    """
    connection.execute(
        "INSERT OR IGNORE INTO tag SELECT ?, person_id FROM tag WHERE photo_id = ?",
        (current, former),
    )
    # The log of the decisions goes along, unless another file has the former photo.
    is_gone = not connection.execute("SELECT 1 FROM file WHERE photo_id = ?", (former,)).fetchone()
    if is_gone:
        changes.follow_tags(connection, former, current)
    decided = connection.execute(
        f"SELECT id, source, person_id FROM face WHERE photo_id = ? AND {_IS_DECIDED}", (former,)
    ).fetchall()
    if not decided:
        return
    old, new = _relative_boxes(connection, former), _relative_boxes(connection, current)
    is_video = connection.execute("SELECT duration FROM photo WHERE id = ?", (former,)).fetchone()[0] is not None
    for face_id, source, person_id in decided:
        if is_video:
            found = _most_similar(connection, face_id, current)
        else:
            found = max(new, key=lambda other: old[face_id].overlap(new[other]), default=None)
            if found is not None and old[face_id].overlap(new[found]) < _SAME_BOX:
                found = None
        if found is None or _differ(connection, face_id, found):
            if source == "drawn" and (copy := _copy_drawn(connection, face_id, current)) and is_gone:
                changes.follow_face(connection, face_id, former, copy, current)
            continue
        if connection.execute(f"SELECT 1 FROM face WHERE id = ? AND {_IS_DECIDED}", (found,)).fetchone():
            # Another file has the same bytes.
            continue
        if source != "automatic":
            connection.execute(
                "UPDATE face SET source = 'confirmed', verdict = 'match', person_id = ?, candidate_id = NULL, "
                "distance = NULL WHERE id = ?",
                (person_id, found),
            )
        connection.execute(
            "INSERT OR IGNORE INTO rejection SELECT ?, person_id FROM rejection WHERE face_id = ?", (found, face_id)
        )
        if is_gone:
            changes.follow_face(connection, face_id, former, found, current)


def _most_similar(connection: sqlite3.Connection, face_id: int, photo_id: int) -> int | None:
    """Return the face of a photo with the embedding that is closest to that of a face, None without one."""
    vectors = "SELECT face_id, embedding FROM vector WHERE face_id"
    wanted = connection.execute(f"{vectors} = ?", (face_id,)).fetchall()
    others = connection.execute(f"{vectors} IN (SELECT id FROM face WHERE photo_id = ?)", (photo_id,)).fetchall()
    if not wanted or not others:
        return None
    embeddings = np.stack([np.frombuffer(data, np.float16).astype(np.float32) for _, data in (*wanted, *others)])
    return int(others[int((embeddings[1:] @ embeddings[0]).argmax())][0])


def _differ(connection: sqlite3.Connection, face_id: int, other: int) -> bool:
    """Return whether two faces have embeddings that are not similar."""
    rows = connection.execute("SELECT embedding FROM vector WHERE face_id IN (?, ?)", (face_id, other)).fetchall()
    embeddings = [np.frombuffer(data, np.float16).astype(np.float32) for (data,) in rows]
    return len(embeddings) == 2 and float(embeddings[0] @ embeddings[1]) < _SAME_PERSON


def _copy_drawn(connection: sqlite3.Connection, face_id: int, photo_id: int) -> int | None:
    """Return the ID of the copy, or None if the changed file has no size."""
    copied = connection.execute(
        "INSERT INTO face (photo_id, number, x, y, width, height, verdict, person_id, source) "
        "SELECT new.id, (SELECT coalesce(max(number), 0) + 1 FROM face WHERE photo_id = new.id), "
        "x * new.width / old.width, y * new.height / old.height, face.width * new.width / old.width, "
        "face.height * new.height / old.height, verdict, person_id, source "
        "FROM face JOIN photo AS old ON old.id = face.photo_id JOIN photo AS new ON new.id = ? "
        "WHERE face.id = ? AND new.width IS NOT NULL RETURNING id",
        (photo_id, face_id),
    ).fetchone()
    return copied and int(copied[0])


def _relative_boxes(connection: sqlite3.Connection, photo_id: int) -> dict[int, Box]:
    """Return the boxes of a photo by face, in thousandths of its width and height."""
    rows = connection.execute(
        "SELECT face.id, x, y, face.width, face.height, photo.width, photo.height FROM face "
        "JOIN photo ON photo.id = photo_id WHERE photo_id = ?",
        (photo_id,),
    )
    boxes = {}
    for face_id, *box, width, height in rows:
        scale = 1000 / np.array([width, height, width, height])
        boxes[face_id] = Box(*(int(side) for side in np.round(box * scale)))
    return boxes


def _check_found(count: int, face_id: int) -> None:
    if not count:
        raise LibraryError(f"The library has no face with the ID {face_id}.")
