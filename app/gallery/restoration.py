"""Restoring of a backup into a gallery, also while servers use it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from app import text
from app.errors import GalleryError
from app.gallery import erasures, expiry, opt_outs, snapshot_loading
from app.gallery import people as queries
from app.gallery.change_history import Change
from app.gallery.database import Database, current_version, migrate, prepare, sqlite_file
from app.gallery.people import Person
from app.gallery.table_copy import copy_rows, reserve_ids, scratch_database
from app.gallery.tables import (
    AccessKeyRow,
    AuditRow,
    AuditSubjectRow,
    Base,
    ErasedNameRow,
    ErasedPersonRow,
    NetworkRow,
    OptOutPersonRow,
    OptOutRow,
    RevisionRow,
    SessionRow,
    SigningSecretRow,
    in_utc,
)

_KEPT = frozenset(
    table.__tablename__
    for table in (
        *(AccessKeyRow, SessionRow, SigningSecretRow),
        *(AuditRow, AuditSubjectRow),
        *(ErasedNameRow, ErasedPersonRow),
        *(OptOutPersonRow, OptOutRow),
    )
)
"""Tables that a backup does not replace, unless the gallery is new: logs, keys, and what people asked for since."""


@dataclass(frozen=True)
class Contents:
    """What a gallery or a backup has: people and their anchors, and the time of the latest change."""

    people: int
    anchors: int
    changed: datetime | None

    def __str__(self) -> str:
        """Return such as "12 people and 40 anchors, changed 2026-11-28 10:53 UTC"."""
        changed = f", changed {self.changed:%Y-%m-%d %H:%M} UTC" if self.changed else ""
        return f"{text.count(self.people, 'person')} and {text.count(self.anchors, 'anchor')}{changed}"


class Backup:
    """An open backup, see `open_backup`."""

    def __init__(self, path: Path, rows: Connection) -> None:
        self.contents = _read_contents(rows)
        self._path = path
        self._rows = rows
        self._network_id = rows.scalar(select(NetworkRow.id))

    def restore(self, database_url: str) -> list[Person]:
        """Replace everything but `_KEPT` by the backup, in one transaction. A missing SQLite gallery is created.

        People who were erased since the backup are erased again. Servers load the restored gallery at their next
        request.

        Returns:
            The people who were erased again.

        Raises:
            GalleryError: The gallery belongs to another network than the backup, or cannot be written. It has not
                changed.
        """
        with closing(Database.connect(database_url)) as database, database.writing(purge=True) as gallery:
            prepare(gallery, database.location)
            network_id = gallery.scalar(select(NetworkRow.id))
            if network_id not in (None, self._network_id):
                raise GalleryError(
                    f"{self._path} was made with another network ({self._network_id}) than the gallery "
                    f"({network_id}). Restore it to a new gallery: set FACES_DATABASE_URL to a new location, run the "
                    "command again, then run: whopic people rebuild"
                )
            clock, latest = expiry.read(gallery), snapshot_loading.latest_change(gallery)
            kept = () if network_id is None else _KEPT
            tables = [table for table in Base.metadata.sorted_tables if table.name not in kept]
            for table in reversed(tables):
                gallery.execute(delete(table))
            copy_rows(self._rows, gallery, tables)
            opt_outs.follow_people(gallery)
            if network_id is not None:
                expiry.write(gallery, clock)
            # Servers compare the number of the latest change with that of the gallery in their memory.
            number = max(latest, snapshot_loading.latest_change(gallery)) + 1
            change = Change(gallery, reversible=False, whole=True, number=number)
            change.describe(f"restored a backup with {self.contents}")
            reserve_ids(gallery, RevisionRow.__tablename__, number)
            return erasures.apply_erasures(gallery, erasures.list_erasures(gallery))


@contextmanager
def open_backup(path: Path) -> Iterator[Backup]:
    """Open a backup of this or an earlier version, and check it. The file does not change.

    Raises:
        GalleryError: The file is missing, damaged, no gallery, or of a later version.
    """
    with scratch_database() as (driver, rows):
        try:
            with closing(_open(path)) as file:
                file.backup(driver)
            _check(path, driver, rows)
            migrate(rows, str(path))
            rows.commit()
        except (OSError, sqlite3.Error, SQLAlchemyError) as error:
            reason = text.first_line(getattr(error, "orig", None) or error)
            raise GalleryError(f"{path} cannot be read as a backup ({reason}). Choose another file.") from error
        yield Backup(path, rows)


def read_contents(database_url: str) -> Contents | None:
    """Return what a gallery has, or None if there is none."""
    file = sqlite_file(database_url)
    if file is not None and not file.is_file():
        return None
    with closing(Database.connect(database_url)) as database, database.writing() as connection:
        prepare(connection, database.location)
        return _read_contents(connection) if connection.scalar(select(NetworkRow.id)) else None


def _open(path: Path) -> sqlite3.Connection:
    # A copy of a gallery that was made without its log needs no lock. A folder that cannot be written allows none.
    log = path.with_name(f"{path.name}-wal")
    options = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.resolve(strict=True).as_uri()}?{options}", uri=True)


def _check(path: Path, driver: sqlite3.Connection, rows: Connection) -> None:
    problem = driver.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if problem != "ok" or driver.execute("PRAGMA foreign_key_check").fetchone():
        raise GalleryError(f"{path} is damaged ({problem}). Choose another backup.")
    if current_version(rows) is None:
        raise GalleryError(f"{path} is not a backup of a gallery. Choose a file that `people backup` wrote.")


def _read_contents(connection: Connection) -> Contents:
    present = queries.list_people(connection)
    changed = connection.scalar(select(func.max(RevisionRow.created)))
    return Contents(len(present), sum(person.anchors for person in present), changed and in_utc(changed))
