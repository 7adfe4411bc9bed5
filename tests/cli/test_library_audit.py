"""Entries of commands that change or export a library in the audit log of the gallery."""

from __future__ import annotations

import getpass
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.cli.library import library as commands
from app.errors import GalleryError
from app.gallery.audit_log import AuditLog
from app.library import decisions, tags
from app.library.changes import list_changes
from app.library.store import Library
from tests.library.conftest import face, fill, row

CHANGES = {
    "confirm": (["/a/1.jpg", "Bob"], "library_confirm", "Bob"),
    "reject": (["/a/7.jpg", "Ann"], "library_reject", "Ann"),
    "forget": (["/a/7.jpg"], "library_forget", None),
    "tag": (["/a/1.jpg", "Bob"], "library_tag", "Bob"),
    "untag": (["/a/1.jpg", "Ann"], "library_untag", "Ann"),
    "merge-groups": (["2", "1"], "library_merge_groups", None),
    "keep-apart": (["1", "2"], "library_keep_apart", None),
    "undo": ([], "library_undid", "Ann"),
    "name": ([], "library_named", None),
}
"""Arguments of commands after the library, and the action and person of their entry."""

EXPORTS = {
    "export": ["--csv"],
    "groups": ["--csv"],
    "search": ["--unknown", "--csv"],
}
"""Arguments of commands before the name of the file that they write."""

ELSEWHERE = {"index", "name-group", "read-metadata", "write-metadata"}
"""Commands whose entries `test_library.py` and `test_batch.py` check."""
WITHOUT_ENTRY = {"show", "changes"}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A library of seven photos with a face: the groups 1 and 2 of three unknown faces, and a face of Ann."""
    folder = tmp_path_factory.mktemp("made") / "library"
    rng = np.random.default_rng(1)
    with Library.create(folder) as library:
        vectors = rng.normal(size=(7, 128)).astype(np.float32)
        fill(library, *(row(f"/a/{number}.jpg", face(vector)) for number, vector in enumerate(vectors, start=1)))
        with library.writing() as connection:
            connection.execute("UPDATE face SET verdict = 'unknown'")
            connection.execute("INSERT INTO unknown_group VALUES (1), (2)")
            connection.execute("INSERT INTO membership SELECT id, 1 + id / 4 FROM face WHERE id < 7")
        tags.tag(library, 1, "Ann")
        decisions.confirm(library, [7], "Ann")
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "library"))


@pytest.fixture
def latest(recognizer):
    """Return a function that returns action, person and actor of the entries since the start of the test."""
    before = len(recognizer.gallery.audit.entries())

    def entries() -> list[tuple[str, str | None, str]]:
        found = list(reversed(recognizer.gallery.audit.entries()))[before:]
        return [(entry.action, entry.person, entry.actor) for entry in found]

    return entries


@pytest.fixture
def locked(monkeypatch):
    """Let every entry fail, as if the database of the gallery were locked."""

    def fail(*_arguments, **_options):
        raise GalleryError("The gallery could not be written (database is locked).")

    monkeypatch.setattr(AuditLog, "record", fail)


def test_every_command_is_tested():
    assert set(commands.commands) == {*CHANGES, *EXPORTS, *ELSEWHERE, *WITHOUT_ENTRY}


@pytest.mark.parametrize("command", CHANGES)
def test_a_change_has_an_entry_with_the_user_of_the_command_line(run, folder, latest, command):
    arguments, action, person = CHANGES[command]
    done = run("library", command, folder, *arguments)
    assert done.exit_code == 0, done.stderr
    assert latest() == [(action, person, f"command:{getpass.getuser()}")]


@pytest.mark.parametrize("command", CHANGES)
def test_a_change_without_an_entry_is_not_stored(run, folder, locked, command):
    with Library.open(folder) as library:
        before = list_changes(library)
    done = run("library", command, folder, *CHANGES[command][0])
    assert (done.exit_code, "database is locked" in done.stderr) == (1, True)
    with Library.open(folder) as library:
        assert list_changes(library) == before


@pytest.mark.parametrize("command", EXPORTS)
def test_an_export_has_an_entry(run, folder, tmp_path, latest, command):
    done = run("library", command, folder, *EXPORTS[command], tmp_path / "out.csv")
    assert done.exit_code == 0, done.stderr
    assert latest() == [("exported_library", None, f"command:{getpass.getuser()}")]
    assert (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("command", EXPORTS)
def test_nothing_is_exported_without_an_entry(run, folder, tmp_path, locked, command):
    assert run("library", command, folder, *EXPORTS[command], tmp_path / "out.csv").exit_code == 1
    assert not (tmp_path / "out.csv").exists()
