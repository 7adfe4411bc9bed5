"""A photo of a library, and decisions about its faces."""

import html
import re

import pytest

from tests.photos import OTHER, PERSON
from tests.web.conftest import heading, text
from tests.web.library.conftest import ids


@pytest.fixture
def photo_id(library) -> int:
    """The photo of PERSON and OTHER."""
    return ids(library, "SELECT photo_id FROM file WHERE path LIKE '%dinner.jpg'")[0]


@pytest.fixture
def faces(library, photo_id) -> list[int]:
    return ids(library, f"SELECT id FROM face WHERE photo_id = {photo_id} ORDER BY x")


def state(library, face_id: int) -> tuple:
    query = "SELECT name, source, verdict FROM face LEFT JOIN person ON person.id = person_id WHERE face.id = ?"
    return library.connection.execute(query, (face_id,)).fetchone()


def message(client, answer) -> str:
    assert answer.status_code == 303, answer.text
    page = client.get(answer.location)
    return html.unescape(
        re.search(r'<p class="flow (?:done|problem)[^>]*>\s*(.*?)\s*(?:<button|</p>)', page.text, re.S)[1]
    )


def test_a_photo_has_boxes_faces_files_and_neighbors(client, library, photo_id):
    page = client.get(f"/library/photos/{photo_id}")
    assert heading(page) == "dinner.jpg"
    assert "2019-07-21 20:15, 900" in text(page)
    assert page.text.count('class="box"') == 2
    assert "/archive/2019/dinner.jpg" in page.text
    assert f"{PERSON} Match, distance 0.0" in text(page)
    newer, older = (re.search(rf'href="/library/photos/(\d+)" rel="{rel}"', page.text)[1] for rel in ("prev", "next"))
    assert [heading(client.get(f"/library/photos/{one}")) for one in (newer, older)] == ["birthday.jpg", "beach.jpg"]


def test_unknown_faces_have_the_closest_people_to_choose(client, library, photo_id, faces):
    assert 'name="person"' not in client.get(f"/library/photos/{photo_id}").text
    client.post("/library/faces", data={"face": faces[0], "reject": PERSON})
    choices = re.findall(r'name="person" value="([^"]*)"', client.get(f"/library/photos/{photo_id}").text)
    assert len(choices) == 4
    assert PERSON not in choices
    client.post("/library/faces", data={"face": faces[0], "forget": "1"})
    assert f'name="person" value="{PERSON}"' in client.get(f"/library/photos/{photo_id}").text


def test_neighbors_are_those_of_the_person(client, library, photo_id):
    person = ids(library, f"SELECT id FROM person WHERE name = '{PERSON}'")[0]
    page = client.get(f"/library/photos/{photo_id}?person={person}")
    newer = re.search(r'href="(/library/photos/[^"]*)" rel="prev"', page.text)[1]
    assert heading(client.get(newer)) == "trip-1.jpg"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("%broken.jpg", "The file could not be read as a picture."), ("%landscape.jpg", "No face found")],
)
def test_unreadable_photos_and_photos_without_faces_say_so(client, library, pattern, said):
    (photo,) = ids(library, f"SELECT photo_id FROM file WHERE path LIKE '{pattern}'")
    assert said in text(client.get(f"/library/photos/{photo}"))


def test_files_that_changed_since_are_reported(client, library, photo_id):
    with library.writing() as connection:
        connection.execute("UPDATE file SET modified_ns = 1 WHERE photo_id = ?", (photo_id,))
    assert "The file has changed since the last library index." in text(client.get(f"/library/photos/{photo_id}"))
    with library.writing() as connection:
        connection.execute("UPDATE file SET path = '/nowhere/x.jpg' WHERE photo_id = ?", (photo_id,))
    assert "File not found." in text(client.get(f"/library/photos/{photo_id}"))


def test_unreadable_files_are_listed(client, library):
    with library.writing() as connection:
        connection.execute(
            "INSERT INTO file SELECT '/copy.jpg', NULL, 1, 1, photo_id FROM file WHERE path LIKE '%broken.jpg'"
        )
    page = client.get("/library/unreadable")
    assert heading(page) == "2 unreadable files"
    assert "broken.jpg The file could not be read as a picture." in text(page)


def test_unknown_photos_are_not_found(client):
    assert client.get("/library/photos/999").status_code == 404
    assert client.post("/library/photos/999/faces").status_code == 404


@pytest.mark.parametrize(
    ("form", "said", "expected"),
    [
        ({"confirm": PERSON}, f"1 face confirmed as {PERSON}.", (PERSON, "confirmed", "match")),
        (
            {"reject": PERSON},
            f"1 face marked as not {PERSON}. The next naming can choose another person.",
            (None, "automatic", "unknown"),
        ),
        ({"person": "Bo Berg"}, "1 face confirmed as Bo Berg, a new person.", ("Bo Berg", "confirmed", "match")),
        ({"name": "Quxw Zzyzx"}, "1 face confirmed as Quxw Zzyzx, a new person.", ("Quxw Zzyzx", "confirmed", "match")),
        ({"name": OTHER.upper()}, f"1 face confirmed as {OTHER}.", (OTHER, "confirmed", "match")),
        ({"forget": "1"}, "Decisions about 1 face forgotten. The next naming judges it.", (None, "automatic", None)),
        ({"name": " "}, "The name is empty. Enter a name.", (PERSON, "automatic", "match")),
        ({"reject": "Bo Berg"}, "The library has no person called 'Bo Berg'.", (PERSON, "automatic", "match")),
    ],
)
def test_a_decision_about_a_face(client, library, photo_id, faces, form, said, expected):
    page = f"/library/photos/{photo_id}#face-{faces[0]}"
    answer = client.post("/library/faces", data={"face": faces[0], "return": page, **form})
    assert answer.location == page
    assert message(client, answer) == said
    assert state(library, faces[0]) == expected


