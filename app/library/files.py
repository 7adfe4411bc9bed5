"""Files of a photo of a library."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from app.batch.sources import PhotoSources, is_url
from app.errors import UnreadableFile

_FILES = "SELECT path, raw_path, bytes, modified_ns FROM file WHERE photo_id = ? ORDER BY path"

CHANGED = "The file has changed since it was indexed. Run library index again."


class PhotoFile(NamedTuple):
    """A file: its path or URL as text and in the file system, its size, and its time of change in nanoseconds."""

    file: str
    raw_path: bytes | None
    bytes: int | None
    modified_ns: int | None

    @property
    def path(self) -> str:
        """The path or URL as the file system has it."""
        return os.fsdecode(self.raw_path) if self.raw_path else self.file

    def is_current(self) -> bool | None:
        """Return whether the file is the one that was indexed, None for a URL, or raise OSError."""
        if is_url(self.path):
            return None
        status = Path(self.path).stat()
        return (status.st_size, status.st_mtime_ns) == (self.bytes, self.modified_ns)


def read_files(connection: sqlite3.Connection, photo_id: int) -> tuple[PhotoFile, ...]:
    """Return all files of a photo: equal ones have the same photo."""
    return tuple(PhotoFile(*row) for row in connection.execute(_FILES, (photo_id,)))


def read_bytes(path: str, max_bytes: int) -> bytes:
    """Read a path or URL that was indexed, or raise `UnreadableFile`."""
    # Reading would wait for the writer, and the request with it.
    if not is_url(path) and Path(path).is_fifo():
        raise UnreadableFile("changed", CHANGED)
    return PhotoSources([path]).read(path, max_bytes)
