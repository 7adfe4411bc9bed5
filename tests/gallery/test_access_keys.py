"""Access keys and sessions, with several processes, on SQLite and PostgreSQL."""

import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.errors import InvalidKey, InvalidName, KeyNotFound, NameTaken
from app.gallery.database import Database
from app.gallery.scopes import PREFIX, expand
from app.gallery.store import Gallery
from app.gallery.tables import AccessKeyRow, SessionRow, now
from tests.conftest import NETWORK

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
TOKEN = "f" * 64


@pytest.fixture
def other(database_url, empty_gallery) -> Gallery:
    """Another process with the same gallery."""
    other = Gallery.open(database_url, NETWORK, None)
    yield other
    other.close()


def session(gallery, identifier, token=None):
    return gallery.keys.find_session(identifier, token, DAY, HOUR, MINUTE)


def test_a_key_is_found_by_its_secret_alone_until_it_is_revoked(empty_gallery, other, database_url):
    key, secret = empty_gallery.keys.create("News  Room", ["read", "identify"], DAY)
    assert (key.name, key.scopes, key.state, key.used) == ("News Room", ("identify", "read"), "valid", None)
    assert secret.startswith(PREFIX)
    assert len(secret) == len(PREFIX) + 43
    assert other.keys.find(secret).name == "News Room"
    assert other.keys.find(key.hint) is other.keys.find(secret[:-1]) is other.keys.find(secret + "a") is None
    assert other.keys.revoke(" news room").state == "revoked"
    assert empty_gallery.keys.find(secret).state == "revoked"
    with pytest.raises(KeyNotFound, match="There is no key called 'x'"):
        other.keys.revoke("x")
    actions = [(one.action, one.details["key"]) for one in empty_gallery.audit.entries()]
    assert actions == [("revoked_key", "News Room"), ("created_key", "News Room")]
    if database_url.startswith("sqlite"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as connection:
            assert secret[len(key.hint) :] not in "".join(connection.iterdump())


def test_invalid_keys_are_not_made(empty_gallery):
    empty_gallery.keys.create("a", ["read"], None)
    empty_gallery.keys.revoke("a")
    for name, scopes, lifetime, error in (
        ("A", ["read"], None, NameTaken),
        ("b", [], None, InvalidKey),
        ("b", ["read", "all"], None, InvalidKey),
        ("b", ["read"], timedelta(days=10**9 - 1), InvalidKey),
        (" ", ["read"], None, InvalidName),
    ):
        with pytest.raises(error):
            empty_gallery.keys.create(name, scopes, lifetime)
    assert [key.name for key in empty_gallery.keys.list()] == ["a"]


def test_manage_includes_all_scopes_and_others_nothing():
    assert expand(["manage"]) == {"identify", "read", "manage", "metrics"}
    assert expand(["read", "unknown"]) == {"read"}


def test_only_a_valid_key_can_manage(empty_gallery):
    empty_gallery.keys.create("reader", ["read"], None)
    empty_gallery.keys.create("old", ["manage"], timedelta(0))
    assert not empty_gallery.keys.can_manage()
    empty_gallery.keys.create("admin", ["manage"], None)
    assert empty_gallery.keys.can_manage()


def test_the_last_use_is_written_once_a_minute_and_not_by_the_check(empty_gallery, database_url, monkeypatch):
    key, secret = empty_gallery.keys.create("a", ["read"], None)
    identifier = empty_gallery.keys.start_session(key, None, DAY)
    empty_gallery.keys.flush(force=True)
    database = Database.connect(database_url)

    def used():
        with database.reading() as connection:
            return connection.scalar(select(AccessKeyRow.used)), connection.scalar(select(SessionRow.seen))

    before = used()
    empty_gallery.keys.find(secret)
    session(empty_gallery, identifier)
    assert used() == before
    empty_gallery.keys.flush()
    assert used() == before
    empty_gallery.keys._flushed -= 61
    empty_gallery._maintain(purge=False)
    assert used()[0] is not None
    assert used()[1] > before[1]
    database.close()


def test_sessions_are_shared_and_end_with_their_key(empty_gallery, other):
    key, _ = empty_gallery.keys.create("a", ["read"], None)
    identifier = empty_gallery.keys.start_session(key, None, DAY)
    assert session(other, identifier).key == key
    assert session(other, f"{identifier}x") is None
    other.keys.revoke("a")
    assert session(empty_gallery, identifier) is None


def test_sessions_of_the_token_end_with_it(empty_gallery):
    identifier = empty_gallery.keys.start_session(None, TOKEN, DAY)
    assert session(empty_gallery, identifier, TOKEN).key is None
    for token in (None, "0" * 64):
        assert session(empty_gallery, identifier, token) is None


@pytest.mark.parametrize(
    ("age", "valid"), [(-2 * MINUTE, False), (-MINUTE / 2, True), (HOUR - MINUTE, True), (HOUR, False)]
)
def test_sessions_time_out(empty_gallery, monkeypatch, age, valid):
    identifier = empty_gallery.keys.start_session(None, TOKEN, DAY)
    monkeypatch.setattr("app.gallery.access_keys.now", lambda: now() + age)
    assert (session(empty_gallery, identifier, TOKEN) is not None) is valid


def test_a_session_in_use_ends_after_its_lifetime(empty_gallery, monkeypatch, count):
    identifier = empty_gallery.keys.start_session(None, TOKEN, DAY)
    for hours in range(1, 48):
        monkeypatch.setattr("app.gallery.access_keys.now", lambda hours=hours: now() + hours * HOUR / 2)
        assert session(empty_gallery, identifier, TOKEN) is not None
    monkeypatch.setattr("app.gallery.access_keys.now", lambda: now() + DAY)
    assert session(empty_gallery, identifier, TOKEN) is None
    empty_gallery.keys.start_session(None, TOKEN, DAY)
    assert count(SessionRow) == 1


def test_ended_sessions_are_gone(empty_gallery, count):
    first, second = (empty_gallery.keys.start_session(None, TOKEN, DAY) for _ in range(2))
    empty_gallery.keys.end_session(session(empty_gallery, first, TOKEN))
    assert session(empty_gallery, first, TOKEN) is None
    assert session(empty_gallery, second, TOKEN) is not None
    assert empty_gallery.keys.end_sessions() == 1
    assert count(SessionRow) == 0


def test_all_processes_sign_with_one_secret(empty_gallery, other):
    secret = empty_gallery.keys.signing_secret()
    assert secret == other.keys.signing_secret() == empty_gallery.keys.signing_secret()
    assert len(bytes.fromhex(secret)) == 32
