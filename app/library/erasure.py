"""Erasure of people from a library: their faces, tags, decisions and names, also in the log of changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from app.gallery.raw_scan import Search, search_files
from app.library.people import find_all
from app.library.pictures import erase_pictures
from app.library.store import FILE, PICTURES, Library
from app.vision.faces import Box

_PEOPLE = ("person_id", "candidate_id")


@dataclass(frozen=True)
class LibraryErasure:
    """What was erased: numbers of faces, tags and photos, and the search for remains of pictures and embeddings."""

    faces: int
    tags: int
    photos: int
    search: Search


def erase_people(
    library: Library, people_names: Sequence[str], gallery_ids: Sequence[int] = (), gallery_url: str = ""
) -> LibraryErasure:
    """Erase the faces of people, with embeddings and pictures, and their names. The caller has locked the library.

    Faces that they may show, such as ambiguous ones, stay without the name. Names in the metadata of photos are files
    of the archive: `library write-metadata` removes them afterwards.

    Args:
        library: The library.
        people_names: Names and aliases of the people. Names that the library does not know are skipped.
        gallery_ids: IDs of the people in the gallery, whom the library may know by former names.
        gallery_url: Where the gallery is.
    """
    databases = [FILE, PICTURES] if (library.folder / PICTURES).exists() else [FILE]
    files = [library.folder / f"{name}{end}" for name in databases for end in ("", "-wal", "-shm")]
    with library.writing() as connection:
        # Rows of different tables refer to each other.
        connection.execute("PRAGMA defer_foreign_keys = ON")
        ids = find_all(connection, people_names, gallery_ids, gallery_url)
        if not ids:
            return LibraryErasure(0, 0, 0, search_files(files, {}))
        people = ", ".join(map(str, ids))
        shown = f"SELECT id FROM face WHERE person_id IN ({people})"
        traces = {
            "embedding": _read(connection, f"SELECT embedding FROM vector WHERE face_id IN ({shown})"),
            "picture": _read(connection, f"SELECT webp FROM thumbnail WHERE face_id IN ({shown})"),
        }
        photos = _read(
            connection,
            f"SELECT digest FROM photo WHERE id IN (SELECT photo_id FROM face WHERE person_id IN ({people}) UNION "
            f"SELECT photo_id FROM tag WHERE person_id IN ({people}))",
        )
        boxes = _list_boxes(connection, people)
        _forget_log(connection, people, shown)
        still = f"SELECT photo_id, best FROM face WHERE person_id IN ({people})"
        connection.execute(f"DELETE FROM still WHERE (photo_id, time) IN ({still})")
        faces = connection.execute(f"DELETE FROM face WHERE person_id IN ({people})").rowcount
        tags = connection.execute(f"DELETE FROM tag WHERE person_id IN ({people})").rowcount
        connection.execute(f"DELETE FROM rejection WHERE person_id IN ({people})")
        connection.execute(f"DELETE FROM suggestion WHERE person_id IN ({people})")
        connection.execute(
            f"UPDATE face SET candidate_id = NULL, verdict = NULL, distance = NULL WHERE candidate_id IN ({people})"
        )
        connection.execute(f"DELETE FROM person WHERE id IN ({people})")
        # Names that were judged with these people are judged again.
        connection.execute("DELETE FROM property WHERE key = 'naming'")
        erased = set(traces["embedding"])
        # A copy of a picture may have been embedded as another face.
        kept = {data for (data,) in connection.execute("SELECT embedding FROM vector") if data in erased}
        traces["embedding"] = list(erased - kept)
        # Another try would not know them. If the transaction fails, pages make the pictures again.
        traces["picture"] += erase_pictures(library, filter(None, photos), boxes)
        library.record_audit("erased", details={"faces": faces, "tags": tags})
    # Pages may have made pictures before the faces were gone.
    erase_pictures(library, filter(None, photos), ())
    with library.reading() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return LibraryErasure(faces, tags, len(photos), search_files(files, traces))


def _list_boxes(connection: sqlite3.Connection, people: str) -> list[tuple[bytes, Box]]:
    """Return the faces of people: the digest of the photo and the box."""
    columns = "SELECT digest, x, y, face.width, face.height FROM face JOIN photo ON photo.id = photo_id"
    rows = connection.execute(f"{columns} WHERE digest IS NOT NULL AND person_id IN ({people})")
    return [(digest, Box(*box)) for digest, *box in rows]


def _forget_log(connection: sqlite3.Connection, people: str, shown: str) -> None:
    """Delete the changes about people from the log, and their faces from other changes."""
    connection.execute(f"DELETE FROM change WHERE person_id IN ({people})")
    tables = "('face', 'rejection', 'membership', 'outsider', 'shown')"
    connection.execute(f"DELETE FROM former_row WHERE table_name IN {tables} AND row_id IN ({shown})")
    connection.execute(f"DELETE FROM former_row WHERE table_name IN ('rejection', 'tag') AND other_id IN ({people})")
    for side in ("former", "later"):
        for column in _PEOPLE:
            named = f"json_extract({side}, '$.{column}') IN ({people})"
            connection.execute(f"DELETE FROM former_row WHERE table_name = 'face' AND {named}")


def _read(connection: sqlite3.Connection, query: str) -> list[bytes]:
    return [row[0] for row in connection.execute(query)]
