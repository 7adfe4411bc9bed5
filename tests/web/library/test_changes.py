"""The log of decisions, and the buttons that undo them."""

import pytest

from app.errors import GalleryError
from app.library import decisions
from app.library.changes import list_changes
from app.web.library import changes
from tests.photos import OTHER, PERSON
from tests.web.conftest import text


@pytest.fixture
def face(library) -> int:
    return library.connection.execute("SELECT id FROM face WHERE verdict = 'match' ORDER BY id").fetchone()[0]


def name_of(library, face: int) -> str:
    return library.connection.execute(
        "SELECT name FROM face JOIN person ON person.id = person_id WHERE face.id = ?", (face,)
    ).fetchone()[0]


def test_a_message_about_a_decision_has_a_button_that_undoes_it(client, library, face):
    page = client.post("/library/faces", data={"face": face, "confirm": OTHER}, follow_redirects=True)
    assert f"1 face confirmed as {OTHER}. Undo" in text(page)
    assert name_of(library, face) == OTHER
    page = client.post("/library/undo", data={"change": 1, "return": "/library/changes"}, follow_redirects=True)
    assert f"confirmed as {OTHER}." in text(page)
    assert name_of(library, face) == PERSON
    assert "administrator token, undone" in text(page)
    assert 'form="undo"' not in page.text
    page = client.post("/library/undo", data={"change": 1}, follow_redirects=True)
    assert "Change 1 was undone before." in text(page)
    # A message without a decision has no button.
    page = client.post("/library/faces", data={"confirm": OTHER}, follow_redirects=True)
    assert "No face was selected. " in text(page) + " "
    assert 'form="undo"' not in page.text


def test_decisions_are_in_the_audit_log_and_not_stored_without_an_entry(client, library, face, recognizer, monkeypatch):
    client.post("/library/faces", data={"face": face, "confirm": OTHER})
    client.post("/library/undo", data={"change": 1})
    client.post("/library/naming")
    entries = reversed(recognizer.gallery.audit.entries(3))
    assert [(entry.action, entry.person, entry.actor) for entry in entries] == [
        ("library_confirm", OTHER, "token"),
        ("library_undid", OTHER, "token"),
        ("library_named", None, "token"),
    ]

    def fail(*_arguments, **_options):
        raise GalleryError("The gallery could not be written (database is locked).")

    monkeypatch.setattr(recognizer.gallery.audit, "record", fail)
    assert client.post("/library/faces", data={"face": face, "confirm": OTHER}).status_code == 503
    assert name_of(library, face) == PERSON
    assert len(list_changes(library)) == 1


def test_changes_are_listed_in_pages(client, library, face, monkeypatch):
    monkeypatch.setattr(changes, "PAGE_SIZE", 2)
    assert "No decisions were made yet." in text(client.get("/library/changes"))
    for name in ("Ann", "Bob", "Cid"):
        decisions.confirm(library, [face], name)
    page = client.get("/library/changes")
    assert [name in text(page) for name in ("Ann", "Bob", "Cid")] == [False, True, True]
    assert 'href="/library/changes?before=2"' in page.text
    page = client.get("/library/changes?before=2")
    assert [name in text(page) for name in ("Ann", "Bob", "Cid")] == [True, False, False]
