"""Upgrade of databases that earlier versions of the program wrote, stored as SQL, on SQLite and PostgreSQL.

`old_databases/NUMBER.sql` is a gallery with that version of the tables, made by the code of its time: Ann Lee and Zoë
enrolled, Bob enrolled and removed, Ann Lee renamed, and from version 2 on Zoë merged into her. After a release, add the
output of `sqlite3 gallery.sqlite .dump` for its version.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import alembic.command
import alembic.config
import numpy as np
import pytest
from sqlalchemy import Connection, MetaData, create_engine

from app.gallery.database import MIGRATIONS, Database, migrate_gallery
from app.gallery.restoration import open_backup
from app.gallery.store import Gallery
from app.gallery.table_copy import copy_rows
from tests.conftest import DIMS

OLD = sorted(Path(__file__).with_name("old_databases").glob("*.sql"))
NETWORK = "0123456789ab/eyes"
RECOVERY_DAYS = 36_500  # The stored changes get older and must not expire.
FACES = np.eye(DIMS, dtype=np.float32)


@pytest.fixture(params=OLD, ids=lambda path: path.stem)
def version(request) -> int:
    return int(request.param.stem)


@pytest.fixture
def old_file(version, tmp_path) -> Path:
    """An SQLite gallery as the earlier version left it."""
    file = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(OLD[version - 1].read_text(encoding="utf-8"))
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request, version, old_file) -> str:
    """A gallery with the tables and rows of the earlier version."""
    if request.param == "sqlite":
        return f"sqlite:///{old_file}"
    server = request.getfixturevalue("postgresql")
    url = server.url(server.create())
    with closing(Database.connect(url)) as database, database.writing() as connection:
        make_tables(connection, version)
        engine = create_engine(f"sqlite:///{old_file}")
        with engine.connect() as rows:
            tables = MetaData()
            tables.reflect(rows)
            copied = [
                table for table in tables.sorted_tables if table.name not in ("alembic_version", "sqlite_sequence")
            ]
            copy_rows(rows, connection, copied)
        engine.dispose()
    return url


def make_tables(connection: Connection, version: int) -> None:
    """Migrate an empty database to an earlier version."""
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, f"{version:04}")


def faces(gallery: Gallery, name: str) -> dict[str, int]:
    """The anchors of a person: file name, and the axis of the embedding."""
    return {anchor.note: int(anchor.embedding.argmax()) for anchor in gallery.anchors(name)}


def check_people(gallery: Gallery, version: int) -> None:
    """Check everything that the earlier version had stored, and that its changes can be undone."""
    ann, zoe = {"trip/1.jpg": 0, "2.jpg": 1}, {"4.jpg": 3, "é.jpg": 4}
    if version == 1:
        assert [(person.id, person.name) for person in gallery.people()] == [(1, "Anna Lee"), (2, "Zoë")]
        assert (faces(gallery, "Anna Lee"), faces(gallery, "Zoë")) == ({**ann, "3.jpg": 2}, zoe)
        assert [gallery.portrait(key) for key in (1, 2)] == [b"portrait of Ann", b"portrait of Zoe"]
        # Descriptions of this version had the names of people, who could not be erased from them.
        texts = [change.change for change in gallery.history()]
        assert texts == [f"{action} by an earlier version" for action in ["renamed", "removed"] + ["added"] * 3]
        assert gallery.add("Mia", FACES[7:], ["9.jpg"]).id == 4  # Bob was 3.
        return
    zoe |= {"7.jpg": 6}
    assert [person.name for person in gallery.people()] == ["Anna Lee"]
    assert faces(gallery, "Anna Lee") == ann | zoe
    assert {person.name for person in gallery.removed_people()} == {"Bob", "Zoë"}
    assert [face.note for face in gallery.rejected_faces("Anna Lee")] == ["8.jpg"]
    assert [gallery.crop(anchor.id) for anchor in gallery.anchors("Anna Lee")] == [b"crop"] * 2 + [None] * 3
    assert gallery.snapshot().names == ("Anna Lee",)
    assert gallery.snapshot().shifts == (((0.01, 0.02),) if version >= 5 else ())
    if version >= 4:
        person, photos = gallery.imported_photos("a" * 64)
        assert (person.name, photos) == ("Anna Lee", {"b" * 64, "c" * 64})
    assert gallery.history(1)[0].change == "merged Zoë into Anna Lee"
    gallery.undo()
    assert (faces(gallery, "Anna Lee"), faces(gallery, "Zoë")) == (ann, zoe)
    assert gallery.find("Zoë").aliases == (("Zo",) if version >= 8 else ())
    assert [face.note for face in gallery.rejected_faces("Zoë")] == ["8.jpg"]
    gallery.undo()
    assert [person.name for person in gallery.people()] == ["Ann Lee", "Zoë"]
    for _ in range(4 if version >= 8 else 3):
        gallery.undo()
    assert faces(gallery, "Ann Lee") == {**ann, "3.jpg": 2}
    assert faces(gallery, "Bob") == {"6.jpg": 5}
    assert gallery.rejected_faces() == []
    assert gallery.portrait(2) == b"new portrait of Zoe"
    gallery.undo()
    assert "7.jpg" not in faces(gallery, "Zoë")
    # Version 2 did not keep the portrait that a change replaced.
    assert gallery.portrait(2) == (b"new portrait of Zoe" if version == 2 else b"portrait of Zoe")


def test_a_gallery_of_an_earlier_version_is_upgraded(old_url, version):
    migrate_gallery(old_url)
    gallery = Gallery.open(old_url, NETWORK, None, RECOVERY_DAYS)
    check_people(gallery, version)
    assert gallery.audit.verify().problems == ()
    gallery.close()


def test_a_backup_of_an_earlier_version_is_restored(old_file, version, tmp_path):
    before = old_file.read_bytes()
    url = f"sqlite:///{tmp_path / 'gallery.sqlite'}"
    with open_backup(old_file) as backup:
        backup.restore(url)
    gallery = Gallery.open(url, NETWORK, None, RECOVERY_DAYS)
    if version > 1:
        assert gallery.undo() == "merged Zoë into Anna Lee"
    assert faces(gallery, "Zoë").keys() >= {"4.jpg", "é.jpg"}
    gallery.close()
    assert old_file.read_bytes() == before
