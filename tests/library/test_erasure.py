"""Erasing people from a library: rows, log and cached pictures."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from app.errors import LibraryError
from app.library import decisions, people, person_data, pictures, tags
from app.library.changes import list_changes
from app.library.erasure import erase_people
from app.library.store import FILE, PICTURES
from tests.library.conftest import face, fill, row


@pytest.fixture
def named(library, rng):
    """Ann in a.jpg, confirmed and tagged by the user, perhaps also in b.jpg; Bob beside her."""
    vectors = rng.normal(size=(4, 128)).astype(np.float32)
    fill(library, row("a.jpg", face(vectors[0]), face(vectors[1], x=300)), row("b.jpg", face(vectors[2])), row("c.jpg"))
    decisions.confirm(library, [1], "Ann")
    decisions.confirm(library, [2], "Bob")
    tags.tag(library, 3, "Ann")
    decisions.reject(library, [2], "Bob")
    decisions.confirm(library, [2], "Ann")
    decisions.confirm(library, [2], "Bob")
    with library.writing() as connection:
        ann = people.find(connection, "Ann")
        connection.execute("UPDATE face SET verdict = 'ambiguous', candidate_id = ? WHERE id = 3", (ann,))
        connection.execute("INSERT INTO thumbnail VALUES (1, ?)", (rng.bytes(3000),))
    return library


def test_the_data_of_a_person_is_collected(named):
    values, files = person_data.collect(named, ["Ann", "Annie"])
    assert [(found["file"], found["person"], found["candidate"]) for found in values["faces"]] == [
        ("a.jpg", "Ann", None),
        ("b.jpg", None, "Ann"),
    ]
    assert values["tags"] == [{"file": "c.jpg", "person": "Ann"}]
    assert [change["action"] for change in values["changes"]] == ["confirm", "tag", "confirm"]
    assert sorted(files) == ["library/1.f16", "library/1.webp", "library/2.f16"]


def test_nothing_of_an_erased_person_remains(named):
    erased = erase_people(named, ["ann", "Nobody"])
    assert (erased.faces, erased.tags, erased.photos, erased.search.remains) == (1, 1, 2, {})
    with named.reading() as connection:
        rows = connection.execute("SELECT id, verdict, candidate_id FROM face ORDER BY id").fetchall()
        assert rows == [(2, "match", None), (3, None, None)]
        assert connection.execute("SELECT name FROM person").fetchall() == [("Bob",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert not any("Ann" in change.description for change in list_changes(named))
    assert b"Ann" not in b"".join(path.read_bytes() for path in named.folder.glob(f"{FILE}*"))
    assert erase_people(named, ["Ann"]).faces == 0


def test_remains_are_found(named):
    named.connection.execute("PRAGMA secure_delete = OFF")
    assert erase_people(named, ["Ann"]).search.remains["picture"] > 50


def test_nobody_is_erased_while_the_cached_pictures_cannot_be(named, monkeypatch):
    monkeypatch.setattr(pictures, "_BUSY_SECONDS", 0)
    (key,) = named.connection.execute("SELECT digest FROM photo WHERE id = 1").fetchone()
    with closing(sqlite3.connect(named.folder / PICTURES, isolation_level=None)) as cache:
        cache.execute(pictures._TABLE)
        cache.execute("INSERT INTO picture (digest, kind, webp) VALUES (?, ?, x'00')", (key, pictures.PHOTO))
        cache.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryError, match="database is locked"):
            erase_people(named, ["Ann"])
        cache.execute("COMMIT")
        with named.reading() as connection:
            assert people.find(connection, "Ann")
        assert erase_people(named, ["Ann"]).faces == 1
        assert cache.execute("SELECT count(*) FROM picture").fetchone() == (0,)
