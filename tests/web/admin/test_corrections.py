"""Correction of results by administrators: faces added, rejected and named together."""

import html
import re

import pytest
from flask.testing import FlaskClient

from app.web.factory import create_app
from app.web.wording import UNRECOGNIZED
from tests.conftest import TOKEN
from tests.photos import OTHER, PERSON
from tests.web.admin_requests import SINGLE, fields, message, send
from tests.web.conftest import heading, text


def results(client: FlaskClient, data: bytes):
    return send(client, "/identify", {}, {"me.jpg": data})


def test_a_correction_adds_the_face_to_the_right_person(client, gallery, photo):
    gallery.remove(PERSON)
    page = results(client, photo(PERSON))
    assert heading(page) == UNRECOGNIZED
    sent = fields(page, "/manage/faces")
    confirmation = client.post("/manage/faces", data=sent | {"person": OTHER})
    assert heading(confirmation) == f"Add this face to {OTHER}?"
    assert gallery.find(OTHER).anchors == 32
    answer = client.post("/manage/faces", data=sent | {"name": "Bo"})
    assert message(client, answer) == "Face added to Bo. " + SINGLE
    assert [one.note for one in gallery.anchors("Bo")] == ["me.jpg"]
    assert heading(results(client, photo(PERSON))) == "This looks like Bo"
    confirmation = client.post("/manage/faces", data=sent | {"person": "Bo"})
    assert "nearly the same picture as a photo in the gallery" in text(confirmation)
    answer = client.post("/manage/faces", data=fields(confirmation, "/manage/faces") | {"person": "Bo"})
    assert message(client, answer).startswith("Face added to Bo. 2 of 2 photos would be recognized")
    assert gallery.find("Bo").anchors == 2


def test_a_misspelled_name_is_asked_about_before_a_person_is_added(client, gallery, photo):
    sent = fields(results(client, photo(PERSON)), "/manage/faces")
    page = client.post("/manage/faces", data=sent | {"name": "Camilla Mendez"})
    assert heading(page) == "Who is “Camilla Mendez”?"
    assert re.findall(r'name="person" value="(.*?)"', page.text) == [OTHER, "Camilla Mendez"]
    assert gallery.find("Camilla Mendez") is None
    # The choice of a person goes on to the review.
    review = client.post("/manage/faces", data=fields(page, "/manage/faces") | {"person": "Camilla Mendez"})
    assert heading(review) == "Add this face to Camilla Mendez?"
    assert "New person" not in review.text


def test_a_required_basis_is_a_question(client, gallery, photo, monkeypatch):
    monkeypatch.setattr(gallery, "_require_basis", True)
    gallery.remove(PERSON)
    sent = fields(results(client, photo(PERSON)), "/manage/faces") | {"name": "Bo"}
    page = client.post("/manage/faces", data=sent)
    assert heading(page) == "Add this face to Bo?"
    assert "Not saved yet. Bo has no legal basis" in text(page)
    sent = fields(page, "/manage/faces") | {"person": "Bo"}
    page = client.post("/manage/faces", data=sent | {"basis": "consent", "date": "May"})
    assert "Not saved yet. The date is 'May'. Write it as 2026-12-31." in html.unescape(text(page))
    assert gallery.find("Bo") is None
    answer = client.post("/manage/faces", data=sent | {"basis": "consent", "source": "Album"})
    assert message(client, answer) == "Face added to Bo. " + SINGLE
    assert (gallery.find("Bo").record.basis, gallery.find("Bo").record.source) == ("consent", "Album")


def test_several_faces_are_named_together(client, gallery, photo):
    gallery.remove(PERSON)
    files = {"a.jpg": photo(PERSON), "b.jpg": photo(PERSON, side=200), "c.jpg": photo(OTHER)}
    page = send(client, "/identify", {}, files)
    assert text(page).count("Who is this?") == 2
    assert text(page).count("Select 1 other face like this one") == 2
    sealed = [html.unescape(found) for found in re.findall(r'name="photo" value="(.*?)"', page.text)]
    page = client.post("/manage/faces", data={"photo": sealed, "name": "Bo"})
    assert heading(page) == "Add these faces to Bo?"
    assert f"The face looks like {OTHER}, who is already in the gallery." in text(page)
    selected = re.findall(r'name="photo" value="(.*?)" checked', page.text)
    keys = re.findall(r'name="reviewed" value="(.*?)"', page.text)
    assert 0 < len(selected) < len(keys) == 3
    assert gallery.find("Bo") is None
    assert message(client, client.post("/manage/faces", data={"person": "Bo"})) == "No face was selected."
    many = client.post("/manage/faces", data={"photo": sealed * 6, "name": "Bo"}, content_type="multipart/form-data")
    assert heading(many) == "Add these faces to Bo?"
    # What was seen of one face allows nothing about another.
    seen = {"photo": sealed, "person": "Bo", "reviewed": keys[:1]}
    assert heading(client.post("/manage/faces", data=seen)) == "Add these faces to Bo?"
    changes = len(gallery.history())
    answer = client.post("/manage/faces", data=seen | {"reviewed": keys})
    assert message(client, answer).startswith("3 faces added to Bo.")
    assert len(gallery.history()) == changes + 1
    client.post("/manage/undo", data={"change": gallery.history(1)[0].id})
    assert gallery.find("Bo") is None


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("camilla", [OTHER, "camilla"]), (OTHER.upper(), [OTHER]), ("Bo", ["Bo"]), ("\u200b", [])],
)
def test_a_typed_name_suggests_people_and_a_new_person(client, typed, offered):
    page = client.get("/manage/faces/people", query_string={"name": typed})
    assert re.findall(r'name="person" value="(.*?)"', page.text) == offered
    assert page.cache_control.no_store


def test_a_rejected_face_raises_the_distance_until_it_is_removed(client, gallery, photo):
    page = results(client, photo(PERSON))
    assert heading(page) == f"This looks like {PERSON}"
    answer = client.post("/manage/faces", data=fields(page, "/manage/faces") | {"reject": PERSON})
    assert message(client, answer).startswith(f"The face is marked as not {PERSON}")
    page = results(client, photo(PERSON))
    assert heading(page) == UNRECOGNIZED
    embedding = re.search(r'name="embedding" value="([^"]+)"', page.text)[1]
    assert re.search(
        rf"A similar face was marked as not {PERSON}, which raised the distance from 0\.\d+ to 0\.\d+\.",
        text(client.post("/details", data={"embedding": embedding})),
    )
    assert f"Not {PERSON}" in text(client.get("/manage/rejected"))
    ids = [one.id for one in gallery.rejected_faces()]
    assert (
        message(client, client.post("/manage/rejected", data={"face": ids, "return": "/manage/rejected"}))
        == "1 rejected face removed."
    )
    assert heading(results(client, photo(PERSON))) == f"This looks like {PERSON}"


def test_visitors_see_no_correction(settings, recognizer, photo):
    page = results(create_app(settings.with_changes(admin_token=TOKEN), recognizer).test_client(), photo(PERSON))
    assert "Correct this result" not in page.text
    assert "Who is this?" not in page.text


def test_a_forged_face_is_not_added(client):
    assert "The review has expired." in message(
        client, client.post("/manage/faces", data={"photo": "x", "person": PERSON})
    )
