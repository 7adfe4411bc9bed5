"""`audit` commands."""

import getpass
import json

import pytest

from app.errors import GalleryError
from app.gallery.audit_log import AuditLog
from app.gallery.store import Gallery
from tests.cli.conftest import CliRunner, main
from tests.conftest import NETWORK


@pytest.fixture
def run(tiny_gallery, database_url, monkeypatch):
    monkeypatch.setenv("FACES_DATABASE_URL", database_url)
    monkeypatch.setattr("app.cli.common.open_gallery", lambda *_, **_options: Gallery.open(database_url, NETWORK, None))
    return lambda *arguments: CliRunner().invoke(main, list(map(str, arguments)), prog_name="python main.py")


def test_list_names_the_user_of_the_command_line(run):
    assert run("people", "rename", "bob", "Robert").exit_code == 0
    first, *_, last = run("audit", "list").output.splitlines()
    number, _, actor, action, person, change, description = first.split(", ")
    assert (number, actor, action, person) == ("5", f"command:{getpass.getuser()}", "renamed", "Robert")
    assert (change, description) == ('"change=5', 'description=renamed person 4"')
    assert ", system, added, Zoë Ångström, " in last
    lines = run("audit", "list", "--json", "--limit", 2).output.splitlines()
    assert [json.loads(line)["person"] for line in lines] == ["Robert", "bob"]


def test_list_selects_an_action_or_a_person(run):
    run("people", "erase", "--yes", "bob")
    assert len(run("audit", "list", "--action", "purged").output.splitlines()) == 1
    (line,) = run("audit", "list", "--person", "ann lee").output.splitlines()
    assert ", added, Ann Lee, " in line
    assert run("audit", "list", "--person", "bob").output == ""
    assert ", person 4, " in run("audit", "list").output


def test_verify_prints_the_last_entry_and_finds_that_it_was_deleted(run, tiny_gallery):
    line = run("audit", "verify").output.strip()
    assert line.startswith("Entries verified: 4. Last: 4:")
    head = line.rpartition(" ")[2]
    tiny_gallery.audit.record("tested")
    assert run("audit", "verify", "--head", head).exit_code == 0
    with tiny_gallery._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE id >= 4")
    assert run("audit", "verify").exit_code == 0
    found = run("audit", "verify", "--head", head)
    assert (found.exit_code, found.output) == (
        1,
        f"Entry 4 is missing or has another hash than {head[2:]}.\nError: The audit log was altered (1 problem).\n",
    )
    with tiny_gallery._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE id = 2")
    found = run("audit", "verify")
    assert (found.exit_code, found.output.splitlines()[0]) == (1, "Entry 2 is missing.")
    for wrong in ("4", "4:abc", f"x:{head[2:]}"):
        assert run("audit", "verify", "--head", wrong).exit_code == 2


def test_export_is_private_and_has_its_own_entry(run, tmp_path):
    file = tmp_path / "audit.jsonl"
    assert run("audit", "export", file).output == f"Entries written to {file}: 5\n"
    exported = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [entry["number"] for entry in exported] == [1, 2, 3, 4, 5]
    assert exported[-1]["action"] == "exported_audit"
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "arguments",
    [("audit", "export", "out"), ("people", "export", "out"), ("people", "anchors", "bob", "--crops", "out")],
)
def test_nothing_is_exported_without_an_entry(run, tmp_path, tiny_gallery, unit_vectors, monkeypatch, arguments):
    def fail(*_arguments, **_options):
        raise GalleryError("database is locked")

    tiny_gallery.add("bob", unit_vectors(1), ["b.jpg"], crops=[b"crop"])
    monkeypatch.setattr(AuditLog, "record", fail)
    done = run(*arguments[:-1], tmp_path / "out")
    assert (done.exit_code, done.stderr) == (1, "Error: database is locked\n")
    assert not [path for path in tmp_path.rglob("out*") if path.is_file() or any(path.iterdir())]


def test_backups_and_exports_are_recorded(run, tmp_path):
    run("people", "backup", tmp_path / "backup.sqlite")
    run("people", "export", tmp_path / "people.faces")
    run("people", "anchors", "bob", "--crops", tmp_path / "crops")
    actions = [line.split(", ")[3] for line in run("audit", "list", "--limit", 3).output.splitlines()]
    assert actions == ["exported_crops", "exported_gallery", "backed_up"]
