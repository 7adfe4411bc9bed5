import re
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier, Timer
from uuid import NAMESPACE_URL, uuid5

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text

from app.errors import GalleryError, GalleryMoved
from app.gallery import shipped
from app.gallery.database import Database, migrate, migrate_gallery
from app.gallery.store import Gallery
from app.gallery.tables import Base, PersonRow, RevisionRow, now
from app.settings import ROOT
from tests.conftest import NETWORK
from tests.photos import webp


@pytest.fixture
def folder(tmp_path, unit_vectors):
    """A small shipped gallery."""
    place = tmp_path / "anchors"
    shipped.write(place, NETWORK, [(f"Person {number}", unit_vectors(2), webp()) for number in range(20)])
    return place


@pytest.fixture
def database(database_url):
    database = Database.connect(database_url)
    yield database
    database.close()


def refusal(database_url: str) -> str:
    with pytest.raises(GalleryError) as caught:
        Gallery.open(database_url, NETWORK, None)
    return str(caught.value)


def test_migrations_make_the_tables_of_the_models(database):
    with database.writing() as connection:
        migrate(connection, database.location)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_sqlite_waits_writes_ahead_keeps_references_and_overwrites(sqlite_url):
    Gallery.open(sqlite_url, NETWORK, None).close()
    database = Database.connect(sqlite_url)
    wanted = ("journal_mode", "busy_timeout", "foreign_keys", "secure_delete")
    with database.reading() as connection:
        found = [connection.scalar(text(f"PRAGMA {name}")) for name in wanted]
        assert "AUTOINCREMENT" in connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'person'"))
    database.close()
    assert found == ["wal", 30_000, 1, 1]


