"""A library on disk: one SQLite file in a folder of its own, its transactions, and its lock.

SQLite is a part of Python, commits survive a killed process, single rows change in milliseconds, and a million
embeddings are read in a second. docs/explanation/grouping.md has the comparison with LanceDB, DuckDB and Parquet.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from app.errors import LibraryError, LibraryLocked
from app.files import create_private, make_private
from app.library.schema import APPLICATION_ID, MIGRATIONS
from app.text import first_line
from app.vision.time_span import TimeSpan

if TYPE_CHECKING:
    from app.gallery.audit_log import AuditLog

FILE = "library.sqlite"
PICTURES = "pictures.sqlite"
"""Cached thumbnails, see `app.library.pictures`."""
_LOCK = "lock"

_BUSY_SECONDS = 30
_FULL = "SQLITE_IOERR_SHMSIZE"
"""SQLite calls this a disk I/O error: readers also need a little memory, which is a file."""
_OWN_FILES = {_LOCK, *(f"{name}{end}" for name in (FILE, PICTURES) for end in ("", "-wal", "-shm", "-journal"))}


class Library:
    """An open library. A context manager, for one thread; other threads and processes open their own.

    Every failure is a `LibraryError`, and a failed transaction changes nothing. `last_change` is the number of the last
    decision. `audit` is the gallery's audit log, which gets an entry before each decision is stored. Set it wherever
    the library can change.

    Example:
        >>> with Library.create(Path("library")) as library, library.writing() as connection:
        ...     connection.execute("DELETE FROM thumbnail")
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.connection = connection
        self.audit: AuditLog | None = None
        self.last_change: int | None = None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open an existing library."""
        if not (folder / FILE).is_file():
            raise LibraryError(f"{folder} is not a library. Make one with: whopic library index ARCHIVE... {folder}")
        return cls.create(folder)

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Open a library, or make one in a new or empty folder."""
        with _translate_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = folder / FILE
            others = () if file.exists() else (path for path in folder.iterdir() if path.name not in _OWN_FILES)
            if other := next(iter(others), None):
                raise LibraryError(
                    f"{folder} is not a library: it has other files, such as {other.name}. Name the photos first and a "
                    "new folder for the library last."
                )
            create_private(file)
            make_private(folder / name for name in _OWN_FILES)
            connection = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                _prepare(connection, folder)
            except BaseException:
                connection.close()
                raise
        return cls(folder, connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the library's file."""
        self.connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries, and translate their errors."""
        with _translate_errors(self.folder):
            yield self.connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction that writes, which an exception rolls back."""
        with _translate_errors(self.folder):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled it back.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Exclude other runs that index, name or group, or raise `LibraryLocked`."""
        with ExitStack() as stack:
            with _translate_errors(self.folder):
                file = stack.enter_context((self.folder / _LOCK).open("w"))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise LibraryLocked(f"Another run is writing to {self.folder}. Wait until it ends.") from error
            yield

    def record_audit(self, action: str, person: str | None = None, details: Mapping[str, object] | None = None) -> None:
        """Add the entry `library_ACTION` to the audit log, about a person with a name or about none.

        Call it last in the transaction of the change. If the entry cannot be written, the transaction is rolled back,
        so that no change lacks an entry. If the commit fails afterwards, an entry has no change.

        Raises:
            GalleryError: the gallery's database cannot be written.
        """
        if self.audit is not None:
            self.audit.record(f"library_{action}", person, details)

    def read_property(self, key: str) -> Any:
        """Return a stored JSON value, or None."""
        with self.reading() as connection:
            found = connection.execute("SELECT value FROM property WHERE key = ?", (key,)).fetchone()
        return json.loads(found[0]) if found else None

    def write_property(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        with self.writing() as connection:
            connection.execute("REPLACE INTO property VALUES (?, ?)", (key, json.dumps(value)))

    def check_origin_network(self, network_id: str) -> None:
        """Raise an error unless the embeddings are of a network."""
        origin = self.read_property("origin")
        if origin and origin["network"] != network_id:
            raise LibraryError(
                f"The faces in {self.folder} were made with another network. Set FACES_MODEL to it, or index the "
                "photos again in another folder."
            )

    def check_origin(self, origin: dict[str, Any]) -> bool:
        """Record what determines the faces apart from the photos, and return whether the detection has changed.

        Raises:
            LibraryError: the network has changed. Embeddings of two networks cannot be compared.
        """
        self.check_origin_network(origin["network"])
        known = self.read_property("origin")
        if known != origin:
            self.write_property("origin", origin)
        return known is not None and known != origin


def read_time(columns: Sequence[float | None]) -> TimeSpan | None:
    """Return when a video shows a face, from the columns starts, ends and best: None for a face of a photo."""
    start, end, best = columns
    return None if start is None or end is None or best is None else TimeSpan(start, end, best)


def _prepare(connection: sqlite3.Connection, folder: Path) -> None:
    version = _version(connection, folder)
    connection.execute("PRAGMA journal_mode = WAL")
    # Overwrite deleted data instead of only marking it as free.
    connection.execute("PRAGMA secure_delete = ON")
    if version != len(MIGRATIONS):
        _migrate(connection, folder)
    # Afterwards: dropping a table that was copied would delete what belongs to its rows.
    connection.execute("PRAGMA foreign_keys = ON")


def _migrate(connection: sqlite3.Connection, folder: Path) -> None:
    connection.execute("BEGIN EXCLUSIVE")
    # Another process may have migrated it meanwhile.
    version = _version(connection, folder)
    if version > len(MIGRATIONS):
        raise LibraryError(f"A later version of this program made the library {folder}. Use that version.")
    if version == 0:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for script in MIGRATIONS[version:]:
        for statement in filter(str.strip, script.split(";\n")):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, folder: Path) -> int:
    """Return the number of applied migrations: 0 for a new file."""
    application, changes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "schema_version")
    )
    if application != APPLICATION_ID and (application or changes):
        raise LibraryError(f"{folder / FILE} belongs to another program. Choose another folder for the library.")
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _translate_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        # Errors of this program are also kinds of DatabaseError.
        raise
    except sqlite3.OperationalError as error:
        reason = "the disk is full" if getattr(error, "sqlite_errorname", None) == _FULL else first_line(error)
        raise LibraryError(f"{folder}: Cannot read or write ({reason}).") from error
    except sqlite3.DatabaseError as error:
        raise LibraryError(
            f"{folder / FILE} is damaged ({first_line(error)}). Restore a backup, or delete the folder and index again."
        ) from error
    except OSError as error:
        raise LibraryError(f"{folder}: Cannot read or write ({first_line(error)}).") from error
