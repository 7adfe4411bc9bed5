"""Erasing people: nothing remains in any file, and neither a backup nor an export brings them back."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest
from PIL import Image
from sqlalchemy import text

from app.errors import PersonNotFound
from app.gallery.audit import Subject
from app.gallery.backup import back_up
from app.gallery.erased_names import ErasedNames
from app.gallery.raw_scan import WINDOW, find_remains, search_files
from app.gallery.restoration import open_backup
from app.gallery.store import Gallery
from tests.conftest import NETWORK
from tests.photos import encode

ON_FILES = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def noise() -> bytes:
    """Return a picture that no other equals."""
    return encode(Image.frombytes("RGB", (112, 112), os.urandom(37_632)), "WEBP", lossless=True)


@pytest.fixture
def rich(tiny_gallery, unit_vectors):
    """A gallery in which Quix has each kind of data, also in the history of changes."""
    tiny_gallery.add("Quix", unit_vectors(3), ["a", "b", "c"], noise(), [noise() for _ in range(3)])
    tiny_gallery.add("Quix", unit_vectors(1), ["d"], noise())
    tiny_gallery.reject_faces("Quix", unit_vectors(1), ["e"])
    tiny_gallery.change_aliases("Quix", ["Q"])
    tiny_gallery.rename("Quix", "Quixote")
    return tiny_gallery


def test_the_search_finds_every_piece_at_any_place(tmp_path):
    data = os.urandom(4 * WINDOW)
    for offset in (0, 1, 13, (1 << 24) - 50):
        (tmp_path / "file").write_bytes(b"x" * offset + data[WINDOW : 3 * WINDOW] + b"y" * 100)
        assert find_remains([tmp_path / "file", tmp_path / "missing"], {"crop": [data]}) == {"crop": 2}
    (tmp_path / "file").write_bytes(data[1:WINDOW])
    assert find_remains([tmp_path / "file"], {"crop": [data], "embedding": [b"\0" * 512]}) == {}


def test_a_search_keeps_the_locks_of_the_database(tmp_path):
    file = tmp_path / "gallery.sqlite"
    begin = f"import sqlite3; sqlite3.connect({str(file)!r}, 0, isolation_level=None).execute('BEGIN IMMEDIATE')"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE photo (id)")
        search = search_files([tmp_path / f"gallery.sqlite{end}" for end in ("", "-wal", "-shm")], {"crop": [noise()]})
        assert search.remains == {}
        other = subprocess.run([sys.executable, "-c", begin], capture_output=True, text=True, check=False)
        assert "database is locked" in other.stderr


@ON_FILES
def test_nothing_of_an_erased_person_remains(rich):
    found = rich.rights.erase(["q"])
    assert [person.name for person in found.people] == ["Quixote"]
    assert found.search.searched == {"portrait": 2, "crop": 3, "embedding": 5}
    assert found.search.files == ("gallery.sqlite", "gallery.sqlite-wal", "gallery.sqlite-shm")
    assert found.search.remains == {}
    with pytest.raises(PersonNotFound):
        rich.rights.erase(["Quixote"])
    assert rich.audit.verify().problems == ()


def test_names_from_a_library_leave_the_audit_log(rich, unit_vectors):
    for name in ("quixote", "Q", "Sancho"):
        rich.audit.record("library_confirm", Subject(name))
    rich.remove("Quixote")
    rich.add("Q", unit_vectors(1), ["f"])
    rich.rights.erase(["Quixote"])

    def names() -> list[str | None]:
        return [entry.person for entry in rich.audit.entries(action="library_confirm")]

    assert names() == ["Sancho", "Q", None]
    rich.rights.erase(["Q", "Sancho"], skip_missing=True)
    assert names() == [None, None, None]
    assert rich.audit.verify().problems == ()


@ON_FILES
def test_remains_are_found(rich):
    """Without overwriting, SQLite leaves deleted rows on free pages."""
    with rich._database.writing() as connection:
        connection.execute(text("PRAGMA secure_delete = OFF"))
    remains = rich.rights.erase(["Quixote"]).search.remains
    assert remains["crop"] > 100


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_bytes_of_another_server_are_not_searched(rich):
    found = rich.rights.erase(["Quixote"]).search
    assert (found.files, found.remains) == ((), {})


def test_a_photo_of_two_people_is_no_remain(rich, unit_vectors):
    shared = unit_vectors(1)
    rich.add("Quixote", shared, ["f"])
    rich.add("Sancho", shared, ["f"])
    assert rich.rights.erase(["Quixote"]).search.remains == {}


def test_a_restored_backup_does_not_bring_an_erased_person_back(rich, database_url, tmp_path):
    rich.rights.erase(["Ann Lee"])  # whose portrait is no picture
    back_up(database_url, tmp_path / "backup.sqlite")
    rich.export_bundle(tmp_path / "gallery.zip")
    rich.rights.add_opt_out("Sancho")
    rich.rights.erase(["Quixote"])
    with open_backup(tmp_path / "backup.sqlite") as backup:
        assert [person.name for person in backup.restore(database_url)] == ["Quixote"]
    assert rich.find("Quixote") is None
    assert [entry.name for entry in rich.rights.list_opt_outs()] == ["Sancho"]
    imported = rich.import_bundle(tmp_path / "gallery.zip")
    assert imported.left_out == ("Quixote",)
    assert rich.find("Quixote") is None
    # A lost gallery: the list was saved.
    listed = rich.rights.list_erasures()
    new = f"sqlite:///{tmp_path}/new.sqlite"
    with open_backup(tmp_path / "backup.sqlite") as backup:
        assert backup.restore(new) == []
    with closing(Gallery.open(new, NETWORK, None)) as gallery:
        assert [person.name for person in gallery.rights.apply_erasures(listed)] == ["Quixote"]
        assert gallery.rights.apply_erasures(listed) == []
        assert gallery.rights.list_erasures() == listed


def test_an_export_does_not_bring_back_whom_another_gallery_imported(rich, tmp_path):
    rich.rights.erase(["Ann Lee"])  # whose portrait is no picture
    rich.export_bundle(tmp_path / "gallery.zip")
    with closing(Gallery.open(f"sqlite:///{tmp_path}/other.sqlite", NETWORK, None)) as other:
        other.import_bundle(tmp_path / "gallery.zip")
        other.rename("Quixote", "Don")
        other.rights.erase(["Don"])
        other.rights.add_opt_out("Émile Zola")
        assert other.import_bundle(tmp_path / "gallery.zip").left_out == ("Émile Zola", "Quixote")
        assert other.find("Quixote") is None


def test_an_export_does_not_add_people_who_opted_out_by_an_alias(rich, tmp_path):
    rich.rights.erase(["Ann Lee"])  # whose portrait is no picture
    rich.export_bundle(tmp_path / "gallery.zip")
    with closing(Gallery.open(f"sqlite:///{tmp_path}/other.sqlite", NETWORK, None)) as other:
        other.rights.add_opt_out("Q")
        assert other.import_bundle(tmp_path / "gallery.zip").left_out == ("Quixote",)
        assert other.find("Quixote") is None


def remove_ids(bundle: Path) -> None:
    """Turn an export into one of a version without IDs of people."""
    with ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    index = json.loads(files["gallery.json"])
    for row in index["people"]:
        del row["uuid"]
    with ZipFile(bundle, "w", ZIP_STORED) as archive:
        for name, data in (files | {"gallery.json": json.dumps(index)}).items():
            archive.writestr(name, data)


@pytest.mark.parametrize("later", ["Quixote", "Don", "Q"])
def test_an_export_without_ids_does_not_bring_an_erased_person_back(rich, tmp_path, later):
    rich.rights.erase(["Ann Lee"])  # whose portrait is no picture
    rich.change_aliases("Quixote", remove=["Q"])
    rich.export_bundle(tmp_path / "gallery.zip")
    remove_ids(tmp_path / "gallery.zip")
    rich.rename("Quixote", later)
    rich.rights.erase([later])
    imported = rich.import_bundle(tmp_path / "gallery.zip")
    assert imported.left_out == ("Quixote",)
    assert rich.find("Quixote") is None
    rich.rename("bob", "Bert")
    assert rich.import_bundle(tmp_path / "gallery.zip").left_out == ("Quixote",)


@ON_FILES
def test_names_of_erased_people_are_hashed(rich, database_url):
    rich.rights.erase(["Quixote"])
    files = sorted(Path(database_url.removeprefix("sqlite:///")).parent.iterdir())
    content = b"".join(file.read_bytes() for file in files)
    assert b"uixote" not in content
    with rich._database.reading() as connection:
        assert ErasedNames(connection).has_any(["QUIX "])
        assert not ErasedNames(connection).has_any(["Sancho"])


def test_former_names_from_a_library_leave_the_audit_log(rich, unit_vectors):
    for name in ("Quix", "Sancho"):
        rich.audit.record("library_confirm", Subject(name))
    with rich._database.writing() as connection:
        # After the recovery time, only the audit log has a former name.
        connection.execute(text("DELETE FROM cell"))
    rich.add("Q2", unit_vectors(1), ["f"])
    rich.rename("Q2", "Sancho")
    rich.rename("Sancho", "Q2")
    rich.rename("bob", "Sancho")
    proof = rich.rights.erase(["Quixote", "Q2"])
    assert {entry.person for entry in rich.audit.entries(action="library_confirm")} == {None, "Sancho"}
    assert set(proof.erased.names) == {"Quixote", "Quix", "Q", "Q2"}
