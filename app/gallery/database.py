"""The database behind the gallery: opening it, its transactions, its migrations. SQLite or PostgreSQL by URL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from app.errors import GalleryError, MigrationRequired

MIGRATIONS = Path(__file__).with_name("migrations")
"""Alembic's folder."""

_BUSY_SECONDS = 30
_CONNECT_SECONDS = 5
_POSTGRESQL_LOCK = 0x66616365
"""The advisory lock that makes writers queue on PostgreSQL, as BEGIN IMMEDIATE does on SQLite."""


class Database:
    """One database; safe to use from several threads, and beside other processes.

    `place` is what to call it in sentences: the file, or the URL without its password.
    """

    def __init__(self, engine: Engine, place: str) -> None:
        self.place = place
        self._engine = engine
        sqlite = engine.dialect.name == "sqlite"
        self._readers = engine if sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        self._writers = engine.execution_options(begin="BEGIN IMMEDIATE") if sqlite else engine

    @classmethod
    def at(cls, database_url: str) -> Database:
        """Prepare a database; nothing connects yet, but SQLite's folder is made.

        Raises:
            GalleryError: the URL, its driver or its folder cannot be used.
        """
        url = _parse(database_url)
        sqlite = url.get_backend_name() == "sqlite"
        place = url.database if sqlite else url.render_as_string(hide_password=True)
        if sqlite:
            _make_folder(url)
        try:
            # A pooled connection may have died with its server: it is tried before use, so that the next request works.
            connect_args = {"timeout": _BUSY_SECONDS} if sqlite else {"connect_timeout": _CONNECT_SECONDS}
            engine = create_engine(url, connect_args=connect_args, pool_pre_ping=not sqlite)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise GalleryError(
                f"The gallery at {place} needs a database driver that is not installed ({error}). Install it "
                "(for PostgreSQL: pip install psycopg[binary]), or set FACES_DATABASE_URL to sqlite:///FILE."
            ) from error
        if sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return cls(engine, place)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the database at one moment."""
        with self._sentences("read"), self._readers.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer overlaps; committed at the end, undone by any exception."""
        with self._sentences("written"), self._writers.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
            yield connection

    def flush(self) -> None:
        """Let nothing deleted remain in SQLite's log of changes; other databases clear theirs by themselves."""
        if self._engine.dialect.name == "sqlite":
            with self._sentences("written"), self._engine.connect() as connection:
                connection.rollback()
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of all connections; the next use opens new ones."""
        self._engine.dispose()

    @contextmanager
    def _sentences(self, done: str) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise GalleryError(
                f"The gallery at {self.place} could not be {done} ({cause}). Check that it is there, that this program "
                "may write to it, and that it is a gallery; or set FACES_DATABASE_URL to another place."
            ) from error


def migrate(connection: Connection, place: str) -> bool:
    """Bring the tables to this version, within the connection's transaction; whether there was anything to do.

    Raises:
        GalleryError: the tables were made by a version of the program that this one does not know.
    """
    # Alembic takes a fifth of a second to import: only where it has something to do.
    if _version(connection) == _newest_version():
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
            f"The gallery at {place} was made by another version of this program ({error}). Use that version, "
            "or set FACES_DATABASE_URL to another place."
        ) from error
    return True


def prepare(connection: Connection, place: str) -> None:
    """Bring SQLite's tables to this version; refuse others that are not, since several machines may use them.

    Raises:
        GalleryError: the tables are of another version, or cannot be brought to this one.
    """
    if connection.dialect.name == "sqlite":
        migrate(connection, place)
    else:
        refuse_old(connection, place)


def refuse_old(connection: Connection, place: str) -> None:
    """Refuse tables of another version: where several machines share them, only a command may change them.

    Raises:
        MigrationRequired: they are of another version, or there are none.
    """
    if _version(connection) != _newest_version():
        raise MigrationRequired(
            f"The gallery at {place} has no tables of this version of the program. Stop the servers that use it, "
            "then run: python main.py people migrate."
        )


def _version(connection: Connection) -> str | None:
    """The version of the tables as Alembic recorded it, or None for a new database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def _newest_version() -> str:
    """The newest version in `MIGRATIONS`, whose files are named v<version>_<what>.py."""
    return max(file.stem.split("_")[0].removeprefix("v") for file in (MIGRATIONS / "versions").glob("v*.py"))


def _parse(database_url: str) -> URL:
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise GalleryError(
            "FACES_DATABASE_URL is no database URL. Write it as sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME."
        ) from error
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise GalleryError("FACES_DATABASE_URL names no file to keep the gallery in. Write it as sqlite:///FILE.")
    return url


def _make_folder(url: URL) -> None:
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalleryError(
            f"The folder {folder} for the gallery cannot be made ({error.strerror}). Make it writable, "
            "or set FACES_DATABASE_URL to another place."
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, _record) -> None:
    # The driver would begin transactions by itself, and only before some statements; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    _log_ahead(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    # What is erased is overwritten, not only marked as free.
    connection.execute("PRAGMA secure_delete = ON")


def _log_ahead(connection: sqlite3.Connection) -> None:
    # SQLite waits its timeout for every lock but the one that turns a fresh file's journal into a log.
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
    # A reader that turns writer fails at once when another wrote between: writers say so at the beginning.
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