def test_several_faces_are_one_decision(client, library, faces):
    answer = client.post("/library/faces", data={"face": [*faces, faces[0]], "confirm": PERSON})
    assert message(client, answer) == f"2 faces confirmed as {PERSON}."
    assert [state(library, face)[0] for face in faces] == [PERSON, PERSON]


@pytest.mark.parametrize(
    ("form", "said"), [({}, "No face was selected."), ({"face": "99999"}, "The library has no face with the ID 99999.")]
)
def test_forms_without_a_face_are_explained(client, form, said):
    assert message(client, client.post("/library/faces", data={"confirm": PERSON, **form})) == said


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/libraryx", "/library/\\evil", "/people"]
)
def test_redirects_stay_in_the_library(client, faces, target):
    answer = client.post("/library/faces", data={"face": faces[0], "confirm": PERSON, "return": target})
    assert answer.location == "/library"


def test_a_new_name_that_resembles_others_is_a_question(client, library, faces):
    answer = client.post("/library/faces", data={"face": faces, "name": "Camila", "return": "/library?q=x"})
    assert (answer.status_code, heading(answer)) == (200, "Who is “Camila”?")
    assert f'name="person" value="{OTHER}"' in answer.text
    assert 'value="Camila"' in answer.text
    assert all(f'name="face" value="{face}"' in answer.text for face in faces)
    assert state(library, faces[0]) == (PERSON, "automatic", "match")


def test_names_are_suggested_from_gallery_and_library(client, faces):
    client.post("/library/faces", data={"face": faces[0], "person": "Camilla Nobody"})
    suggested = re.findall(r'value="([^"]*)"', client.get("/library/names?name=camil").text)
    assert {OTHER, "Camilla Nobody", "camil"} <= set(suggested)
    assert re.findall(r'value="([^"]*)"', client.get("/library/names?name=camilla nobody").text) == ["Camilla Nobody"]
    assert "<button" not in client.get("/library/names?name=%00").text


BOX = {"x": "10", "y": "20", "width": "100", "height": "120"}


def test_a_missed_face_is_added_and_removed(client, library, photo_id):
    answer = client.post(f"/library/photos/{photo_id}/faces", data={**BOX, "person": "Bo Berg"})
    assert message(client, answer) == "Face of Bo Berg added."
    (face,) = ids(library, "SELECT id FROM face WHERE source = 'drawn'")
    page = client.get(f"/library/photos/{photo_id}")
    assert "Bo Berg Added by hand" in text(page)
    picture = client.get(f"/library/pictures/faces/{face}.webp")
    assert picture.mimetype == "image/webp"
    client.post("/library/faces", data={"face": face, "forget": "1"})
    assert ids(library, "SELECT id FROM face WHERE source = 'drawn'") == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"x": ""}, "The box is incomplete."),
        ({"x": "nan"}, "The box is incomplete."),
        ({"width": "1e400"}, "The box is incomplete."),
        ({"width": "3"}, "The box is too small."),
        ({"x": "-1"}, "The box is partly outside the photo, which has 900 x 700 pixels."),
        ({"height": "700"}, "The box is partly outside the photo"),
        ({"person": " "}, "The name is empty."),
    ],
)
def test_invalid_boxes_are_explained(client, library, photo_id, changed, said):
    form = {**BOX, "person": "Bo Berg", "return": f"/library/photos/{photo_id}", **changed}
    assert message(client, client.post(f"/library/photos/{photo_id}/faces", data=form)).startswith(said)
    assert ids(library, "SELECT id FROM face WHERE source = 'drawn'") == []


def test_a_drawn_face_with_a_similar_name_is_a_question(client, photo_id):
    answer = client.post(f"/library/photos/{photo_id}/faces", data={**BOX, "name": "Camila"})
    assert heading(answer) == "Who is “Camila”?"
    assert 'name="width" value="100"' in answer.text
    assert f'action="/library/photos/{photo_id}/faces"' in answer.text


def test_people_without_a_face_are_added_and_removed(client, photo_id):
    tags = f"/library/photos/{photo_id}/tags"
    assert (
        message(client, client.post(tags, data={"name": "Quxw Zzyzx"}))
        == "Quxw Zzyzx added to the photo, without a face."
    )
    assert 'name="remove" value="Quxw Zzyzx"' in client.get(f"/library/photos/{photo_id}").text
    assert message(client, client.post(tags, data={"name": PERSON})) == f"{PERSON} is in this photo already."
    assert message(client, client.post(tags, data={"remove": "Quxw Zzyzx"})) == "Quxw Zzyzx removed from the photo."
    assert 'name="remove"' not in client.get(f"/library/photos/{photo_id}").text
    assert heading(client.post(tags, data={"name": "Camila"})) == "Who is “Camila”?"
    assert client.post("/library/photos/999/tags").status_code == 404
