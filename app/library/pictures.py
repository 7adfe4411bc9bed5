"""Thumbnails and previews of a library's photos, made on demand from the files where they are.

Thumbnails are kept in a second SQLite file beside the library, by the digest of the photo. It can be deleted at any
time. A photo is decoded once for its own thumbnail and those of all its faces.
"""

from __future__ import annotations

import io
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakValueDictionary

from PIL import Image

from app.batch.rows import digest
from app.errors import BatchError, LibraryError, PhotoError, UnreadableFile
from app.files import create_private
from app.library.files import CHANGED, PhotoFile, read_bytes, read_files
from app.library.store import FILE, PICTURES, Library
from app.settings import Settings
from app.text import first_line
from app.vision.cropping import cut_square, face_window, shrink
from app.vision.decoder_pool import DecoderPool
from app.vision.decoding import Picture
from app.vision.faces import Box

PREVIEW_SIDE = 1600
"""Longer side of a preview, in pixels."""
THUMBNAIL_SIDE = 320
FACE_SIDE = 160

PHOTO = "photo"
"""Kind of the thumbnail of a whole photo."""

_BUSY_SECONDS = 2.0
"""Time to wait for another process that writes thumbnails."""

_TABLE = """
CREATE TABLE IF NOT EXISTS picture (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL, kind TEXT NOT NULL, webp BLOB NOT NULL, UNIQUE (digest, kind))
"""

_STORED = """
SELECT digest, width, height, webp, time FROM photo LEFT JOIN still ON photo_id = photo.id WHERE photo.id = ?
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredPhoto:
    """A photo of a library: the digest of its bytes, its files, and the boxes of its faces.

    `still` is the frame of a video that its pictures are made from, as a WebP file. The boxes are those in this frame,
    in pixels of a video of `size`.
    """

    digest: bytes
    files: tuple[PhotoFile, ...]
    boxes: tuple[Box, ...] = ()
    still: bytes | None = None
    size: tuple[int, int] | None = None

    @classmethod
    def load(cls, library: Library, photo_id: int) -> StoredPhoto | None:
        """Return a photo by its ID, or None if the library has none or its bytes were never read."""
        with library.reading() as connection:
            found = connection.execute(_STORED, (photo_id,)).fetchone()
            if not found or found[0] is None:
                return None
            key, width, height, still, time = found
            query = "SELECT x, y, width, height FROM face WHERE photo_id = ? AND best IS ?"
            boxes = tuple(Box(*row) for row in connection.execute(query, (photo_id, time)))
            return cls(key, read_files(connection, photo_id), boxes, still, (width, height))


def face_kind(box: Box) -> str:
    """Return the kind of the thumbnail of a face, which a face of another size replaces."""
    return f"face {box.x} {box.y} {box.width} {box.height}"


class PictureMaker:
    """Makes and caches pictures. Safe to use from several threads; one decoder process works for all of them.

    Args:
        folder: Folder of the library.
        settings: Limits of the decoder: those for files of this machine.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._settings = settings
        # Large JPEG files are decoded at a reduced scale that still has the size of a preview.
        self._decoder = DecoderPool.from_settings(settings.with_changes(decoders=1, detection_side=PREVIEW_SIDE))
        self._cache = _Cache(folder / PICTURES)
        self._mutex = threading.Lock()
        self._working: WeakValueDictionary[bytes, _PhotoLock] = WeakValueDictionary()

    def thumbnail(self, photo: StoredPhoto, kind: str = PHOTO) -> bytes:
        """Return a WebP file: the thumbnail of a photo, or of one of its faces, see `face_kind`.

        Raises:
            PhotoError: no file of the photo can be read, or all have changed.
        """
        if cached := self._cache.read(photo.digest, kind):
            return cached
        # Other threads that need the photo wait for its thumbnails.
        with self._lock(photo.digest):
            cached = self._cache.read(photo.digest, kind)
            return cached or self._make_thumbnails(photo, self._decode(photo))[kind]

    def preview(self, photo: StoredPhoto) -> bytes:
        """Return the whole photo as a JPEG file of at most `PREVIEW_SIDE` pixels, which is not cached.

        Raises what `thumbnail` raises.
        """
        with self._lock(photo.digest):
            picture = self._decode(photo)
            if self._cache.read(photo.digest, PHOTO) is None:
                self._make_thumbnails(photo, picture)
        return _encode(shrink(picture.pixels, PREVIEW_SIDE), "JPEG", 85)

    def close(self) -> None:
        """Stop the decoder process. The next picture starts it again."""
        self._decoder.close()

    @contextmanager
    def _lock(self, key: bytes) -> Iterator[None]:
        with self._mutex:
            lock = self._working.setdefault(key, _PhotoLock())
        with lock.lock:
            yield

    def _decode(self, photo: StoredPhoto) -> Picture:
        """Decode the still of a video, or the first file that has not changed since it was indexed."""
        if photo.still is not None:
            return replace(self._decoder.decode(photo.still), size=photo.size)
        problem: PhotoError = UnreadableFile("not_found", "The library has no file of this photo.")
        for file in photo.files:
            try:
                data = read_bytes(file.path, self._settings.max_file_bytes)
                # Names that this program wrote into a file change its bytes.
                if file.is_current() or digest(data) == photo.digest:
                    return self._decoder.decode(data)
                problem = UnreadableFile("changed", CHANGED)
            except PhotoError as error:
                problem = error
            except (BatchError, OSError) as error:
                problem = UnreadableFile("unreadable", first_line(error))
        raise problem

    def _make_thumbnails(self, photo: StoredPhoto, picture: Picture) -> Mapping[str, bytes]:
        pictures = {PHOTO: _encode(shrink(picture.pixels, THUMBNAIL_SIDE), "WEBP", 75)}
        squares = [face_window(picture, box) for box in photo.boxes]
        picture.load_closeups([(square, square.width / FACE_SIDE) for square in squares])
        for box in photo.boxes:
            pictures[face_kind(box)] = _encode(shrink(cut_square(picture, box), FACE_SIDE), "WEBP", 80)
        self._cache.write(photo.digest, pictures)
        return pictures


