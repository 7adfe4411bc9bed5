"""`keys` commands."""

import json
from datetime import timedelta

import pytest

from app.gallery.store import Gallery
from tests.cli.conftest import CliRunner, main
from tests.conftest import NETWORK


@pytest.fixture
def run(empty_gallery, database_url, monkeypatch):
    monkeypatch.setattr("app.cli.common.open_gallery", lambda *_: Gallery.open(database_url, NETWORK, None))
    return lambda *arguments: CliRunner().invoke(main, list(map(str, arguments)), prog_name="python main.py")


def test_create_prints_the_key_alone_and_explains_it(run, empty_gallery):
    made = run("keys", "create", "newsroom", "--scope", "read", "--scope", "identify", "--days", 0)
    key = empty_gallery.keys.find(made.stdout.strip())
    assert (key.name, key.scopes, key.expires) == ("newsroom", ("identify", "read"), None)
    assert (
        made.stderr == "The key newsroom allows identify, read until it is revoked. Keep it: it is not shown again.\n"
    )
    made = run("keys", "create", "admin", "--scope", "manage")
    assert "allows identify, read, manage, metrics until 20" in made.stderr
    assert run("keys", "create", "Admin", "--scope", "read").exit_code == 1
    assert run("keys", "create", "other").exit_code == 2
    assert run("keys", "create", "other", "--scope", "all").exit_code == 2


def test_list_and_revoke(run, empty_gallery):
    assert "There is no key. Create one: python main.py keys create NAME --scope identify" in run("keys", "list").stderr
    secret = run("keys", "create", "newsroom", "--scope", "read", "--days", 30).stdout.strip()
    row = run("keys", "list").stdout.strip().split(", ")
    assert row[:4] == ["newsroom", f"{secret[:11]}…", "read", "valid"]
    assert row[-1] == "never"
    empty_gallery.keys.find(secret)
    empty_gallery.keys.flush(force=True)
    assert run("keys", "list").stdout.strip().split(", ")[-1].startswith("20")
    assert run("keys", "revoke", "NEWSROOM").stdout == "The key newsroom was revoked.\n"
    found = json.loads(run("keys", "list", "--json").stdout)
    assert (found["name"], found["scopes"], found["state"]) == ("newsroom", ["read"], "revoked")
    missing = run("keys", "revoke", "x")
    assert (missing.exit_code, missing.stderr.strip()) == (
        1,
        "Error: There is no key called 'x'. List all: whopic keys list",
    )


def test_end_sessions(run, empty_gallery):
    key, _ = empty_gallery.keys.create("a", ["read"], None)
    empty_gallery.keys.start_session(key, None, timedelta(days=1))
    empty_gallery.keys.create("b", ["read"], None)
    assert run("keys", "end-sessions", "b").stdout == "0 sessions ended.\n"
    assert run("keys", "end-sessions").stdout == "1 session ended.\n"
    assert run("keys", "end-sessions", "c").exit_code == 1
