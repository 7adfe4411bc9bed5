"""Backup of an SQLite gallery, also while a server uses it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from app.errors import GalleryError
from app.files import create_private
from app.gallery.database import sqlite_file


def back_up(database_url: str, path: Path) -> None:
    """Write a consistent copy of a gallery to a file. An earlier backup is replaced only when the copy is complete."""
    source = sqlite_file(database_url)
    if source is None:
        raise GalleryError("`people backup` copies an SQLite gallery. Back up PostgreSQL with pg_dump.")
    if not source.is_file():
        raise GalleryError(f"There is no gallery at {source}. Set FACES_DATABASE_URL to its location.")
    if path.exists() and path.samefile(source):
        raise GalleryError(f"{path} is the gallery itself. Choose another file for the backup.")
    partial = path.with_name(f"{path.name}.part")
    try:
        partial.unlink(missing_ok=True)
        # SQLite would create the file with access for everyone.
        create_private(partial)
        address = f"{source.resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as gallery:
            gallery.execute("VACUUM INTO ?", [str(partial)])
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise GalleryError(f"The gallery at {source} cannot be copied to {path} ({reason}).") from error
    finally:
        partial.unlink(missing_ok=True)
