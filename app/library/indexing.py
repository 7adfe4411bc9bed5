"""Index of an archive: compare its files with a library, process what is new, and record what became of the others.

A file is known by its path, size and time of change. One that has the size of another may be a copy or was moved: its
bytes are compared, by their digest, before any face is searched.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields

from app.batch.rows import FaceRow, PhotoRow
from app.batch.sources import PhotoFile
from app.errors import PhotoError
from app.library import decisions
from app.library.pictures import forget_pictures
from app.library.store import Library
from app.text import display_path
from app.vision.faces import Box
from app.vision.quality import Quality

DigestFile = Callable[[PhotoFile], bytes]
"""Returns the digest of a file, see `BatchJob.digest`, or raises `UnreadableFile`."""

_RETRY = -1
"""Size of a file that had an error and is pending again."""

_SAME_BOX = 0.5
"""Overlap of the boxes of a face that is found again in the same photo."""

_WRITE_SECONDS = 0.5
"""Rows are committed after this time, provided that more arrive; a killed process loses no more."""

_READERS = 8  # files read at the same time to compare them

_LIST = """
CREATE TEMP TABLE IF NOT EXISTS listed (
    path TEXT PRIMARY KEY, raw_path BLOB, bytes INTEGER, modified_ns INTEGER, pending INTEGER, thumbnails INTEGER,
    shared_size INTEGER)
"""
_MARK_PENDING = """
UPDATE listed SET pending = NOT EXISTS (
    SELECT 1 FROM file WHERE file.path = listed.path AND file.bytes IS listed.bytes
    AND file.modified_ns IS listed.modified_ns)
"""
_WITHOUT_THUMBNAIL = """
SELECT photo_id FROM face JOIN vector ON vector.face_id = face.id
WHERE source != 'drawn' AND face.id NOT IN (SELECT face_id FROM thumbnail)
"""
_MARK_WITHOUT_THUMBNAIL = f"""
UPDATE listed SET pending = 1, thumbnails = 1 WHERE NOT pending AND path IN (
    SELECT min(path) FROM file JOIN listed USING (path) WHERE photo_id IN ({_WITHOUT_THUMBNAIL}) GROUP BY photo_id)
"""
_MARK_SHARED_SIZES = """
UPDATE listed SET shared_size = 1 WHERE pending AND thumbnails IS NULL AND (
    EXISTS (SELECT 1 FROM file WHERE file.bytes = listed.bytes)
    OR bytes IN (SELECT bytes FROM listed WHERE pending GROUP BY bytes HAVING count(*) > 1))