class _PhotoLock:
    """A lock that a weak reference can refer to."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class _Cache:
    """Pictures by digest and kind. A cache that cannot be read or written only costs time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self, key: bytes, kind: str) -> bytes | None:
        with _report_errors(), closing(self._open()) as connection:
            query = "SELECT webp FROM picture WHERE digest = ? AND kind = ?"
            found = connection.execute(query, (key, kind)).fetchone()
            return found and bytes(found[0])
        return None

    def write(self, key: bytes, pictures: Mapping[str, bytes]) -> None:
        """Keep pictures of a photo and of those of its faces that the library still has: they may be erased by now."""
        with _report_errors(), closing(self._open()) as connection, connection:
            # `erase_pictures` deletes what was written before, and an erasure before is seen here.
            connection.execute("BEGIN IMMEDIATE")
            kept = {PHOTO, *self._list_faces(key)}
            rows = [(key, kind, webp) for kind, webp in pictures.items() if kind in kept]
            connection.executemany("INSERT OR IGNORE INTO picture (digest, kind, webp) VALUES (?, ?, ?)", rows)

    def _list_faces(self, key: bytes) -> list[str]:
        """Return the kinds of the faces of a photo."""
        address = f"{self._file.with_name(FILE).resolve().as_uri()}?mode=ro"
        query = "SELECT x, y, face.width, face.height FROM face JOIN photo ON photo.id = photo_id WHERE digest = ?"
        with closing(sqlite3.connect(address, timeout=_BUSY_SECONDS, uri=True)) as library:
            return [face_kind(Box(*row)) for row in library.execute(query, (key,))]

    def _open(self) -> sqlite3.Connection:
        create_private(self._file)
        connection = sqlite3.connect(self._file, timeout=_BUSY_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(_TABLE)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def forget_pictures(library: Library) -> None:
    """Delete the cached pictures of photos that a library no longer has."""
    file = library.folder / PICTURES
    if not file.exists():
        return
    with _report_errors(), closing(sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        known = "SELECT digest FROM library.photo WHERE digest IS NOT NULL"
        connection.execute("ATTACH DATABASE ? AS library", (str(library.folder / FILE),))
        connection.execute(f"DELETE FROM picture WHERE digest NOT IN ({known})")


def erase_pictures(library: Library, photos: Iterable[bytes], faces: Iterable[tuple[bytes, Box]]) -> list[bytes]:
    """Delete the cached pictures of photos, by digest, and return those of faces: the digest of the photo, the box.

    Raises:
        LibraryError: the cache cannot be changed.
    """
    file = library.folder / PICTURES
    if not file.exists():
        return []
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(_TABLE)
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                keys = [(key, face_kind(box)) for key, box in faces]
                query = "SELECT webp FROM picture WHERE digest = ? AND kind = ?"
                found = [bytes(webp) for key in keys for (webp,) in connection.execute(query, key)]
                connection.executemany("DELETE FROM picture WHERE digest = ?", [(key,) for key in photos])
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.DatabaseError as error:
        raise LibraryError(
            f"The pictures in {file} cannot be erased ({first_line(error)}). Try again, or delete the file: the server "
            "makes it again."
        ) from error
    return found


@contextmanager
def _report_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        log.warning("library_pictures: %s", first_line(error))


def _encode(image: Image.Image, kind: str, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, quality=quality)
    return file.getvalue()
