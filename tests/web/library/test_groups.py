"""Groups of unknown faces: the list, one group, removing faces, and naming."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from app.enrollment.photo_review import PhotoOutcome, ReferenceFace
from app.errors import LibraryError, LibraryLocked
from app.library import decisions, group_naming, suggestions
from app.library.group_pages import Cursor
from app.library.suggestions import Suggestion
from app.web.library import groups
from tests.photos import OTHER, PERSON
from tests.web.conftest import heading, text
from tests.web.library.conftest import ids

UNKNOWN = "SELECT id FROM face WHERE verdict = 'unknown' ORDER BY id"


@pytest.fixture
def reviewed(monkeypatch, rng):
    """Give each face of a group an outcome without reading its photo."""

    def review(outcome: str) -> None:
        faces = []
        for number in range(3):
            embedding = rng.normal(size=128).astype(np.float32) * 0.05 + np.eye(128, dtype=np.float32)[5]
            crop = np.full((112, 112, 3), 40 * number, np.uint8)
            face = ReferenceFace(crop, embedding / np.linalg.norm(embedding))
            faces.append(PhotoOutcome(f"/a/{number}.jpg", outcome, "Reason.", face=face))

        def examine(library, *_):
            assert library.connection.execute("SELECT 1").fetchone()
            yield from faces

        monkeypatch.setattr(group_naming, "examine_group", examine)

    return review


def test_the_largest_groups_come_first(client, library, monkeypatch):
    with library.writing() as connection:
        connection.execute("INSERT INTO unknown_group VALUES (2)")
        connection.execute("UPDATE membership SET group_id = 2 WHERE face_id = (SELECT max(face_id) FROM membership)")
    monkeypatch.setattr(groups, "PAGE_SIZE", 1)
    page = client.get("/library/groups")
    assert (heading(page), "2 groups of unknown faces" in text(page)) == ("Unknown people", True)
    assert "3 faces" in text(page)
    assert page.text.count("/library/pictures/faces/") == 3
    assert f'href="/library/groups?after={Cursor(3, 1)}"' in page.text
    page = client.get(f"/library/groups?after={Cursor(3, 1)}")
    assert ("1 face " in text(page), "Smaller groups" in text(page)) == (True, False)
    assert client.get("/library/groups?after=x").status_code == 200


def test_faces_that_have_a_name_by_now_do_not_count(client, library):
    with library.writing() as connection:
        first, *_, last = sorted(face for (face,) in connection.execute("SELECT face_id FROM membership"))
        connection.execute("INSERT INTO unknown_group VALUES (2)")
        connection.execute("UPDATE membership SET group_id = 2 WHERE face_id > ? AND face_id < ?", (first, last))
        connection.execute("UPDATE face SET source = 'confirmed' WHERE id = ?", (first,))
    assert re.findall(r'href="/library/groups/(\d)"', client.get("/library/groups").text) == ["2", "1"]


def test_a_group_whose_faces_all_have_names_is_left_out(client, library):
    library.connection.execute("UPDATE face SET source = 'confirmed'")
    page = client.get("/library/groups")
    assert "/library/groups/1" not in page.text
    assert "No group of unknown faces yet." in text(page)
    assert client.get("/library/groups/1").status_code == 404


def test_a_group_has_pages_of_faces(client, library, monkeypatch):
    monkeypatch.setattr(groups, "FACES", 3)
    page = client.get("/library/groups/1")
    assert heading(page) == "Who is this?"
    assert "Group 1: 4 faces in 4 photos, 2020-01-05 to 2021-05-02." in text(page)
    assert page.text.count('name="face"') == 3
    assert client.get("/library/groups/1?page=2").text.count('name="face"') == 1
    assert client.get("/library/groups/1?page=3").status_code == 404
    assert client.get("/library/groups/9").status_code == 404


def test_faces_are_removed_from_a_group_and_return_by_undo(client, library):
    unknown = ids(library, UNKNOWN)
    form = {"face": unknown[:2], "return": "/library/groups/1"}
    page = client.post("/library/groups/1/faces", data=form, follow_redirects=True)
    assert "2 faces removed from group 1. Undo" in text(page)
    assert "Group 1: 2 faces" in text(page)
    page = client.post("/library/groups/1/faces", data={"face": unknown[2:]}, follow_redirects=True)
    assert heading(page) == "Unknown people"
    for change in (2, 1):
        client.post("/library/undo", data={"change": change})
    assert "Group 1: 4 faces" in text(client.get("/library/groups/1"))
    page = client.post("/library/groups/1/faces", data=form | {"face": []}, follow_redirects=True)
    assert "No face was selected." in text(page)


def test_naming_a_group_enrolls_shows_the_outcomes_and_is_undone(client, library, recognizer, reviewed):
    reviewed("accepted")
    page = client.post("/library/groups/1/name", data={"name": "Quxw Zzyzx"})
    try:
        assert heading(page) == "4 faces named Quxw Zzyzx"
        assert "3 faces added to the gallery." in text(page)
        assert page.text.count("data:image/") == 3
        assert recognizer.gallery.find("quxw zzyzx").anchors == 3
        assert client.get("/library/groups/1/name").location == "/library/groups"
    finally:
        page = client.post("/library/undo", data={"change": 1}, follow_redirects=True)
    assert "Undone: Group 1 named Quxw Zzyzx: 4 faces. Name the faces again" in text(page)
    assert recognizer.gallery.find("Quxw Zzyzx") is None
    assert client.get("/library/groups/1").status_code == 200


def test_naming_a_group_takes_a_record_and_asks_for_a_required_basis(client, recognizer, reviewed, monkeypatch):
    reviewed("unlike")
    monkeypatch.setattr(recognizer.gallery, "_require_basis", True)
    assert 'name="basis"' in client.get("/library/groups/1").text
    form = {"person": "Quxw Zzyzx", "return": "/library/groups/1"}
    page = client.post("/library/groups/1/name", data=form, follow_redirects=True)
    assert "Quxw Zzyzx has no legal basis in the gallery" in text(page)
    page = client.post("/library/groups/1/name", data=form | {"basis": "consent", "source": "Album"})
    assert heading(page) == "Is this Quxw Zzyzx?"
    answers = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text))
    page = client.post("/library/groups/1/name", data=answers)
    try:
        assert heading(page) == "4 faces named Quxw Zzyzx"
        record = recognizer.gallery.find("quxw zzyzx").record
        assert (record.basis, record.source) == ("consent", "Album")
    finally:
        client.post("/library/undo", data={"change": 1})
    page = client.post("/library/groups/1/name", data={"name": PERSON[:-1], "basis": "consent"})
    assert '<input type="hidden" name="basis" value="consent">' in page.text


def test_naming_shows_its_progress(client, reviewed):
    reviewed("low_quality")
    answer = client.post(
        "/library/groups/1/name", data={"person": "Quxw Zzyzx"}, headers={"Accept": "application/x-ndjson"}
    )
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["step"] for line in lines[:-1]] == [
        *(f"Reading face {number} of 4…" for number in (1, 2, 3, 4)),
        "Comparing the faces with the gallery…",
    ]
    assert "Is this Quxw Zzyzx?" in lines[-1]["page"]


def test_a_problem_in_the_middle_of_the_progress_is_a_sentence_for_the_form(client, reviewed, monkeypatch):
    reviewed("low_quality")

    def fail(*_):
        raise LibraryError("The disk is full.")

    monkeypatch.setattr(group_naming, "name_group", fail)
    headers = {"Accept": "application/x-ndjson, text/html;q=0.5"}
    answer = client.post("/library/groups/1/name", data={"name": PERSON}, headers=headers)
    last = json.loads(answer.text.splitlines()[-1])
    assert last["status"] == 409
    assert '<p class="lede">The disk is full.</p>' in last["page"]
    answer = client.post("/library/groups/1/name", data={"name": " "}, headers=headers)
    assert (answer.status_code, '<p class="lede">The name is empty. Enter a name.</p>' in answer.text) == (409, True)


def test_a_decision_during_the_review_of_a_group_stays(client, library, reviewed, monkeypatch):
    reviewed("low_quality")
    face = ids(library, UNKNOWN)[0]
    compare = group_naming.compare_group

    def decide_and_compare(*values):
        decisions.confirm(library, [face], OTHER)
        return compare(*values)

    monkeypatch.setattr(group_naming, "compare_group", decide_and_compare)
    page = client.post("/library/groups/1/name", data={"name": PERSON})
    assert heading(page) == f"3 faces named {PERSON}"
    query = f"SELECT name FROM face JOIN person ON person.id = person_id WHERE face.id = {face}"
    assert library.connection.execute(query).fetchone() == (OTHER,)
    assert f"Group 1 named {PERSON}: 3 faces" in text(client.get("/library/changes"))


def test_a_group_has_its_name_although_another_run_began(client, library, reviewed, monkeypatch):
    reviewed("low_quality")

    def lock(*_):
        raise LibraryLocked("Another run is writing.")

    monkeypatch.setattr(groups, "run_naming", lock)
    page = client.post("/library/groups/1/name", data={"name": PERSON})
    assert heading(page) == f"4 faces named {PERSON}"
    assert "Another run is writing to the library. When it ends, name all faces again on the page People." in text(page)


def test_a_group_that_cannot_be_enrolled_is_named_without_enrolling(client, library, recognizer, reviewed):
    reviewed("low_quality")
    page = client.post("/library/groups/1/name", data={"name": PERSON})
    # The gallery has the person, and no face looks different.
    assert heading(page) == f"4 faces named {PERSON}"
    client.post("/library/undo", data={"change": 1})
    page = client.post("/library/groups/1/name", data={"name": "Quxw Zzyzx"})
    assert heading(page) == "Is this Quxw Zzyzx?"
    assert "Add faces anyway" not in page.text
    assert library.connection.execute("SELECT count(*) FROM face WHERE source = 'confirmed'").fetchone() == (0,)
    form = {"person": "Quxw Zzyzx", "confirm": 1}
    page = client.post("/library/groups/1/name", data=form, follow_redirects=True)
    assert "4 faces confirmed as Quxw Zzyzx. None was enrolled. Undo" in text(page)
    assert recognizer.gallery.find("Quxw Zzyzx") is None


def test_a_typed_name_that_resembles_others_is_a_question(client, library):
    page = client.post("/library/groups/1/name", data={"name": PERSON[:-1]})
    assert heading(page) == f"Who is “{PERSON[:-1]}”?"
    assert 'action="/library/groups/1/name"' in page.text
    for form, said in (({"name": " "}, "The name is empty."), ({"person": "A" * 200}, "characters. The limit is 100.")):
        assert said in text(client.post("/library/groups/1/name", data=form, follow_redirects=True))
    page = client.post("/library/groups/9/name", data={"person": PERSON}, follow_redirects=True)
    assert "The library has no group 9 with unknown faces. It was named or merged meanwhile." in text(page)
    assert "main.py" not in page.text


def test_new_faces_are_grouped_and_similar_groups_found(client, library, monkeypatch):
    with library.writing() as connection:
        connection.execute("DELETE FROM membership")
    monkeypatch.setattr(suggestions, "suggest", lambda *_: [Suggestion(2, None, PERSON, 0.5)])
    page = client.post("/library/grouping")
    assert "1 new group. 0 faces joined earlier groups." in text(page)
    assert "Answer 1 question about similar groups" in text(page)
    assert client.get("/library/grouping").location == "/library/groups"
    with library.lock():
        page = client.post("/library/grouping", follow_redirects=True)
    assert "Another run is writing to" in text(page)