"""
_PENDING = """
SELECT rowid, path, raw_path, bytes, modified_ns, shared_size FROM listed
WHERE pending AND rowid > ? ORDER BY rowid LIMIT 500
"""


@dataclass
class Changes:
    """What an index run found: numbers of files.

    `retried` files had an error before. `copied` files are new and have the bytes of another one, and `moved` those
    whose other file is gone. `missing` files may be on a disk that is not mounted, and are kept.
    `read_for_thumbnails` files are known, and some of their faces have no thumbnail.
    """

    new: int = 0
    changed: int = 0
    retried: int = 0
    moved: int = 0
    copied: int = 0
    deleted: int = 0
    missing: int = 0
    read_for_thumbnails: int = 0


class IndexRun:
    """One comparison of an archive with a library, in one thread.

    `list_files` comes first, then `add` the rows of all photos that `pending` yields, and `finish`. `done` counts the
    pending files that have a row or are copies.
    """

    def __init__(self, library: Library, digest: DigestFile) -> None:
        self._library = library
        self._digest = digest
        self._rows: list[PhotoRow] = []
        self._links: list[tuple[PhotoFile, int]] = []
        # By digest, the copies that wait for the row of an equal file.
        self._waiting: dict[bytes, list[PhotoFile]] = {}
        self._linked: Counter[int] = Counter()
        self._last_write = time.monotonic()
        self.done = 0
        self.changes = Changes()

    def list_files(self, photos: Iterable[PhotoFile], thumbnails: bool = False) -> tuple[int, int]:
        """Compare all files of the archive with the library, and return how many are known and how many pending.

        With `thumbnails`, a known photo is pending if one of its faces has no thumbnail.
        """
        # Unlike `writing`, this does not make other writers wait: listing a bucket takes minutes.
        with self._library.reading() as connection:
            connection.execute("BEGIN")
            connection.execute(_LIST)
            connection.execute("DELETE FROM temp.listed")
            rows = ((*_name(photo), photo.bytes, photo.modified_ns) for photo in photos)
            connection.executemany("INSERT OR IGNORE INTO listed VALUES (?, ?, ?, ?, NULL, NULL, NULL)", rows)
            connection.execute(_MARK_PENDING)
            if thumbnails:
                connection.execute(_MARK_WITHOUT_THUMBNAIL)
            connection.execute(_MARK_SHARED_SIZES)
            known, new, changed, retried, read_again = connection.execute(
                "SELECT count(*) FILTER (WHERE NOT pending), count(*) FILTER (WHERE pending AND file.path IS NULL), "
                "count(*) FILTER (WHERE pending AND thumbnails IS NULL AND file.bytes IS NOT ?1), "
                "count(*) FILTER (WHERE file.bytes = ?1), count(thumbnails) "
                "FROM listed LEFT JOIN file USING (path)",
                (_RETRY,),
            ).fetchone()
            connection.execute("COMMIT")
        changed -= new
        self.changes = Changes(new, changed, retried, read_for_thumbnails=read_again)
        if pending := new + changed + retried + read_again:
            self._library.record_audit("indexed", details={"files": pending})
        return known, pending

    def pending(self) -> Iterator[PhotoFile]:
        """Yield the files that need processing; equal ones once. Copies of known files are recorded."""
        with ThreadPoolExecutor(_READERS) as readers:
            queue: deque[tuple[PhotoFile, Future[bytes] | None]] = deque()
            for photo, shared_size in self._pending_files():
                queue.append((photo, readers.submit(self._digest, photo) if shared_size else None))
                if len(queue) >= _READERS:
                    yield from self._unless_known(*queue.popleft())
            while queue:
                yield from self._unless_known(*queue.popleft())

    def files(self) -> Iterator[str]:
        """Yield the listed paths and URLs."""
        with self._library.reading() as connection:
            for path, raw_path in connection.execute("SELECT path, raw_path FROM listed"):
                yield _system_path(path, raw_path)

    def add(self, rows: Iterable[PhotoRow]) -> None:
        """Add the rows of processed photos. They are committed after a moment, or by `flush`."""
        rows = list(rows)
        self.done += len(rows)
        self._rows += rows
        if time.monotonic() - self._last_write > _WRITE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit all rows."""
        if self._rows or self._links:
            with self._library.writing():
                for row in self._rows:
                    self._insert(row)
                for photo, photo_id in self._links:
                    self._link(photo, photo_id)
            self._rows, self._links = [], []
        self._last_write = time.monotonic()

    def finish(self, is_gone: Callable[[str], bool], is_missing: Callable[[str], bool] = lambda _: False) -> None:
        """Forget the files that `is_gone` confirms, of those that are not listed, and photos without a file.

        A confirmed file that `is_missing`, by its path as the file system has it, is kept unless it was moved.
        """
        self.flush()
        with self._library.writing() as connection:
            unlisted = connection.execute(
                "SELECT path, raw_path, photo_id FROM file WHERE path NOT IN (SELECT path FROM listed)"
            ).fetchall()
            gone = []
            for path, raw_path, photo_id in filter(lambda row: is_gone(row[0]), unlisted):
                if photo_id not in self._linked and is_missing(_system_path(path, raw_path)):
                    self.changes.missing += 1
                else:
                    gone.append((path, photo_id))
            connection.executemany("DELETE FROM file WHERE path = ?", [(path,) for path, _ in gone])
            connection.execute("DELETE FROM photo WHERE id NOT IN (SELECT photo_id FROM file)")
            moved = (Counter(photo_id for _, photo_id in gone) & self._linked).total()
            self.changes.moved, self.changes.deleted = moved, len(gone) - moved
            if self.changes.deleted:
                self._library.record_audit("forgot", details={"files": self.changes.deleted})
        forget_pictures(self._library)
        self.changes.copied = self._linked.total() - moved
        self.changes.new -= self._linked.total()

    def _pending_files(self) -> Iterator[tuple[PhotoFile, bool]]:
        last = 0
        while True:
            with self._library.reading() as connection:
                rows = connection.execute(_PENDING, (last,)).fetchall()
            if not rows:
                return
            for last, path, raw_path, size, modified_ns, shared_size in rows:  # noqa: B007
                yield PhotoFile(_system_path(path, raw_path), size, modified_ns), bool(shared_size)

    def _unless_known(self, photo: PhotoFile, compared: Future[bytes] | None) -> Iterator[PhotoFile]:
        try:
            key = compared.result() if compared else None
        except PhotoError:
            # Processing reports the reason.
            key = None
        if key is None:
            yield photo
        elif key in self._waiting:
            self._waiting[key].append(photo)
            self.done += 1
        elif found := self._find(key):
            self._links.append((photo, found))
            self.done += 1
        else:
            self._waiting[key] = []
            yield photo

    def _find(self, key: bytes) -> int | None:
        with self._library.reading() as connection:
            found = connection.execute("SELECT id FROM photo WHERE digest = ?", (key,)).fetchone()
        return found and int(found[0])

    def leftover(self) -> list[PhotoFile]:
        """Return copies that still wait because the equal file could not be processed or has changed meanwhile."""
        self.flush()
        photos = [photo for copies in self._waiting.values() for photo in copies]
        self._waiting = {}
        self.done -= len(photos)
        return photos

    def _insert(self, row: PhotoRow) -> None:
        connection = self._library.connection
        photo_id = self._find(row.digest) if row.digest else None
        if row.failure and (self._is_known(row.file) or decisions.exist(connection, display_path(row.file.path))):
            # The file may be incomplete now. It remains pending.
            return
        if photo_id is None:
            photo_id = insert_photo(self._library, row)
        else:
            _add_thumbnails(connection, photo_id, row.faces)
        self._set_file(row.file, photo_id)
        for copy in self._waiting.pop(row.digest, ()) if row.digest else ():
            self._link(copy, photo_id)
        assert connection.in_transaction

    def _is_known(self, photo: PhotoFile) -> bool:
        """Return whether a file, which is read again for its thumbnails, has not changed."""
        query = "SELECT 1 FROM file WHERE path = ? AND bytes IS ? AND modified_ns IS ?"
        values = _name(photo)[0], photo.bytes, photo.modified_ns
        return self._library.connection.execute(query, values).fetchone() is not None

    def _link(self, photo: PhotoFile, photo_id: int) -> None:
        """Record a file with the bytes of a known photo."""
        error = "SELECT 1 FROM photo WHERE id = ? AND error IS NOT NULL"
        connection = self._library.connection
        if connection.execute(error, (photo_id,)).fetchone() and decisions.exist(connection, _name(photo)[0]):
            # As in `_insert`.
            return
        if self._set_file(photo, photo_id):
            self._linked[photo_id] += 1

    def _set_file(self, photo: PhotoFile, photo_id: int) -> bool:
        """Record the photo of a file, and return whether the file is new."""
        connection = self._library.connection
        path, raw_path = _name(photo)
        former = connection.execute("SELECT photo_id FROM file WHERE path = ?", (path,)).fetchone()
        connection.execute(
            "REPLACE INTO file VALUES (?, ?, ?, ?, ?)", (path, raw_path, photo.bytes, photo.modified_ns, photo_id)
        )
        if former and former[0] != photo_id:
            decisions.carry_over(connection, former[0], photo_id)
        return former is None


