import os
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from app.errors import LibraryError
from app.library import store
from app.library.store import FILE, Library
from app.settings import ROOT
from tests.library.conftest import face, failed, fill, paths, row
from tests.small_disk import fill_up

ORIGIN = {"network": "n", "detector": "d"}


def test_the_files_are_private(folder):
    with Library.create(folder):
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert set(modes) >= {FILE}
    assert set(modes.values()) == {0o600}


def test_a_library_must_exist_to_be_searched(folder):
    with pytest.raises(LibraryError, match=r"is not a library\. Make one with: whopic library index"):
        Library.open(folder)
    assert not folder.exists()


def test_a_folder_with_other_files_is_no_library(folder):
    folder.mkdir()
    (folder / "holiday.jpg").touch()
    with pytest.raises(LibraryError, match=r"has other files, such as holiday\.jpg\. Name the photos first"):
        Library.create(folder)
    assert [path.name for path in folder.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize("content", [b"SQLite format 3\0 damaged" * 50, b"something else" * 100])
def test_a_damaged_library_is_reported(folder, content):
    folder.mkdir()
    (folder / FILE).write_bytes(content)
    with pytest.raises(LibraryError, match=r"library\.sqlite is damaged .* Restore a backup, or delete the folder"):
        Library.open(folder)


@pytest.mark.parametrize("application", [0, 7])
def test_another_sqlite_file_is_no_library(folder, application):
    folder.mkdir()
    connection = sqlite3.connect(folder / FILE)
    connection.executescript(f"PRAGMA application_id = {application}; CREATE TABLE other (id)")
    connection.close()
    with pytest.raises(LibraryError, match=r"library\.sqlite belongs to another program\. Choose another folder"):
        Library.open(folder)


def test_a_later_version_is_reported(folder):
    with Library.create(folder) as library:
        library.connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LibraryError, match="A later version of this program made the library"):
        Library.open(folder)


def test_an_older_version_is_migrated(folder, monkeypatch):
    with Library.create(folder) as library:
        fill(library, row("a.jpg"))
    monkeypatch.setattr(store, "MIGRATIONS", (*store.MIGRATIONS, "CREATE TABLE later (id);"))
    with Library.open(folder) as library:
        assert library.connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
        assert paths(library) == ["a.jpg"]


def test_ids_are_never_used_again(folder, monkeypatch):
    """Also those of a library of an older version, whose rows keep all that belongs to them."""
    migrations = store.MIGRATIONS
    monkeypatch.setattr(store, "MIGRATIONS", migrations[:8])
    with Library.create(folder) as library:
        one = face(np.ones(16, np.float32))
        fill(library, row("a.jpg", one), row("b.jpg", one, one))
        before = [
            library.connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("photo", "face", "vector")
        ]
    monkeypatch.setattr(store, "MIGRATIONS", migrations)
    with Library.open(folder) as library:
        after = [library.connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("photo", "face", "vector")]
        assert after == before
        assert library.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        with library.writing() as connection:
            connection.execute("DELETE FROM photo WHERE id = 2")
        assert library.connection.execute("SELECT count(*) FROM vector").fetchone() == (1,)
        fill(library, row("c.jpg", face()))
        assert library.connection.execute("SELECT id, photo_id FROM face").fetchall() == [(1, 1), (4, 3)]


def test_faces_of_another_network_are_rejected(folder):
    with Library.create(folder) as library:
        library.check_origin(ORIGIN)
    with Library.create(folder) as library:
        assert not library.check_origin(ORIGIN)
        with pytest.raises(LibraryError, match=r"made with another network\. Set FACES_MODEL to it, or index"):
            library.check_origin(ORIGIN | {"network": "m"})


def test_a_changed_detection_is_said_once(library):
    library.check_origin(ORIGIN)
    changed = ORIGIN | {"detector": "e"}
    assert [library.check_origin(changed), library.check_origin(changed)] == [True, False]


def test_a_library_is_locked(library, folder):
    with library.lock(), Library.open(folder) as other, pytest.raises(LibraryError, match="Another run is writing"):
        other.lock().__enter__()


def test_a_failed_transaction_changes_nothing(library):
    def fail():
        with library.writing() as connection:
            connection.execute("INSERT INTO property VALUES ('a', '1')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert library.read_property("a") is None
    library.write_property("a", [1])
    assert library.read_property("a") == [1]


def test_programming_errors_are_not_called_damage(library):
    with pytest.raises(sqlite3.IntegrityError), library.writing() as connection:
        connection.execute("INSERT INTO property VALUES ('a', NULL)")
    with pytest.raises(sqlite3.ProgrammingError), library.reading() as connection:
        connection.execute("SELECT ?", ())


def test_a_full_disk_loses_no_committed_row(small_disk):
    with Library.create(small_disk / "library") as library:
        fill(library, row("a.jpg"))
        fill_up(small_disk / "rest")
        large = [row(f"{number}.jpg", *[face()] * 50) for number in range(500)]
        with pytest.raises(LibraryError, match=r"Cannot read or write .*full"):
            fill(library, *large)
        (small_disk / "rest").unlink()
        assert paths(library) == ["a.jpg"]
        fill(library, failed("b.jpg"))
        assert paths(library) == ["a.jpg", "b.jpg"]


def test_a_full_disk_is_reported_to_readers(small_disk):
    with Library.create(small_disk / "library"):
        pass
    fill_up(small_disk / "rest")
    with pytest.raises(LibraryError, match=r"Cannot read or write \(the disk is full\)"):
        Library.open(small_disk / "library")


KILLED = """
import sys
from pathlib import Path
from app.library.store import Library
from tests.library.conftest import fill, row, face
with Library.create(Path(sys.argv[1])) as library:
    for number in range(10**6):
        fill(library, *(row(f"{number} {part}.jpg", face(), face(x=500)) for part in range(5)))
        print(number, flush=True)
"""


def test_a_killed_process_loses_no_committed_row(folder):
    command = [sys.executable, "-c", KILLED, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line == "20\n":
                process.send_signal(signal.SIGKILL)
                committed = 20 + len(process.stdout.readlines())
                break
    with Library.open(folder) as library:
        assert library.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        counts = "SELECT (SELECT count(*) FROM file), (SELECT count(*) FROM face)"
        files, faces = library.connection.execute(counts).fetchone()
        assert files >= 5 * (committed + 1)
        assert (files % 5, faces) == (0, 2 * files)


def test_a_library_on_a_read_only_disk_is_reported(folder, library, monkeypatch):
    def fail(*_arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", fail)
    monkeypatch.setattr("pathlib.Path.open", fail)
    with pytest.raises(LibraryError, match=r"Cannot read or write \(Read-only file system\)"):
        library.lock().__enter__()
