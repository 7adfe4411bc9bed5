"""State of a gallery's database for operators: system, version of the tables, size and last backup."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, select, text

from app.gallery.database import current_version
from app.gallery.tables import AuditRow

BACKED_UP = "backed_up"
"""Action of the audit log."""


@dataclass(frozen=True)
class DatabaseStatus:
    """`size` in bytes; `folder` is None for a database on another machine; `backed_up` is when `people backup` ran."""

    system: str
    tables: str
    size: int
    folder: Path | None
    backed_up: datetime | None


def read_status(connection: Connection) -> DatabaseStatus:
    """Read the state of the database."""
    tables, backed_up = str(current_version(connection)), read_last_backup(connection)
    if connection.dialect.name != "sqlite":
        version = connection.scalar(text("SHOW server_version"))
        size = connection.scalar(text("SELECT pg_database_size(current_database())"))
        return DatabaseStatus(f"PostgreSQL {version}", tables, int(size or 0), None, backed_up)
    version = connection.scalar(text("SELECT sqlite_version()"))
    pages, page_size = (connection.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "page_size"))
    file = connection.execute(text("PRAGMA database_list")).all()[0][2]
    return DatabaseStatus(
        f"SQLite {version}", tables, int(pages or 0) * int(page_size or 0), Path(file).parent, backed_up
    )


def read_last_backup(connection: Connection) -> datetime | None:
    """Return when `people backup` last ran, or None if the audit log has no entry of it."""
    made = connection.scalar(select(func.max(AuditRow.made)).where(AuditRow.action == BACKED_UP))
    return datetime.fromisoformat(made) if made else None
