import hashlib

import pytest

from app.web.portraits import CACHE_SECONDS
from tests.photos import PERSON
from tests.web.api.conftest import assert_problem


def people(client, query="") -> dict:
    response = client.get(f"/api/v1/people{query}")
    assert response.status_code == 200
    return response.get_json()


def test_pages_of_people(client, recognizer):
    part, listed = people(client), []
    assert part["total"] == len(recognizer.gallery.people())
    while True:
        listed += part["people"]
        if part["next"] is None:
            break
        part = client.get(part["next"]).get_json()
    expected = [(person.id, person.name, person.anchors) for person in recognizer.gallery.people()]
    assert [(one["id"], one["person"], one["anchors"]) for one in listed] == expected


def test_search_ignores_case_and_accents(client):
    found = people(client, "?q=BEYONCE")
    assert [one["person"] for one in found["people"]] == ["Beyoncé"]
    assert (found["total"], found["next"]) == (1, None)
    assert people(client, "?q=nobody+at+all") == {"people": [], "total": 0, "next": None, "suggestions": []}


def test_a_misspelled_name_gets_suggestions(client, recognizer):
    found = people(client, "?q=beyonse")
    assert (found["people"], found["total"]) == ([], 0)
    assert [(one["id"], one["person"]) for one in found["suggestions"]] == [
        (recognizer.gallery.find("Beyoncé").id, "Beyoncé")
    ]


def test_the_next_page_keeps_search_and_length(client):
    part = people(client, "?q=an&limit=3&offset=3")
    assert len(part["people"]) == 3
    assert part["next"] == "/api/v1/people?q=an&offset=6&limit=3"
    assert people(client, "?offset=100000")["people"] == []


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("?limit=0", "The parameter limit cannot be '0': input should be greater than or equal to 1."),
        ("?limit=many", "The parameter limit cannot be 'many': input should be a valid integer"),
        ("?offset=-1", "The parameter offset cannot be '-1'"),
        (f"?q={'x' * 101}", "The parameter q cannot be"),
        ("?page=2", "Unknown parameter 'page'. See /api/docs."),
    ],
)
def test_invalid_parameters(client, query, detail):
    assert_problem(client.get(f"/api/v1/people{query}"), 400, "invalid_parameter", detail)


def test_one_person(client, recognizer):
    person = recognizer.gallery.find(PERSON)
    found = client.get(f"/api/v1/people/{person.id}").get_json()
    assert found["person"] == PERSON
    assert found["anchors"] == person.anchors
    assert found["spread"]["min"] <= found["spread"]["mean"] <= found["spread"]["max"]
    assert found["check"]["identified"] <= found["check"]["photos"] == person.anchors
    assert len(found["look_alikes"]) == 6
    assert PERSON not in [one["person"] for one in found["look_alikes"]]
    assert all(one["class_distance"] > found["spread"]["mean"] for one in found["look_alikes"])


def test_portrait(client, recognizer):
    person = people(client, f"?q={PERSON}")["people"][0]
    response = client.get(person["portrait"])
    assert response.mimetype == "image/webp"
    assert hashlib.sha256(response.data).hexdigest() == recognizer.gallery.find(person["id"]).portrait_sha256
    assert (response.cache_control.private, response.cache_control.max_age) == (True, CACHE_SECONDS)
    plain = client.get(person["portrait"].partition("?")[0])
    assert (plain.cache_control.private, plain.cache_control.no_cache) == (True, True)
    again = client.get(person["portrait"], headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("person_id", [0, 99_999, 2**31, 10**30])
def test_nobody(client, person_id):
    for path in (f"/api/v1/people/{person_id}", f"/api/v1/people/{person_id}/portrait"):
        assert_problem(client.get(path), 404, "not_found", "No p")
    assert client.get(f"/people/{person_id}/portrait.webp").status_code == 404
