"""Run every test of the gallery on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.gallery.database import Database, migrate_gallery
from tests import postgres

BOTH = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.PostgreSQL]:
    """A started PostgreSQL; tests that need one skip where none is installed, but not in CI."""
    if postgres.programs() is None:
        assert "CI" not in os.environ, "PostgreSQL is not installed: .ci/run does that."
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgresql) -> str:
    """The name of a PostgreSQL database with the gallery's tables."""
    name = postgresql.create()
    assert migrate_gallery(postgresql.url(name))
    return name


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    """Where a new gallery can be made as a file."""
    return f"sqlite:///{tmp_path / 'instance' / 'gallery.sqlite'}"


@pytest.fixture
def postgresql_url(postgresql, template) -> str:
    """A new database of PostgreSQL with empty tables."""
    return postgresql.url(postgresql.create(template))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory) -> Path:
    """An SQLite file with the gallery's tables: copying it is faster than migrating a new one."""
    path = tmp_path_factory.mktemp("template") / "gallery.sqlite"
    migrate_gallery(f"sqlite:///{path}")
    return path


@pytest.fixture(params=BOTH)
def new_database_url(request) -> str:
    """A database without a gallery; on SQLite without tables."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=BOTH)
def database_url(request) -> str:
    """A database with empty tables."""
    url = request.getfixturevalue(f"{request.param}_url")
    if request.param == "sqlite":
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir()
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return url


@pytest.fixture
def count(database_url):
    """Counts the rows of a table, past the gallery."""
    database = Database.connect(database_url)

    def rows(table) -> int:
        with database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(table))

    yield rows
    database.close()
