"""Every test of the gallery runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from app.gallery.database import migrate_gallery
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


@pytest.fixture(params=BOTH)
def database_url(request) -> str:
    """Where a new gallery can be opened, on either database."""
    return request.getfixturevalue(f"{request.param}_url")
