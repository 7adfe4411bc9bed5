"""Erasing a person by page and API, with the library of the server."""

from __future__ import annotations

import pytest

from app.library.store import Library
from app.recognition.recognizer import Recognizer
from app.web.factory import create_app
from tests.conftest import TOKEN
from tests.photos import OTHER, PERSON
from tests.web.admin_requests import fields
from tests.web.api.conftest import BEARER, assert_problem
from tests.web.conftest import text

FACES = "SELECT count(*) FROM face JOIN person ON person.id = person_id WHERE name = ?"


@pytest.fixture
def app(settings, recognizer, small_gallery, folder):
    own = Recognizer(settings, recognizer.detector, recognizer.network, small_gallery)
    return create_app(settings.with_changes(admin_token=TOKEN, library=folder), own)


def faces(library: Library, name: str) -> int:
    return library.connection.execute(FACES, (name,)).fetchone()[0]


@pytest.mark.parametrize("removed", [False, True])
def test_a_page_erases_the_person_in_the_library(client, small_gallery, library, removed):
    person = small_gallery.find(PERSON)
    if removed:
        small_gallery.remove(person.id)
        address, page = "/manage/purge", client.get("/manage")
        assert "faces, tags and decisions in the library" in text(page)
        answer = client.post(address, data=fields(page, address))
    else:
        page = client.get(f"/manage/people/{person.id}")
        assert "and faces, tags and decisions in the library" in text(page)
        assert "Also remove the names that library write-metadata wrote into sidecars" in text(page)
        answer = client.post(f"/manage/people/{person.id}/remove", data={"purge": "on"})
    said = text(client.get(answer.location))
    assert f"{PERSON} was erased. Searched small.sqlite" in said
    assert "Library: 4 faces and 0 tags in 4 photos erased. Nothing remains." in said
    assert "whopic library write-metadata LIBRARY" in said
    assert (faces(library, PERSON), faces(library, OTHER)) == (0, 2)
    assert small_gallery.find(PERSON) is None


def test_the_api_erases_the_person_in_the_library(client, small_gallery, library, folder):
    person = small_gallery.find(PERSON)
    query = "SELECT min(face.id) FROM face JOIN person ON person.id = person_id WHERE name = ?"
    (face,) = library.connection.execute(query, (PERSON,)).fetchone()
    assert client.get(f"/library/pictures/faces/{face}.webp").status_code == 200
    answer = client.delete(f"/api/v1/people/{person.id}?purge=true&sidecars=true", headers=BEARER)
    found = answer.json["erasure"]["library"]
    assert (found["faces"], found["tags"], found["photos"], found["sidecars"]) == (4, 0, 4, 0)
    assert found["search"]["searched"] == {"embedding": 4, "picture": 1}
    names = [f"{name}.sqlite{end}" for name in ("library", "pictures") for end in ("", "-wal", "-shm")]
    assert found["search"]["files"] == names
    assert found["search"]["remains"] == {}
    assert str(folder) not in answer.text
    assert faces(library, PERSON) == 0
    actions = [(entry.action, entry.actor) for entry in small_gallery.audit.entries(2)]
    assert actions == [("purged", "token"), ("library_erased", "token")]


def test_nothing_is_erased_while_the_library_is_in_use(client, small_gallery, library):
    person = small_gallery.find(PERSON)
    with library.lock():
        answer = client.delete(f"/api/v1/people/{person.id}?purge=true", headers=BEARER)
        assert_problem(answer, 503, "library_unavailable", "Another run is writing to the library, so nothing was")
        answer = client.post(f"/manage/people/{person.id}/remove", data={"purge": "on"})
        assert "Another run is writing to the library, so nothing was erased." in text(client.get(answer.location))
    assert small_gallery.find(PERSON)
    assert faces(library, PERSON) == 4
