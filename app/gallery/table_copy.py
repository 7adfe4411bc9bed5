"""Copy of all rows of a gallery from one database to another, in any combination of SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime

from sqlalchemy import Connection, Table, create_engine, event, func, insert, select, text
from sqlalchemy.pool import StaticPool

from app.gallery.tables import PersonRow, in_utc

_PART = 500
_PERSON = PersonRow.__tablename__


@contextmanager
def scratch_database() -> Iterator[tuple[sqlite3.Connection, Connection]]:
    """Open a temporary SQLite database, as the driver's and as SQLAlchemy's connection, the latter in a transaction.

    SQLite deletes its file right after opening it, so nothing remains on the disk if the program is killed.
    """
    with closing(sqlite3.connect("", isolation_level=None)) as driver:
        driver.execute("PRAGMA foreign_keys = ON")
        engine = create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        with engine.connect() as connection:
            yield driver, connection


def copy_rows(source: Connection, target: Connection, tables: Sequence[Table]) -> None:
    """Add the rows of tables to the same tables of another database, with their IDs, in the order of the tables."""
    for table in tables:
        keys = [column.key for column in table.columns]
        rows = source.execute(select(table).execution_options(yield_per=_PART))
        for part in rows.partitions(_PART):
            target.execute(insert(table), [dict(zip(keys, map(_normal, row), strict=True)) for row in part])
        if table.autoincrement_column is not None:
            reserve_ids(target, table.name, target.scalar(select(func.max(table.autoincrement_column))) or 0)
    # An address of a purged person must not show another one.
    reserve_ids(target, _PERSON, last_person_id(source))


def last_person_id(connection: Connection) -> int:
    """Return the largest ID that a person ever had, also a purged one."""
    if connection.dialect.name == "sqlite":
        last = connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'person'"))
    else:
        last = connection.scalar(text("SELECT pg_sequence_last_value('person_id_seq')"))
    return last or 0


def reserve_ids(connection: Connection, table: str, last: int) -> None:
    """Give no new row an ID up to `last`. On SQLite, only people need it: other tables may use IDs again."""
    if connection.dialect.name != "sqlite":
        sequence = "pg_get_serial_sequence(:name, 'id')"
        advance = f"SELECT setval({sequence}, greatest(:last, pg_sequence_last_value(CAST({sequence} AS regclass)), 1))"
        connection.execute(text(advance), {"name": table, "last": last})
    elif table == _PERSON and last > last_person_id(connection):
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = 'person'"))
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('person', :last)"), {"last": last})


def _normal(value: object) -> object:
    return in_utc(value) if isinstance(value, datetime) else value
