"""Restoring a backup into a gallery that servers use, on SQLite and PostgreSQL and from one to the other."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from sqlalchemy import select

from app.errors import GalleryError
from app.gallery import expiry, restoration
from app.gallery.backup import back_up
from app.gallery.database import Database
from app.gallery.restoration import open_backup, read_contents
from app.gallery.store import Gallery
from app.gallery.tables import Base, now
from app.settings import ROOT, Settings
from app.web.factory import create_app
from tests import postgres
from tests.conftest import NETWORK
from tests.photos import webp


def restore(path: Path, database_url: str) -> None:
    with open_backup(path) as backup:
        backup.restore(database_url)


def content(database_url: str) -> dict[str, list[tuple]]:
    """Every row of the tables that a backup brings back, apart from the latest change and the clock."""
    with closing(Database.connect(database_url)) as database, database.reading() as connection:
        tables = {
            table.name: sorted(map(repr, connection.execute(select(table)))) for table in Base.metadata.tables.values()
        }
    tables["revision"] = [row for row in tables["revision"] if "restored a backup" not in row]
    return {
        name: rows
        for name, rows in tables.items()
        if name not in ("network", "audit", "audit_subject", "erased", "opt_out")
    }


@pytest.fixture
def full_gallery(database_url, unit_vectors):
    """A gallery with a row in every table, of which the last change can be undone."""
    gallery = Gallery.open(database_url, NETWORK, None)
    gallery.add("Ann Lee", unit_vectors(3), ["1", "2", "3"], webp(), [webp()] * 3)
    gallery.add("Zoë", unit_vectors(2), ["é", "5"], webp())
    gallery.add("Zoë", unit_vectors(1), ["6"], webp())
    gallery.change_aliases("Zoë", ["Zo"])
    gallery.reject_faces("Zoë", unit_vectors(1), ["7"])
    gallery.shift_thresholds([(0.01, 0.02)])
    gallery.add("Bob", unit_vectors(1), ["8"])
    gallery.remove("Bob")
    gallery.merge("Ann Lee", "Zoë")
    yield gallery
    gallery.close()


def test_a_server_in_use_has_the_restored_gallery_at_its_next_request(
    full_gallery, database_url, tmp_path, unit_vectors
):
    before, people = content(database_url), full_gallery.people()
    client = create_app(Settings(), Mock(gallery=full_gallery)).test_client()
    back_up(database_url, tmp_path / "backup.sqlite")
    full_gallery.undo()
    eve = full_gallery.add("Eve", unit_vectors(1), ["9"])
    full_gallery.remove("Zoë")
    assert [person["person"] for person in client.get("/api/v1/people").json["people"]] == ["Ann Lee", "Eve"]
    restore(tmp_path / "backup.sqlite", database_url)
    assert [person["person"] for person in client.get("/api/v1/people").json["people"]] == ["Zoë"]
    full_gallery.check_file()
    assert content(database_url) == before
    assert full_gallery.people() == people
    assert full_gallery.snapshot().names == ("Zoë",)
    assert full_gallery.snapshot().shifts == ((0.01, 0.02),)
    restored = full_gallery.history(1)[0]
    assert restored.change.startswith("restored a backup with 1 person and 6 anchors, changed 20")
    assert not restored.reversible
    # The audit log keeps what happened since the backup.
    assert [entry.action for entry in full_gallery.audit.entries(4)] == ["restored", "removed", "added", "undid"]
    assert full_gallery.audit.verify().problems == ()
    # IDs continue after those of both galleries, and earlier changes can be undone.
    assert full_gallery.undo() == "merged Ann Lee into Zoë"
    assert full_gallery.add("Mia", unit_vectors(1), ["10"]).id == eve.id + 1
    assert full_gallery.snapshot().names == ("Ann Lee", "Mia", "Zoë")


def test_a_lost_gallery_is_restored_with_the_ids_of_purged_people(full_gallery, database_url, tmp_path, unit_vectors):
    purged = full_gallery.add("Eve", unit_vectors(1), ["9"])
    full_gallery.rights.erase(["Eve"])
    back_up(database_url, tmp_path / "backup.sqlite")
    elsewhere = f"sqlite:///{tmp_path / 'new' / 'gallery.sqlite'}"
    assert read_contents(elsewhere) is None
    restore(tmp_path / "backup.sqlite", elsewhere)
    gallery = Gallery.open(elsewhere, NETWORK, None)
    assert gallery.people() == full_gallery.people()
    assert gallery.add("Mia", unit_vectors(1), ["10"]).id == purged.id + 1
    gallery.close()


def test_a_gallery_moves_to_postgresql_and_back(full_gallery, database_url, postgresql_url, tmp_path):
    before = full_gallery.history()
    snapshot = full_gallery.snapshot()
    back_up(database_url, tmp_path / "there.sqlite")
    restore(tmp_path / "there.sqlite", postgresql_url)
    gallery = Gallery.open(postgresql_url, NETWORK, None)
    assert np.array_equal(gallery.snapshot().anchors, snapshot.anchors)
    # Times keep their moment in the zone of the session.
    assert [change.created.timestamp() for change in gallery.history()[1:]] == [
        change.created.timestamp() if change.created.tzinfo else change.created.replace(tzinfo=now().tzinfo).timestamp()
        for change in before
    ]
    assert gallery.undo() == "merged Ann Lee into Zoë"
    back_up(postgresql_url, tmp_path / "back.sqlite")
    restore(tmp_path / "back.sqlite", database_url)
    assert full_gallery.people() == gallery.people()
    gallery.close()


def test_the_clock_of_the_gallery_does_not_go_back(full_gallery, database_url, tmp_path):
    database = Database.connect(database_url)
    back_up(database_url, tmp_path / "backup.sqlite")
    clock = expiry.GalleryClock(now() + timedelta(days=300))
    with database.writing() as connection:
        expiry.write(connection, clock)
    restore(tmp_path / "backup.sqlite", database_url)
    with database.reading() as connection:
        assert expiry.read(connection) == clock
    database.close()


def test_a_backup_of_another_network_needs_a_new_gallery(full_gallery, database_url, tmp_path):
    back_up(database_url, tmp_path / "backup.sqlite")
    run_sql(tmp_path / "backup.sqlite", "UPDATE network SET id = 'another/five-points'")
    before = content(database_url)
    with pytest.raises(GalleryError, match=r"another network \(another/five-points\).*people rebuild"):
        restore(tmp_path / "backup.sqlite", database_url)
    assert content(database_url) == before
    restore(tmp_path / "backup.sqlite", f"sqlite:///{tmp_path / 'new.sqlite'}")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: path.unlink(), r"cannot be read as a backup \(No such file or directory\)"),
        (lambda path: path.write_bytes(b"no gallery" * 1000), r"cannot be read as a backup \(file is not a database\)"),
        (lambda path: path.write_bytes(path.read_bytes()[:20_000]), r"is damaged|cannot be read as a backup"),
        (lambda path: run_sql(path, "DROP TABLE alembic_version"), "is not a backup of a gallery"),
        (lambda path: run_sql(path, "UPDATE alembic_version SET version_num = '9999'"), "Another version"),
        (lambda path: run_sql(path, "UPDATE anchor SET person_id = 4711"), "is damaged"),
    ],
    ids=["missing", "other file", "cut", "other database", "later version", "broken reference"],
)
def test_unusable_backups_are_refused_and_change_nothing(sqlite_url, unit_vectors, tmp_path, damage, sentence):
    gallery = Gallery.open(sqlite_url, NETWORK, None)
    gallery.add("Ann", unit_vectors(2), ["1", "2"])
    back_up(sqlite_url, tmp_path / "backup.sqlite")
    before = content(sqlite_url)
    damage(tmp_path / "backup.sqlite")
    with pytest.raises(GalleryError, match=sentence):
        restore(tmp_path / "backup.sqlite", sqlite_url)
    assert content(sqlite_url) == before
    gallery.close()


def run_sql(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(statement)


def test_a_killed_restore_leaves_the_gallery_and_no_file(sqlite_url, unit_vectors, tmp_path):
    gallery = Gallery.open(sqlite_url, NETWORK, None)
    for number in range(10):
        gallery.add(f"Person {number}", unit_vectors(50), ["note"] * 50, os.urandom(50_000))
    back_up(sqlite_url, tmp_path / "backup.sqlite")
    gallery.remove("Person 7")
    people, files = gallery.people(), sorted(path.name for path in tmp_path.rglob("*"))
    code = (
        "import sys; from pathlib import Path; from app.gallery import restoration, table_copy\n"
        "copy = restoration.copy_rows\n"
        "def slow(*arguments):\n    copy(*arguments); print('copied', flush=True); sys.stdin.read()\n"
        "restoration.copy_rows = slow\n"
        "with restoration.open_backup(Path(sys.argv[1])) as backup: backup.restore(sys.argv[2])"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "backup.sqlite"), sqlite_url]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True, env=environment)
    with process.stdin, process.stdout:
        assert process.stdout.readline() == "copied\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert gallery.people() == people
    assert sorted(path.name for path in tmp_path.rglob("*")) == files
    restore(tmp_path / "backup.sqlite", sqlite_url)
    assert len(gallery.people()) == 10
    gallery.close()


def test_pg_dump_and_pg_restore_of_the_documents(postgresql, postgresql_url, unit_vectors, tmp_path):
    gallery = Gallery.open(postgresql_url, NETWORK, None)
    gallery.add("Ann", unit_vectors(2), ["1", "2"], webp())
    before = gallery.snapshot()
    page = (ROOT / "docs" / "how-to" / "backup.md").read_text(encoding="utf-8")
    commands = [line.strip() for line in page.splitlines() if line.startswith("    pg_")]
    assert [command.split()[0] for command in commands] == ["pg_dump", "pg_restore"]
    plain_url = postgresql_url.replace("+psycopg", "")
    run = [command.replace("postgresql://USER:PASSWORD@HOST/NAME", plain_url) for command in commands]
    environment = os.environ | {"PATH": f"{postgres.programs()}:{os.environ['PATH']}"}
    subprocess.run(run[0], shell=True, check=True, cwd=tmp_path, env=environment, timeout=60)
    gallery.add("Bob", unit_vectors(1), ["3"])
    gallery.add("Eve", unit_vectors(1), ["4"])
    assert gallery.snapshot().names == ("Ann", "Bob", "Eve")
    subprocess.run(run[1], shell=True, check=True, cwd=tmp_path, env=environment, timeout=60)
    # A server that was not stopped loads the earlier gallery too.
    assert gallery.snapshot().names == before.names
    assert np.array_equal(gallery.snapshot().anchors, before.anchors)
    gallery.close()


def test_every_table_is_replaced_or_kept():
    replaced = (
        "person alias anchor rejected crop portrait former_portrait imported revision changed cell threshold network"
    )
    assert set(Base.metadata.tables) == {*replaced.split(), "threshold", "network", *restoration._KEPT}, (
        "A new table: does a restore replace it, or does it have what must not go back, such as revoked keys? "
        "Add it here or to restoration._KEPT."
    )
