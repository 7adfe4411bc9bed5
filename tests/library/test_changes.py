"""Decisions are recorded and can be undone exactly, in any order."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app.errors import GalleryError, LibraryError, NothingToUndo, PersonNotFound
from app.library import changes, decisions, groups, people, tags
from app.library.changes import TABLES, list_changes
from app.library.group_naming import confirm_group
from app.library.store import Library
from app.library.undo import undo
from tests.library.conftest import face, fill, row


@pytest.fixture
def filled(library, rng):
    """A photo with a face named Ann and an ambiguous one, and one with unknown faces in the groups 1, 2 and 1."""
    vectors = rng.normal(size=(5, 16)).astype(np.float32)
    fill(
        library,
        row("a.jpg", face(vectors[0]), face(vectors[1], x=300)),
        row("b.jpg", *(face(vectors[number], x=300 * number) for number in (2, 3, 4))),
    )
    with library.writing() as connection:
        ann, bob = people.ensure(connection, "Ann"), people.ensure(connection, "Bob")
        update = "UPDATE face SET verdict = ?, person_id = ?, candidate_id = ?, distance = ? WHERE id = ?"
        connection.execute(update, ("match", ann, None, 0.1 + 0.2, 1))
        connection.execute(update, ("ambiguous", None, bob, 0.3, 2))
        connection.execute("UPDATE face SET verdict = 'unknown' WHERE id > 2")
        connection.executemany("INSERT INTO unknown_group (id) VALUES (?)", [(1,), (2,), (3,)])
        connection.executemany("INSERT INTO membership VALUES (?, ?)", [(3, 1), (4, 2), (5, 1)])
        connection.execute("INSERT INTO different_group VALUES (1, 3)")
    return library


@pytest.fixture
def take_back_last(filled, small_gallery):
    return lambda number=None: undo(filled, small_gallery, number)


def state(library: Library) -> dict[str, list[tuple]]:
    return {table: sorted(library.connection.execute(f"SELECT * FROM {table}")) for table in TABLES}


BOX = decisions.Box(500, 500, 50, 50)
DECISIONS = {
    "Face 1 of a.jpg confirmed as Cid": lambda library: decisions.confirm(library, [1], "Cid"),
    "2 faces confirmed as Ann": lambda library: decisions.confirm(library, [1, 2], "Ann"),
    "Face 1 of a.jpg marked as not Ann": lambda library: decisions.reject(library, [1], "Ann"),
    "Face 2 of a.jpg marked as not Bob": lambda library: decisions.reject(library, [2], "Bob"),
    "Group 1 marked as not Bob: Face 1 of b.jpg": lambda library: decisions.reject(library, [3], "Bob", 1),
    "Decisions about Face 1 of a.jpg forgotten": lambda library: decisions.take_back(library, [1]),
    "Face 3 of a.jpg drawn: Cid": lambda library: decisions.draw(library, 1, BOX, "Cid"),
    "Bob tagged in b.jpg": lambda library: tags.tag(library, 2, "Bob"),
    "Groups 2 and 1 marked as different people": lambda library: groups.keep_apart(library, 2, 1),
    "Face 1 of b.jpg removed from group 1": lambda library: groups.remove_faces(library, 1, [3]),
    "Group 1 merged into group 2": lambda library: groups.merge_groups(library, 1, 2),
    "Group 2 confirmed as Cid: Face 2 of b.jpg": lambda library: confirm_group(library, 2, "Cid"),
}


@pytest.mark.parametrize("description", DECISIONS)
def test_a_decision_is_recorded_and_undone_exactly(filled, take_back_last, description, monkeypatch):
    before = state(filled)
    monkeypatch.setattr(changes, "current_actor", lambda: "ann")
    DECISIONS[description](filled)
    assert state(filled) != before
    (change,) = list_changes(filled)
    assert (change.description, change.author, change.undone, change.reversible) == (description, "ann", None, True)
    assert take_back_last().message == f"Undone: {description}."
    assert state(filled) == before
    (change,) = list_changes(filled)
    assert (change.description == description) != change.action.startswith("draw")
    assert change.undone
    assert not change.reversible
    with pytest.raises(NothingToUndo, match="There is no decision to undo"):
        take_back_last()
    with pytest.raises(NothingToUndo, match="Change 1 was undone before"):
        take_back_last(1)


class LockedLog:
    """An audit log whose database is locked."""

    def record(self, *_arguments) -> None:
        raise GalleryError("database is locked")


@pytest.mark.parametrize("description", DECISIONS)
def test_a_decision_that_cannot_be_audited_is_not_stored(filled, take_back_last, description):
    before = state(filled)
    filled.audit = LockedLog()
    with pytest.raises(GalleryError):
        DECISIONS[description](filled)
    assert (state(filled), list_changes(filled), filled.last_change) == (before, [], None)
    filled.audit = None
    DECISIONS[description](filled)
    after = state(filled)
    filled.audit = LockedLog()
    with pytest.raises(GalleryError):
        take_back_last()
    assert state(filled) == after
    assert not list_changes(filled)[0].undone


def test_audit_entries_have_person_and_counts_but_no_paths(filled, take_back_last):
    entries = []
    filled.audit = SimpleNamespace(record=lambda *entry: entries.append(entry))
    for decide in DECISIONS.values():
        decide(filled)
    take_back_last(1)
    assert entries[:2] == [
        ("library_confirm", "Cid", {"change": 1, "faces": 1}),
        ("library_confirm", "Ann", {"change": 2, "faces": 2}),
    ]
    assert ("library_keep_apart", None, {"change": 9, "group": 2, "other": 1}) in entries
    assert entries[-1] == ("library_undid", "Cid", {"change": 1})
    assert ".jpg" not in str(entries)


def test_all_decisions_are_undone_in_any_order(filled, take_back_last, rng):
    before = state(filled)
    for decide in DECISIONS.values():
        decide(filled)
    decisions.take_back(filled, [6])
    numbers = [change.number for change in list_changes(filled)]
    assert len(numbers) == len(DECISIONS) + 1
    for number in rng.permutation(numbers).tolist():
        take_back_last(number)
    # A group that was merged meanwhile loses the answer about it.
    after = state(filled)
    assert set(after.pop("different_group")) <= set(before.pop("different_group"))
    assert after == before


def test_random_decisions_are_undone_in_random_order(filled, take_back_last, rng):
    filled.connection.execute("PRAGMA synchronous = OFF")
    before = state(filled)
    face_ids = lambda: rng.integers(1, 7, size=2).tolist()  # noqa: E731
    photo = group = lambda: int(rng.integers(1, 3))
    name = lambda: ("Ann", "Bob", "Cid")[rng.integers(3)]  # noqa: E731
    decide = (
        lambda: decisions.confirm(filled, face_ids(), name()),
        lambda: decisions.reject(filled, face_ids(), name()),
        lambda: decisions.take_back(filled, face_ids()),
        lambda: decisions.draw(filled, photo(), BOX, name()),
        lambda: tags.tag(filled, photo(), name()),
        lambda: tags.untag(filled, photo(), name()),
        lambda: groups.merge_groups(filled, group(), group()),
        lambda: confirm_group(filled, group(), name()),
        lambda: groups.remove_faces(filled, group(), face_ids()[:1]),
        take_back_last,
        lambda: take_back_last(int(rng.integers(1, 60))),
    )
    for _ in range(150):
        with suppress(LibraryError, PersonNotFound, NothingToUndo):
            decide[rng.integers(len(decide))]()
    numbers = [change.number for change in list_changes(filled, 200) if change.reversible]
    assert len(numbers) > 20
    for number in rng.permutation(numbers).tolist():
        # Undoing a decision can make a later one undone, too.
        with suppress(NothingToUndo):
            take_back_last(number)
    after = state(filled)
    assert set(after.pop("different_group")) <= set(before.pop("different_group"))
    assert after == before


def test_a_later_decision_stays_and_its_undo_restores_what_was_before_both(filled, take_back_last):
    before = state(filled)
    decisions.confirm(filled, [1, 2], "Ann")
    decisions.confirm(filled, [1], "Bob")
    assert take_back_last(1).message == (
        "Undone: 2 faces confirmed as Ann. 1 later decision about the same faces or photos stays."
    )
    named = filled.connection.execute("SELECT name FROM face JOIN person ON person.id = person_id").fetchall()
    assert named == [("Bob",)]
    take_back_last()
    assert state(filled) == before


def test_a_face_that_was_judged_again_gets_its_decision_back(filled, take_back_last):
    decisions.confirm(filled, [1], "Ann")
    decisions.take_back(filled, [1])
    filled.connection.execute("UPDATE face SET verdict = 'match', person_id = 2, distance = 0.5 WHERE id = 1")
    take_back_last()
    decided = filled.connection.execute("SELECT source, verdict, person_id, distance FROM face WHERE id = 1").fetchone()
    assert decided == ("confirmed", "match", 1, None)
    # The gallery may have changed: all faces are judged again.
    assert filled.read_property("naming") is None


def test_faces_that_joined_a_merged_group_stay_in_it(filled, take_back_last):
    groups.merge_groups(filled, 1, 2)
    filled.connection.execute("INSERT INTO membership VALUES (2, 2)")
    take_back_last()
    rows = filled.connection.execute("SELECT * FROM membership ORDER BY 1").fetchall()
    assert rows == [(2, 2), (3, 1), (4, 2), (5, 1)]


def test_a_decision_that_changes_nothing_is_not_recorded(filled):
    decisions.confirm(filled, [1], "Ann")
    decisions.confirm(filled, [1], "Ann")
    groups.keep_apart(filled, 1, 2)
    groups.keep_apart(filled, 2, 1)
    assert [change.action for change in list_changes(filled)] == ["keep_apart", "confirm"]


def test_a_failed_decision_is_not_recorded_and_others_follow(filled):
    before = state(filled)
    with pytest.raises(LibraryError, match="no face with the ID 99"):
        decisions.confirm(filled, [1, 99], "Ann")
    assert (state(filled), list_changes(filled)) == (before, [])
    filled.connection.execute("UPDATE face SET verdict = NULL WHERE id = 1")
    decisions.confirm(filled, [1], "Ann")
    assert len(list_changes(filled)) == 1


def test_merged_people_are_followed(filled, take_back_last):
    decisions.reject(filled, [1], "Ann")
    with filled.writing() as connection:
        people._merge(connection, 1, 2)
    assert list_changes(filled)[0].description == "Face 1 of a.jpg marked as not Bob"
    take_back_last()
    assert filled.connection.execute("SELECT person_id FROM face WHERE id = 1").fetchone() == (2,)
    assert filled.connection.execute("SELECT * FROM rejection").fetchall() == []


def test_decisions_about_photos_that_are_gone_cannot_be_undone(filled, take_back_last):
    decisions.confirm(filled, [1, 3], "Ann")
    decisions.confirm(filled, [2], "Ann")
    filled.connection.execute("DELETE FROM photo WHERE id = 1")
    assert [change.reversible for change in list_changes(filled)] == [False, True]
    with pytest.raises(NothingToUndo, match="Change 2 cannot be undone: the library has forgotten its photos"):
        take_back_last(2)
    assert take_back_last().message == (
        "Undone: 2 faces confirmed as Ann. 1 face of photos that changed or are gone was not restored."
    )
    with pytest.raises(NothingToUndo, match="There is no decision to undo"):
        take_back_last()
    with pytest.raises(NothingToUndo, match=r"no change 9\. It keeps the latest 1,000"):
        take_back_last(9)


def test_a_drawn_face_keeps_its_id_and_gets_another_number_if_it_was_used_since(filled, take_back_last):
    drawn = decisions.draw(filled, 1, BOX, "Ann")
    decisions.reject(filled, [drawn], "Bob")
    decisions.take_back(filled, [drawn])
    fill(filled, row("c.jpg", face(np.ones(16))))
    other = decisions.draw(filled, 1, BOX, "Bob")
    take_back_last(3)
    assert filled.connection.execute("SELECT * FROM rejection").fetchall() == [(drawn, 2)]
    rows = filled.connection.execute("SELECT id, number, person_id FROM face WHERE source = 'drawn' ORDER BY 1")
    assert rows.fetchall() == [(drawn, 4, 1), (other, 3, 2)]
    take_back_last(2)
    take_back_last(1)
    assert filled.connection.execute("SELECT id FROM face WHERE source = 'drawn'").fetchall() == [(other,)]


def test_a_drawn_face_is_deleted_with_its_rejections(filled, take_back_last):
    decisions.reject(filled, [decisions.draw(filled, 1, BOX, "Ann")], "Ann")
    assert "1 later decision" in take_back_last(1).message
    assert take_back_last(2).message.endswith(" marked as not Ann.")
    assert filled.connection.execute("SELECT count(*) FROM face WHERE source = 'drawn'").fetchone() == (0,)


def test_a_face_that_was_removed_from_a_group_and_named_keeps_its_name(filled):
    groups.remove_faces(filled, 1, [3])
    decisions.confirm(filled, [3], "Cid")
    confirm_group(filled, 1, "Cid")
    named = filled.connection.execute(
        "SELECT face.id FROM face JOIN person ON person.id = person_id WHERE name = 'Cid'"
    )
    assert named.fetchall() == [(3,), (5,)]


def test_a_drawn_face_returns_beside_one_that_was_drawn_since(filled, take_back_last):
    query = "SELECT x, name FROM face JOIN person ON person.id = person_id WHERE source = 'drawn' ORDER BY x"
    decisions.take_back(filled, [decisions.draw(filled, 1, BOX, "Ann")])
    bob = decisions.draw(filled, 1, replace(BOX, x=700), "Bob")
    take_back_last(2)
    assert filled.connection.execute(query).fetchall() == [(500, "Ann"), (700, "Bob")]
    decisions.take_back(filled, [bob])
    take_back_last(1)
    assert filled.connection.execute(query).fetchall() == []
    take_back_last()
    assert filled.connection.execute(query).fetchall() == [(700, "Bob")]
    take_back_last()
    assert filled.connection.execute(query).fetchall() == []


def test_decisions_about_a_changed_file_can_be_undone(archive, library, small_gallery):
    archive.files = {"a.jpg": b"photo"}
    archive.index(faces=[face(np.ones(8), x=100)])
    tags.tag(library, 1, "Bob")
    decisions.draw(library, 1, BOX, "Cid")
    decisions.confirm(library, [1], "Ann")
    archive.files = {"a.jpg": b"photo with names"}
    archive.index(faces=[face(np.ones(8), x=110)])
    assert tags.of_photo(library, 2) == ["Bob"]
    for _ in range(3):
        assert "not restored" not in undo(library, small_gallery).message
    assert library.connection.execute("SELECT photo_id, source FROM face").fetchall() == [(2, "automatic")]
    assert tags.of_photo(library, 2) == []


def test_the_latest_changes_are_kept(filled, monkeypatch):
    monkeypatch.setattr(changes, "KEPT", 2)
    for name in ("Ann", "Bob", "Cid"):
        decisions.confirm(filled, [1], name)
    assert [change.person for change in list_changes(filled)] == ["Cid", "Bob"]
    assert [change.person for change in list_changes(filled, limit=1, before=3)] == ["Bob"]
    former = filled.connection.execute("SELECT former FROM former_row ORDER BY change_id").fetchall()
    assert [json.loads(data)["person_id"] for (data,) in former] == [1, 2]


def test_changes_of_too_many_faces_are_forgotten_but_for_the_latest(filled, monkeypatch):
    monkeypatch.setattr(changes, "KEPT_FACES", 3)
    for faces in ([1], [1, 2], [3], [1, 2, 3, 4]):
        decisions.confirm(filled, faces, "Ann")
        decisions.confirm(filled, faces, "Bob")
    assert [change.number for change in list_changes(filled)] == [8]


def test_a_rejection_that_was_confirmed_in_a_changed_file_can_be_undone(archive, library, small_gallery):
    archive.files = {"a.jpg": b"photo"}
    archive.index(faces=[face(np.ones(8), x=100)])
    with library.writing() as connection:
        people.ensure(connection, "Ann")
    decisions.reject(library, [1], "Ann")
    decisions.confirm(library, [1], "Ann")
    archive.files = {"a.jpg": b"photo with names"}
    archive.index(faces=[face(np.ones(8), x=110)])
    undo(library, small_gallery)
    rejected = "SELECT photo_id, source FROM face JOIN rejection ON face_id = face.id"
    assert library.connection.execute(rejected).fetchall() == [(2, "automatic")]


def test_undo_removes_nothing_from_another_gallery(filled, take_back_last, small_gallery):
    person = small_gallery.find("Ann <b>")
    anchors = {anchor.id: "holiday.jpg, face 1" for anchor in small_gallery.anchors(person.id)}
    details = {"anchors": anchors, "gallery_person": person.id, "new": True}
    with decisions.deciding(filled, changes.NAME_GROUP, group=1, faces=1, **details) as change:
        decisions.confirm_faces(change.connection, [3], 1)
    take_back_last()
    assert small_gallery.find("Ann <b>") == person