def retry_errors(library: Library) -> int:
    """Make the files with an error pending again, and return their number."""
    with library.writing() as connection:
        failed = "(SELECT id FROM photo WHERE error IS NOT NULL)"
        count = connection.execute(f"UPDATE file SET bytes = {_RETRY} WHERE photo_id IN {failed}").rowcount
        # Equal bytes do not mean the same error now.
        connection.execute("UPDATE photo SET digest = NULL WHERE error IS NOT NULL")
    return count


def insert_photo(library: Library, row: PhotoRow) -> int:
    """Insert a photo with its faces, in a transaction, and return its ID."""
    connection = library.connection
    photo_id = connection.execute(
        "INSERT INTO photo (digest, taken, width, height, error, message, duration) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "RETURNING id",
        (row.digest, row.taken, *(row.size or (None, None)), *(row.failure or (None, None)), row.duration),
    ).fetchone()[0]
    if row.still is not None:
        connection.execute("INSERT INTO still VALUES (?, ?, ?)", (photo_id, *row.still))
    for number, face in enumerate(row.faces, start=1):
        _insert_face(library, photo_id, number, face)
    return int(photo_id)


def _add_thumbnails(connection: sqlite3.Connection, photo_id: int, faces: Sequence[FaceRow]) -> None:
    """Add the thumbnails of a photo's faces that were found again to those that have none."""
    missing = connection.execute(
        "SELECT face.id, starts, x, y, width, height FROM face WHERE photo_id = ? "
        "AND face.id NOT IN (SELECT face_id FROM thumbnail)",
        (photo_id,),
    ).fetchall()
    for face_id, starts, *sides in missing:
        box = Box(*sides)
        found = [face for face in faces if face.thumbnail and (face.time.start if face.time else None) == starts]
        overlaps = [face.box.overlap(box) for face in found]
        if max(overlaps, default=0) > _SAME_BOX:
            thumbnail = found[overlaps.index(max(overlaps))].thumbnail
            connection.execute("INSERT INTO thumbnail VALUES (?, ?)", (face_id, thumbnail))


def _insert_face(library: Library, photo_id: int, number: int, face: FaceRow) -> None:
    connection, box, quality = library.connection, face.box, face.quality
    measures = (None,) * 5 if quality is None else [getattr(quality, field.name) for field in fields(Quality)]
    face_id = connection.execute(
        "INSERT INTO face (photo_id, number, x, y, width, height, confidence, eye_distance, detail, yaw, "
        f"close_confidence, norm, starts, ends, best) VALUES ({', '.join('?' * 15)}) RETURNING id",
        (photo_id, number, *astuple(box), face.confidence, *measures, *(face.time or (None,) * 3)),
    ).fetchone()[0]
    if face.embedding is not None:
        landmarks = None if face.landmarks is None else face.landmarks.tobytes()
        connection.execute("INSERT INTO vector VALUES (?, ?, ?)", (face_id, face.embedding.tobytes(), landmarks))
    if face.thumbnail is not None:
        connection.execute("INSERT INTO thumbnail VALUES (?, ?)", (face_id, face.thumbnail))


def _name(photo: PhotoFile) -> tuple[str, bytes | None]:
    """Return the path as text, and its bytes if the text is not the path."""
    path = display_path(photo.path)
    return path, None if path == photo.path else os.fsencode(photo.path)


def _system_path(path: str, raw_path: bytes | None) -> str:
    """Return the path as the file system has it."""
    return os.fsdecode(raw_path) if raw_path else path
