"""`people backup` and `people restore-backup`."""

import pytest

from app.cli import people_backup
from tests.cli.conftest import CliRunner, main


@pytest.fixture
def run(tiny_gallery, database_url, monkeypatch):
    monkeypatch.setenv("FACES_DATABASE_URL", database_url)
    return lambda *arguments, **options: CliRunner().invoke(main, list(map(str, arguments)), **options)


@pytest.fixture
def backup(run, tiny_gallery, tmp_path):
    """A backup with bob, whom the gallery no longer has."""
    path = tmp_path / "backup.sqlite"
    assert run("people", "backup", path).output == f"The gallery was copied to {path}.\n"
    tiny_gallery.remove("bob")
    return path


def test_restore_prints_both_galleries(run, backup, tiny_gallery):
    restored = run("people", "restore-backup", backup)
    first, second, last = restored.output.splitlines()
    assert first.startswith("Backup: 4 people and 10 anchors, changed 20")
    assert second.startswith("Gallery: 3 people and 8 anchors, changed 20")
    assert last == "The backup was restored. Running servers use it from the next request on."
    assert tiny_gallery.find("bob").anchors == 2


def test_on_a_terminal_it_asks_first(run, backup, tiny_gallery, monkeypatch):
    monkeypatch.setattr(people_backup, "_is_terminal", lambda: True)
    refused = run("people", "restore-backup", backup, input="n\n")
    assert refused.exit_code == 1
    assert "To keep the gallery, answer no and run: " in refused.output
    assert tiny_gallery.find("bob") is None
    assert run("people", "restore-backup", backup, input="y\n").exit_code == 0
    assert tiny_gallery.find("bob")
    tiny_gallery.remove("bob")
    assert run("people", "restore-backup", "--yes", backup).exit_code == 0
    assert tiny_gallery.find("bob")


def test_without_a_gallery_it_makes_one(run, backup, tmp_path, monkeypatch):
    monkeypatch.setenv("FACES_DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'gallery.sqlite'}")
    restored = run("people", "restore-backup", backup)
    assert restored.output.splitlines()[1] == "There is no gallery yet."
    assert restored.exit_code == 0


def test_a_file_that_is_no_backup_is_refused(run, tmp_path):
    (tmp_path / "notes.txt").write_text("Dear diary, " * 100)
    refused = run("people", "restore-backup", tmp_path / "notes.txt")
    assert refused.exit_code == 1
    assert "notes.txt cannot be read as a backup (file is not a database). Choose another file." in refused.output
