"""The audit log: its chain, erased names, expiry, and writers that come together."""

import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from app.gallery import audit, audit_log
from app.gallery.actor import SYSTEM, Actor, current_actor, set_process_actor, set_request_actor
from app.gallery.audit import FIRST_HASH, Subject
from app.gallery.database import Database
from app.gallery.store import Gallery
from app.gallery.tables import AuditRow, AuditSubjectRow, now
from tests.conftest import NETWORK


@pytest.fixture
def database(database_url):
    database = Database.connect(database_url)
    yield database
    database.close()


def entries(gallery, **conditions) -> list[tuple]:
    return [(one.action, one.person, one.person_id) for one in reversed(gallery.audit.entries(**conditions))]


def test_every_change_has_an_entry_for_each_person_with_its_actor(empty_gallery, unit_vectors):
    set_request_actor(Actor("key", "newsroom"))
    try:
        empty_gallery.add("Ann", unit_vectors(1), ["secret.jpg"])
    finally:
        set_request_actor(None)
    empty_gallery.add("Bob", unit_vectors(1), ["b.jpg"])
    empty_gallery.merge("Bob", "Ann")
    empty_gallery.undo()
    empty_gallery.remove("Bob")
    assert entries(empty_gallery) == [
        ("added", "Ann", 1),
        ("added", "Bob", 2),
        ("merged", "Ann", 1),
        ("merged", "Bob", 2),
        ("undid", "Ann", 1),
        ("undid", "Bob", 2),
        ("removed", "Bob", 2),
    ]
    latest, *_, first = empty_gallery.audit.entries()
    assert (first.actor, latest.actor) == ("key:newsroom", "system")
    assert first.details == {"change": 1, "description": "added 1 anchor of person 1"}
    assert [change.actor for change in empty_gallery.history()] == ["system"] * 4 + ["key:newsroom"]
    assert not any("secret" in str(one.details) for one in empty_gallery.audit.entries())


def test_a_failed_change_leaves_no_entry(empty_gallery, database):
    def fail():
        with database.writing() as connection:
            audit.record(connection, "started")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert empty_gallery.audit.entries() == []


def test_the_hashes_can_be_computed_from_an_export_alone(tiny_gallery):
    tiny_gallery.audit.record("searched_photo", Subject("Émile \u2028", None), {"faces": 2, "größe": [1.5, None]})
    previous = FIRST_HASH
    for line in tiny_gallery.audit.export():
        entry = json.loads(line)
        name, salt, own = entry.pop("person"), entry.pop("salt"), entry.pop("hash")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        previous = sha256(previous.encode() + text.encode()).hexdigest()
        assert previous == own
        assert sha256(f"{salt}:{name}".encode()).hexdigest() == entry["commitment"]
    result = tiny_gallery.audit.verify()
    assert (result.first, result.last, result.hash, result.problems) == (1, 5, previous, ())


ALTERATIONS = {
    "another time": (update(AuditRow).where(AuditRow.id == 2).values(made="2026-01-01T00:00:00.000000+00:00"), 2),
    "another actor": (update(AuditRow).where(AuditRow.id == 2).values(actor="key:other"), 2),
    "another action": (update(AuditRow).where(AuditRow.id == 2).values(action="purged"), 2),
    "another person": (update(AuditRow).where(AuditRow.id == 2).values(person_id=1), 2),
    "another number of anchors": (update(AuditRow).where(AuditRow.id == 2).values(details='{"change": 2}'), 2),
    "another name": (update(AuditSubjectRow).where(AuditSubjectRow.person_id == 2).values(name="Eve"), 2),
    "another salt": (update(AuditSubjectRow).where(AuditSubjectRow.person_id == 2).values(salt="00"), 2),
    "another hash": (update(AuditRow).where(AuditRow.id == 2).values(hash="0" * 64), 2),
    "a deleted entry": (delete(AuditRow).where(AuditRow.id == 2), 2),
    "a deleted beginning": (delete(AuditRow).where(AuditRow.id <= 2), 1),
}


