"""Everything that a library holds about one person, for a request of access."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.library.people import find_all
from app.library.store import Library

_FACES = """
SELECT (SELECT min(path) FROM file WHERE file.photo_id = photo.id) AS file, taken, number, x, y, face.width AS width,
       face.height AS height, verdict, source, distance, starts, ends, shown.name AS person,
       candidate.name AS candidate, embedding, webp
FROM face JOIN photo ON photo.id = photo_id
LEFT JOIN person AS shown ON shown.id = face.person_id LEFT JOIN person AS candidate ON candidate.id = candidate_id
LEFT JOIN vector ON vector.face_id = face.id LEFT JOIN thumbnail ON thumbnail.face_id = face.id
WHERE shown.id IN ({ids}) OR candidate.id IN ({ids}) ORDER BY file, number
"""
_TAGS = """
SELECT (SELECT min(path) FROM file WHERE file.photo_id = tag.photo_id) AS file, name AS person
FROM tag JOIN person ON person.id = person_id WHERE person.id IN ({ids}) ORDER BY file
"""
_CHANGES = """
SELECT change.id AS id, made, action, undone, name AS person
FROM change JOIN person ON person.id = change.person_id WHERE person.id IN ({ids}) ORDER BY change.id
"""


def collect(
    library: Library, people_names: Sequence[str], gallery_ids: Sequence[int] = (), gallery_url: str = ""
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the data of a person: JSON values, and files by name. Arguments are as in `erasure.erase_people`."""
    with library.reading() as connection:
        ids = ", ".join(map(str, find_all(connection, people_names, gallery_ids, gallery_url)))
    files: dict[str, bytes] = {}
    faces = _read(library, _FACES.format(ids=ids))
    for number, face in enumerate(faces, start=1):
        for column, ending in (("embedding", "f16"), ("webp", "webp")):
            if (data := face.pop(column)) is not None:
                files[f"library/{number}.{ending}"] = data
    values = {
        "faces": faces,
        "tags": _read(library, _TAGS.format(ids=ids)),
        "changes": _read(library, _CHANGES.format(ids=ids)),
    }
    return values, files


def _read(library: Library, query: str) -> list[dict[str, Any]]:
    with library.reading() as connection:
        cursor = connection.execute(query)
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor]
