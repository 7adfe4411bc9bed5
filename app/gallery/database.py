"""Database connection, transactions and migrations, for SQLite and PostgreSQL."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from app.errors import GalleryError, GalleryMoved, MigrationRequired
from app.files import create_private, make_private

MIGRATIONS = Path(__file__).with_name("migrations")

_BUSY_SECONDS = 30
_CONNECT_SECONDS = 5
_ERASING_SECONDS = 1.0  # Requests read for milliseconds, backups for minutes.
_BATCH = 500
_POSTGRESQL_LOCK = 0x66616365  # advisory lock that serializes writers on PostgreSQL, as BEGIN IMMEDIATE does on SQLite

log = logging.getLogger(__name__)

T = TypeVar("T")


class Database:
    """A database that threads and processes can share; `location` is the file, or the URL without its password.

    `holds_erased` is whether purged data remains in SQLite's write-ahead log because another connection reads it.
    All methods raise `GalleryError` if the database cannot be used.
    """

    def __init__(self, engine: Engine, location: str) -> None:
        self.location = location
        self.holds_erased = False
        self._engine = engine
        self._file: tuple[int, int] | None = None
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._readers = engine if self._is_sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        self._writers = engine.execution_options(begin="BEGIN IMMEDIATE") if self._is_sqlite else engine

    @classmethod
    def connect(cls, database_url: str) -> Database:
        """Prepare a database. Connections open on first use; the folder of an SQLite file is created."""
        url = _parse(database_url)
        if url.get_backend_name() == "sqlite":
            location = str(url.database)
            try:
                Path(location).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise GalleryError(
                    f"The folder {Path(location).parent} for the gallery cannot be created ({error.strerror}). Make it "
                    "writable, or set FACES_DATABASE_URL to another location."
                ) from error
            _protect(Path(location))
            engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
            database = cls(engine, location)
            event.listen(engine, "do_connect", database._before_connecting)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "connect", database._remember_file)
            event.listen(engine, "begin", _begin_sqlite)
            return database
        location = url.render_as_string(hide_password=True)
        try:
            engine = create_engine(url, connect_args={"connect_timeout": _CONNECT_SECONDS}, pool_pre_ping=True)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise GalleryError(
                f"The gallery at {location} needs a database driver that is not installed ({error}). Install it "
                "(for PostgreSQL: pip install psycopg[binary]), or set FACES_DATABASE_URL to sqlite:///FILE."
            ) from error
        return cls(engine, location)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of an SQLite database, of which the last two may not exist; none for another database."""
        return tuple(Path(f"{self.location}{end}") for end in ("", "-wal", "-shm")) if self._is_sqlite else ()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin a transaction that reads a consistent state."""
        with self._translate_errors("read"), self._readers.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, purge: bool = False, wait_seconds: float | None = None) -> Iterator[Connection]:
        """Begin an exclusive write transaction, which an exception rolls back.

        With `purge`, deleted data is removed from SQLite's write-ahead log after the transaction, see `empty_log`.
        `wait_seconds` is how long to wait for other writers, by default 30 s on SQLite and without end on PostgreSQL.
        """
        writers = self._writers if wait_seconds is None else self._writers.execution_options(wait_seconds=wait_seconds)
        with self._translate_errors("written"), writers.begin() as connection:
            if not self._is_sqlite:
                if wait_seconds is not None:
                    connection.execute(text(f"SET LOCAL lock_timeout = {round(wait_seconds * 1000)}"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
            yield connection
            self.check_file()
        if purge and self._is_sqlite:
            self.holds_erased = True
            try:
                self.empty_log(_ERASING_SECONDS)
            except GalleryError as error:
                # The transaction is complete.
                log.warning("gallery_log_not_emptied: %s", error)

    def empty_log(self, wait_seconds: float = 0.0) -> bool:
        """Move SQLite's write-ahead log, which can hold purged data, into the database file, and empty it.

        Args:
            wait_seconds: How long to wait for connections that read an earlier state. Other writers wait too.

        Returns:
            Whether the log is empty. It is not while another connection reads an earlier state, such as a backup.
        """
        if self._is_sqlite and self._log_size():
            with self._translate_errors("written"), closing(self._engine.raw_connection()) as driver:
                cursor = driver.cursor()
                cursor.execute(f"PRAGMA busy_timeout = {round(wait_seconds * 1000)}")
                try:
                    busy, *_frames = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
            if busy:
                return False
        self.holds_erased = False
        return True

    def check_file(self) -> None:
        """Raise `GalleryMoved` if the SQLite file in use is no longer at its location: changes would be lost."""
        if self._file is not None and self._file != self._identify_file():
            raise GalleryMoved

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _translate_errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise GalleryError(
                f"The gallery at {self.location} could not be {action} ({cause}). Check that it exists, that it is a "
                "gallery and that this program may write to it, or set FACES_DATABASE_URL to another location."
            ) from error

    def _before_connecting(self, *_arguments: object) -> None:
        # SQLite would create a new, empty file.
        self.check_file()

    def _remember_file(self, *_arguments: object) -> None:
        self._file = self._file or self._identify_file()

    def _identify_file(self) -> tuple[int, int] | None:
        try:
            found = Path(self.location).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _log_size(self) -> int:
        try:
            return Path(f"{self.location}-wal").stat().st_size
        except OSError:
            return 0


def sqlite_file(database_url: str) -> Path | None:
    """Return the file of an SQLite database, or None for other databases."""
    url = _parse(database_url)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def migrate(connection: Connection, location: str) -> bool:
    """Migrate the tables to the current version, and return whether anything changed."""
    # Importing Alembic takes 0.2 seconds.
    if is_current(connection):
        return False
    import alembic.command
    import alembic.config
    import alembic.util

    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        alembic.command.upgrade(config, "head")
    except alembic.util.CommandError as error:
        raise GalleryError(
            f"Another version of this program made the gallery at {location} ({error}). Use that version, or set "
            "FACES_DATABASE_URL to another location."
        ) from error
    return True


def migrate_gallery(database_url: str) -> bool:
    """Migrate a gallery's tables to the current version, and return whether anything changed."""
    with closing(Database.connect(database_url)) as database, database.writing() as connection:
        return migrate(connection, database.location)