def test_a_failed_change_leaves_nothing(empty_gallery, database):
    def half_a_change():
        with database.writing() as connection:
            connection.execute(text("INSERT INTO revision (change, created) VALUES ('half', '2030-01-01 00:00:00')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_a_change()
    with database.reading() as connection:
        assert connection.scalar(select(RevisionRow.change).where(RevisionRow.change == "half")) is None


def test_threads_that_open_at_once_fill_it_once(new_database_url, folder):
    together = Barrier(8)

    def opened(_) -> Gallery:
        together.wait()
        return Gallery.open(new_database_url, NETWORK, folder)

    with ThreadPoolExecutor(8) as pool:
        galleries = list(pool.map(opened, range(8)))
    for gallery in galleries:
        assert (len(gallery.people()), gallery.snapshot().revision) == (20, 1)
        gallery.close()


def test_concurrent_additions_see_each_others_anchors(empty_gallery, unit_vectors):
    embeddings, together = unit_vectors(3), Barrier(20)

    def add(_) -> None:
        together.wait()
        empty_gallery.add("Ann", embeddings, ["1", "2", "3"], find_new=lambda anchors: [])

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(add, range(20)))
    assert empty_gallery.find("Ann").anchors == 3
    assert len(empty_gallery.history()) == 1


def test_a_fresh_file_that_another_is_writing_is_waited_for(tmp_path):
    file = tmp_path / "gallery.sqlite"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE theirs (number INTEGER)")
    finish = Timer(0.3, other.execute, ["COMMIT"])
    finish.start()
    database = Database.connect(f"sqlite:///{file}")
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM theirs")).scalar() == 0
    database.close()
    finish.join()
    other.close()


def test_processes_that_open_at_once_fill_it_once(new_database_url, folder):
    code = (
        "import sys; from pathlib import Path; from app.gallery.store import Gallery;"
        "gallery = Gallery.open(sys.argv[1], sys.argv[2], Path(sys.argv[3]));"
        "print(len(gallery.people()), gallery.snapshot().anchors.shape, gallery.snapshot().revision)"
    )
    command = [sys.executable, "-W", "error", "-c", code, new_database_url, NETWORK, str(folder)]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [worker.communicate(timeout=60)[0].strip() for worker in workers] == ["20 (40, 8) 1"] * 2


@pytest.mark.parametrize("url", ["", "gallery.sqlite", "sqlite", "://"])
def test_what_is_no_url_is_refused(url):
    assert "FACES_DATABASE_URL is not a database URL. Write it as sqlite:///FILE" in refusal(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_gallery_in_memory_is_refused(url):
    assert "names no file" in refusal(url)


def test_a_missing_driver_is_named_without_the_password():
    sentence = refusal("oracle://ann:secret@host/faces")
    assert "oracle://ann:***@host/faces needs a database driver that is not installed" in sentence
    assert "needs a database driver" in refusal("nosuch://host/faces")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    sentence = refusal(f"sqlite:///{tmp_path}/file/gallery.sqlite")
    assert sentence.startswith(f"The folder {tmp_path}/file for the gallery cannot be created")


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("Dear diary, " * 100)
    sentence = refusal(f"sqlite:///{tmp_path}/notes.txt")
    assert f"The gallery at {tmp_path}/notes.txt could not be written (file is not a database)." in sentence
    assert (tmp_path / "notes.txt").read_text() == "Dear diary, " * 100


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    assert "unable to open database file" in refusal(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("replaced", [False, True])
def test_a_moved_file_takes_no_changes_until_it_is_back(sqlite_url, tmp_path, unit_vectors, replaced):
    gallery = Gallery.open(sqlite_url, NETWORK, None)
    gallery.add("Ann", unit_vectors(1), ["1"])
    before = gallery.snapshot()
    file = tmp_path / "instance" / "gallery.sqlite"
    moved = file.rename(tmp_path / "moved.sqlite")
    if replaced:
        shutil.copy(moved, file)
    changes = (gallery.undo, lambda: gallery.rights.erase(["Ann"]), lambda: gallery.add("Bo", unit_vectors(1), "1"))
    for change in (gallery.check_file, *changes):
        with pytest.raises(GalleryMoved, match=r"was deleted or replaced while the program runs. Nothing was saved"):
            change()
    assert gallery.snapshot() is before
    gallery._database.close()
    with pytest.raises(GalleryMoved):
        gallery.people()
    assert file.exists() == replaced
    moved.replace(file)
    gallery.check_file()
    assert gallery.add("Bo", unit_vectors(1), ["1"]).anchors == 1
    gallery.close()


def test_another_programs_database_is_left_alone(tmp_path, sqlite_url):
    path = tmp_path / "instance" / "gallery.sqlite"
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE person (nickname TEXT)")
    connection.close()
    assert "table person already exists" in refusal(sqlite_url)


def test_a_newer_versions_gallery_is_refused(empty_gallery, database, database_url):
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    if database_url.startswith("sqlite"):
        assert re.search(r"Another version of this program made .*.*9999", refusal(database_url))
    else:
        assert "people migrate" in refusal(database_url)
    with pytest.raises(GalleryError, match=r"Another version of this program made .*.*9999"):
        migrate_gallery(database_url)


def test_names_of_earlier_versions_become_normal_and_stay_distinct(database_url, database):
    stored = ["Ann\u200b Lee", "Ann Lee", "Ann\u00a0Lee", "\u3164", "Zo\u0435", "Bob\u00ad"]
    # Databases write times differently, and a person must get the same ID as in a backup.
    created = datetime(2024, 7, 1, 12, 30, 0, 250, UTC)
    with database.writing() as connection:
        for name in stored:
            row = {
                "name": name,
                "key": name.casefold(),
                "created": created,
                "removed": None if name[0] != "B" else now(),
            }
            connection.execute(insert(PersonRow).values(row))
        connection.execute(text("DROP INDEX ix_person_expires"))
        for table in (
            "alias",
            "audit",
            "audit_subject",
            "session",
            "access_key",
            "signing_secret",
            "erased",
            "erased_name",
            "opt_out_person",
            "opt_out",
        ):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("ALTER TABLE revision DROP COLUMN actor"))
        for column in ("uuid", "source", "basis", "reference", "basis_date", "expires"):
            connection.execute(text(f"ALTER TABLE person DROP COLUMN {column}"))
        for column in ("seen", "held_until"):
            connection.execute(text(f"ALTER TABLE network DROP COLUMN {column}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    assert migrate_gallery(database_url)
    gallery = Gallery.open(database_url, NETWORK, None)
    found = {person.id: person.name for person in gallery.people()}
    assert found == {1: "Ann Lee (2)", 2: "Ann Lee", 3: "Ann Lee (3)", 4: "Person 4", 5: "Zo\u0435"}
    assert [person.name for person in gallery.removed_people()] == ["Bob"]
    assert all(gallery.find(name).id == key for key, name in found.items())
    assert [change.change.partition(",")[0] for change in gallery.history()] == [
        f"renamed {found[key]}" for key in (4, 3, 1)
    ]
    with database.reading() as connection:
        uuids = connection.scalars(select(PersonRow.uuid).order_by(PersonRow.id)).all()
    assert uuids[0] == str(uuid5(NAMESPACE_URL, "person 1 2024-07-01 12:30:00.000250"))
    assert len(set(uuids)) == len(stored)
    gallery.close()


def test_opening_again_migrates_nothing_and_keeps_everyone(tiny_gallery, database_url):
    again = Gallery.open(database_url, NETWORK, None)
    assert again.people() == tiny_gallery.people()
    again.close()
