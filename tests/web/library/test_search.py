"""Search of a library by example."""

import io
import re

import pytest

from tests.photos import OTHER, PERSON
from tests.web.conftest import alert, heading, text
from tests.web.library.conftest import ids


def upload(client, data: bytes, **fields):
    return client.post("/library/search", data={"image": (io.BytesIO(data), "photo.jpg"), **fields})


def test_faces_like_the_one_in_an_uploaded_photo_are_found(client, photo):
    page = upload(client, photo(OTHER))
    assert heading(page) == "2 similar faces"
    assert page.text.count(f">{OTHER}</a>") == 2
    scores = [float(score) for score in re.findall(r"score ([0-9.]+)", page.text)]
    assert scores == sorted(scores)
    assert 'src="data:image/webp' in page.text


def test_faces_like_one_of_the_library_are_found_without_itself(client, library):
    query = "SELECT face.id FROM face JOIN person ON person.id = person_id WHERE name = '{}'"
    face, *others = ids(library, query.format(PERSON))
    page = client.post("/library/search", data={"face": face})
    assert heading(page) == "3 similar faces"
    assert {int(found) for found in re.findall(r'name="face" value="(\d+)"', page.text)} == set(others)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"not a picture", "The file could not be read as a picture."), (b"", "The file is empty.")],
)
def test_photos_that_cannot_be_searched_for_are_explained(client, data, said):
    answer = upload(client, data)
    assert answer.status_code == 303
    assert said in alert(client.get(answer.location))


def test_photos_without_a_face_and_missing_photos_are_explained(client, photo):
    answer = upload(client, photo())
    assert "find a face in the uploaded photo" in alert(client.get(answer.location))
    answer = client.post("/library/search", data={})
    assert "No photo was sent." in alert(client.get(answer.location))


def test_faces_without_an_embedding_are_not_found(client):
    assert client.post("/library/search", data={"face": "999"}).status_code == 404
    assert client.get("/library/search").location == "/library/photos"
    page = client.get("/library/photos")
    assert "Search by photo" in text(page)
    assert 'name="return" value="/library/photos"' in page.text