def test_alterations_are_found(tiny_gallery, database):
    for alteration, (statement, number) in ALTERATIONS.items():
        with database.reading() as connection:
            # Rolled back at the end of the block.
            connection.execute(statement)
            first, *_ = audit.verify(connection).problems
        assert first.startswith((f"Entry {number} ", f"Entries {number} ")), alteration
    assert tiny_gallery.audit.verify().problems == ()


def test_an_entry_that_was_computed_again_breaks_the_next(tiny_gallery, database):
    with database.writing() as connection:
        row = connection.execute(select(AuditRow).where(AuditRow.id == 2)).one()
        previous = connection.scalar(select(AuditRow.hash).where(AuditRow.id == 1))
        entry = next(one for one in tiny_gallery.audit.entries() if one.number == 2)
        text = json.dumps(entry.chained() | {"actor": "key:other"}, sort_keys=True, separators=(",", ":"))
        forged = sha256(previous.encode() + text.encode()).hexdigest()
        connection.execute(update(AuditRow).where(AuditRow.id == row.id).values(actor="key:other", hash=forged))
    assert tiny_gallery.audit.verify().problems == ("Entry 3 was changed: its hash does not match.",)


def test_writers_in_threads_and_processes_continue_one_chain(database_url, empty_gallery):
    others = [Gallery.open(database_url, NETWORK, None) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for gallery in others:
            for _ in range(10):
                pool.submit(gallery.audit.record, "tested", "Ann")
    for gallery in others:
        gallery.close()
    result = empty_gallery.audit.verify()
    assert (result.first, result.last, result.problems) == (1, 40, ())


def test_a_purged_person_keeps_no_name_and_the_log_is_verifiable(tiny_gallery, database_url, tmp_path):
    tiny_gallery.rename("Ann Lee", "Ann Quixote")
    tiny_gallery.audit.record("confirmed", "Ann Quixote", {"faces": 3})
    before = tiny_gallery.audit.verify()
    assert entries(tiny_gallery, person_ids=[2]) == [
        ("added", "Ann Lee", 2),
        ("renamed", "Ann Quixote", 2),
        ("confirmed", "Ann Quixote", 2),
    ]
    tiny_gallery.rights.erase(["Ann Quixote"])
    after = tiny_gallery.audit.verify()
    assert after.problems == ()
    assert after.last == before.last + 1
    assert {one.subject for one in tiny_gallery.audit.entries(person_ids=[2])} == {"person 2"}
    text = "".join(tiny_gallery.audit.export())
    assert "Ann" not in text
    assert "bob" in text
    if database_url.startswith("sqlite"):
        tiny_gallery.close()
        file = Path(database_url.removeprefix("sqlite:///"))
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert b"Quixote" not in b"".join(one.read_bytes() for one in file.parent.iterdir())


def test_people_of_a_library_are_forgotten_by_name(tiny_gallery, database):
    tiny_gallery.audit.record("confirmed", "Carla")
    tiny_gallery.audit.record("confirmed", "BOB")
    assert [one[2] for one in entries(tiny_gallery, action="confirmed")] == [None, 4]
    assert entries(tiny_gallery, person_names=["carla"]) == [("confirmed", "Carla", None)]
    with database.writing() as connection:
        assert audit.forget_person(connection, person_names=["carla", "bob"]) == 1
    assert entries(tiny_gallery, action="confirmed") == [("confirmed", None, None), ("confirmed", "BOB", 4)]
    assert tiny_gallery.audit.entries(action="confirmed")[1].subject == "person ?"
    assert tiny_gallery.audit.verify().problems == ()


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_old_entries_expire_and_the_rest_is_verifiable(tiny_gallery, monkeypatch, database, kept):
    start = now()
    monkeypatch.setattr(audit, "now", lambda: start + timedelta(days=300))
    for _ in range(kept):
        tiny_gallery.audit.record("tested")
    numbers = (5, 4 + kept)
    monkeypatch.setattr(audit, "now", lambda: start + timedelta(days=400))
    with database.writing() as connection:
        assert audit.expire(connection, start + timedelta(days=1)) == 4
        assert audit.expire(connection, start + timedelta(days=1)) == 0
    result = tiny_gallery.audit.verify()
    assert (result.first, result.last, result.problems) == (numbers[0], numbers[1] + 1, ())
    with database.reading() as connection:
        assert connection.scalars(select(AuditSubjectRow.name)).all() == []
    with database.writing() as connection:
        connection.execute(delete(AuditRow).where(AuditRow.id == numbers[0]))
    assert (tiny_gallery.audit.verify().problems != ()) is (kept > 0)


def test_the_gallery_expires_entries_in_whole_days(tiny_gallery, monkeypatch, database):
    start = now()
    later = start
    while later < start + timedelta(days=367):
        later += timedelta(days=5)
        monkeypatch.setattr("app.gallery.expiry.now", lambda later=later: later)
        tiny_gallery.purge_expired()
    for days, deleted in ((365, 0), (367, 4)):
        monkeypatch.setattr(audit_log, "now", lambda days=days: start + timedelta(days=days))
        assert tiny_gallery.audit.expire() == deleted
    assert tiny_gallery.audit.verify().problems == ()


def test_refused_sign_ins_are_counted_but_fill_no_disk(tiny_gallery):
    for _ in range(50):
        tiny_gallery.audit.record_refusal({"address": "192.0.2.7"})
    assert len(tiny_gallery.audit.entries(action=audit_log.REFUSED)) == 30


def test_the_next_refusal_counts_the_unrecorded(tiny_gallery, monkeypatch):
    for _ in range(33):
        tiny_gallery.audit.record_refusal({})
    monkeypatch.setattr(audit, "now", lambda: now() + timedelta(hours=2))
    tiny_gallery.audit.record_refusal({})
    assert [one.details for one in tiny_gallery.audit.entries(2)] == [{"unrecorded": 3}, {}]


def test_a_locked_database_does_not_delay_the_answer_to_a_refused_key(tiny_gallery, database, caplog):
    with database.writing():
        start = time.monotonic()
        for _ in range(2):
            tiny_gallery.audit.record_refusal({"address": "192.0.2.7"})
        assert time.monotonic() - start < 3
    assert [record.message[:29] for record in caplog.records] == ["refused_sign_in_not_recorded:"] * 2
    assert tiny_gallery.audit.entries(action=audit_log.REFUSED) == []
    tiny_gallery.audit.record_refusal({})
    assert tiny_gallery.audit.entries(1)[0].details == {"unrecorded": 2}


def test_other_writers_still_wait_after_a_refusal(tiny_gallery, database):
    with database.writing():
        tiny_gallery.audit.record_refusal({})
    with ThreadPoolExecutor(1) as pool:
        with database.writing():
            waiting = pool.submit(tiny_gallery.audit.record, "tested")
            time.sleep(0.5)
        waiting.result()
    assert tiny_gallery.audit.entries(1)[0].action == "tested"


def test_an_export_does_not_load_the_whole_log(empty_gallery, database, monkeypatch):
    with database.writing() as connection:
        audit.record_people(connection, "tested", [None] * 3000)
    made = []
    make_entry = audit._entry
    monkeypatch.setattr(audit, "_entry", lambda row: made.append(row) or make_entry(row))
    lines = empty_gallery.audit.export()
    assert json.loads(next(lines))["number"] == 1
    assert len(made) == 1
    assert [json.loads(line)["number"] for line in lines] == list(range(2, 3001))


def test_the_actor_of_a_request_comes_before_that_of_the_process():
    try:
        set_process_actor(Actor("command", "ann"))
        assert str(current_actor()) == "command:ann"
        set_request_actor(Actor("token"))
        assert str(current_actor()) == "token"
    finally:
        set_request_actor(None)
        set_process_actor(SYSTEM)
    assert len(str(Actor("account", "a" * 500))) == 200