def prepare(connection: Connection, location: str) -> None:
    """Migrate SQLite tables. Check other databases only, because several machines can share them."""
    if connection.dialect.name == "sqlite":
        migrate(connection, location)
    elif not is_current(connection):
        raise MigrationRequired(
            f"The tables of the gallery at {location} are missing or of another version. Stop the servers that use "
            "it, then run: whopic people migrate"
        )


def is_current(connection: Connection) -> bool:
    """Return whether the tables have the version of this program."""
    return current_version(connection) == _latest_version()


def batches(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split IDs or keys into parts that one statement can hold."""
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def current_version(connection: Connection) -> str | None:
    """Return the version of the tables, such as `0008`, or None without tables of a gallery."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _latest_version() -> str:
    # Files are named v<version>_<title>.py.
    return max(file.stem.split("_")[0].removeprefix("v") for file in (MIGRATIONS / "versions").glob("v*.py"))


def _parse(database_url: str) -> URL:
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise GalleryError(
            "FACES_DATABASE_URL is not a database URL. Write it as sqlite:///FILE or "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME."
        ) from error
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise GalleryError("FACES_DATABASE_URL names no file. Write it as sqlite:///FILE.")
    return url


def _protect(file: Path) -> None:
    """Make a gallery, and SQLite's files beside it, private. SQLite creates these with the mode of the gallery."""
    create_private(file)
    make_private(file.with_name(f"{file.name}{suffix}") for suffix in ("", "-wal", "-shm"))


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Otherwise the driver begins transactions itself, before some statements only; see `_begin_sqlite`.
    connection.isolation_level = None
    _enable_write_ahead_log(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    # Overwrite deleted data instead of only marking it as free.
    connection.execute("PRAGMA secure_delete = ON")


def _enable_write_ahead_log(connection: sqlite3.Connection) -> None:
    # SQLite does not apply its timeout to the lock that this pragma needs on a new file.
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    # A transaction that starts with reading cannot write if another process wrote meanwhile: begin as a writer.
    begin, wait_seconds = options.get("begin", "BEGIN"), options.get("wait_seconds")
    if wait_seconds is None:
        connection.exec_driver_sql(begin)
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(wait_seconds * 1000)}")
    try:
        connection.exec_driver_sql(begin)
    finally:
        # Other transactions use the connection later.
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
