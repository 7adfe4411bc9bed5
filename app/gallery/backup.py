"""Backup of a gallery to one SQLite file, also while servers use it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.errors import GalleryError
from app.files import create_private
from app.gallery.database import Database, migrate, prepare, sqlite_file
from app.gallery.table_copy import copy_rows, scratch_database
from app.gallery.tables import Base


def back_up(database_url: str, path: Path) -> None:
    """Write a consistent copy of a gallery to a file. An earlier backup is replaced only when the copy is complete.

    The copy of an SQLite gallery has its tables, also those of an earlier version of the program. The copy of a
    PostgreSQL gallery has the same rows in SQLite.
    """
    source = sqlite_file(database_url)
    if source is not None:
        if not source.is_file():
            raise GalleryError(f"There is no gallery at {source}. Set FACES_DATABASE_URL to its location.")
        if path.exists() and path.samefile(source):
            raise GalleryError(f"{path} is the gallery itself. Choose another file for the backup.")
    partial = path.with_name(f"{path.name}.part")
    try:
        partial.unlink(missing_ok=True)
        # SQLite would create the file with access for everyone.
        create_private(partial)
        with _open_sqlite(source) if source else _copy_to_sqlite(database_url) as gallery:
            gallery.execute("VACUUM INTO ?", [str(partial)])
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        location = source or "FACES_DATABASE_URL"
        raise GalleryError(f"The gallery at {location} cannot be copied to {path} ({reason}).") from error
    finally:
        partial.unlink(missing_ok=True)


def _open_sqlite(file: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None))


@contextmanager
def _copy_to_sqlite(database_url: str) -> Iterator[sqlite3.Connection]:
    with closing(Database.connect(database_url)) as database, scratch_database() as (driver, copy):
        with database.reading() as rows:
            prepare(rows, database.location)
            migrate(copy, database.location)
            copy_rows(rows, copy, Base.metadata.sorted_tables)
        copy.commit()
        yield driver
