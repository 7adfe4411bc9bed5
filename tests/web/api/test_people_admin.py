"""Changing the gallery by the API."""

import base64
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.web.auth import WRONG_KEY
from app.web.factory import create_app
from tests.conftest import TOKEN
from tests.photos import OTHER, PERSON
from tests.web.api.conftest import BEARER, assert_problem


@pytest.fixture
def gallery(small_gallery) -> Gallery:
    return small_gallery


@pytest.fixture
def client(settings, recognizer, gallery) -> FlaskClient:
    own = Recognizer(settings, recognizer.detector, recognizer.network, gallery)
    return create_app(settings.with_changes(admin_token=TOKEN), own).test_client()


@pytest.fixture
def ask(client) -> Callable[..., TestResponse]:
    """Sends a request with the token: `ask("patch", "people/1", json=…)`."""

    def send(method: str, path: str, files: dict[str, bytes] | None = None, **options) -> TestResponse:
        if files is not None:
            options["data"] = {"image": [(io.BytesIO(data), name) for name, data in files.items()]}
        return client.open(f"/api/v1/{path}", method=method.upper(), headers=BEARER, **options)

    return send


def person_id(gallery: Gallery, name: str) -> int:
    return gallery.find(name).id


CHANGES = [
    ("POST", "people?name=Bo"),
    ("PATCH", "people/1"),
    ("DELETE", "people/1"),
    ("PUT", "people/1/aliases"),
    ("GET", "people/1/record"),
    ("PATCH", "people/1/record"),
    ("POST", "people/1/merge"),
    ("GET", "people/1/anchors"),
    ("DELETE", "people/1/anchors/1"),
    ("GET", "people/1/rejected"),
    ("POST", "people/1/rejected"),
    ("DELETE", "rejected/1"),
    ("GET", "removed"),
    ("POST", "removed/1/restore"),
    ("GET", "changes"),
    ("POST", "changes/1/undo"),
    ("GET", "opt-outs"),
    ("POST", "opt-outs?name=Bo"),
    ("DELETE", "opt-outs/1"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_changes_require_the_token(client, settings, recognizer, gallery, method, path):
    before = gallery.history()
    for value, sentence in (("", "Send an access key"), ("Bearer wrong", WRONG_KEY), (f"Basic {TOKEN}", "Send an")):
        answer = client.open(f"/api/v1/{path}", method=method, headers={"Authorization": value} if value else {})
        assert_problem(answer, 401, "unauthorized", sentence)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="whopic"'
    off = create_app(settings, Recognizer(settings, recognizer.detector, recognizer.network, gallery)).test_client()
    answer = off.open(f"/api/v1/{path}", method=method, headers=BEARER)
    assert_problem(answer, 403, "admin_disabled", "Changing the gallery over HTTP is disabled")
    assert gallery.history() == before


def test_token_attempts_are_limited(client):
    wrong = {"Authorization": "Bearer wrong"}
    assert [client.get("/api/v1/changes", headers=wrong).status_code for _ in range(11)] == [401] * 10 + [429]
    answer = client.get("/api/v1/changes", headers=BEARER)
    assert_problem(answer, 429, "too_many_requests", "")
    assert client.post("/sign-in", data={"key": TOKEN}).status_code == 429
    other = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/api/v1/changes", headers=BEARER, environ_base=other).status_code == 200


def test_review_enroll_and_undo(ask, gallery, photo):
    files = {"one.jpg": photo(PERSON), "two.jpg": photo(PERSON, OTHER), "none.jpg": b"no picture"}
    review = ask("post", "people?name=Bo&review=true", files).get_json()
    assert (review["enrolled"], review["id"], review["person"]) == (0, None, "Bo")
    found = [(one["file"], one["outcome"], one["look_alike"]) for one in review["photos"]]
    assert found[0] == ("one.jpg", "look_alike", PERSON)
    assert [one[1] for one in found[1:]] == ["several_faces", "unreadable"]
    assert len(review["photos"][1]["faces"]) == 2
    assert gallery.find("Bo") is None

    added = ask("post", "people?name=Bo&allow=look_alike&face=two.jpg=2", files).get_json()
    assert (added["enrolled"], added["person"], added["anchors"]) == (2, "Bo", 2)
    assert gallery.find("Bo").anchors == 2

    last = ask("get", "changes?limit=1").get_json()["changes"][0]
    assert (last["change"], last["reversible"]) == ("added 2 anchors of Bo", True)
    assert ask("post", f"changes/{last['id']}/undo").get_json() == {"change": "added 2 anchors of Bo"}
    assert gallery.find("Bo") is None
    assert_problem(ask("post", f"changes/{last['id']}/undo"), 409, "not_latest_change", "Only the latest change")


def test_photos_of_the_same_name_are_chosen_by_position(client, gallery, photo):
    def send(face: str) -> TestResponse:
        same = [(io.BytesIO(photo(PERSON, OTHER)), "us.jpg"), (io.BytesIO(photo(OTHER, PERSON)), "us.jpg")]
        path = f"/api/v1/people?name=Bo&review=true&face={face}"
        return client.post(path, data={"image": same}, headers=BEARER)

    assert [one["outcome"] for one in send("2=1").get_json()["photos"]] == ["several_faces", "look_alike"]
    refused = "'us.jpg' can mean us.jpg (photo 1) or us.jpg (photo 2). Write the path, or the position"
    assert_problem(send("us.jpg=1"), 400, "invalid_face_choice", refused)


def test_invalid_enrollments(ask, photo):
    assert_problem(ask("post", "people", {"a.jpg": b"x"}), 400, "invalid_parameter", "The parameter name is missing")
    assert_problem(ask("post", "people?name=Bo", {}), 400, "no_photo", "No photo was sent.")
    assert_problem(ask("post", "people?name=%20", {"a.jpg": b"x"}), 422, "invalid_name", "The name is empty")
    answer = ask("post", "people?name=Bo&face=2", {"a.jpg": b"x"})
    assert_problem(answer, 400, "invalid_face_choice", "'2' is not PHOTO=NUMBER")
    answer = ask("post", "people?name=Bo&allow=low_quality", {"a.jpg": b"x"})
    assert_problem(answer, 400, "invalid_parameter", "The parameter allow cannot be 'low_quality'")


def test_aliases(ask, client, gallery):
    ann = person_id(gallery, "Ann <b>")
    given = ask("put", f"people/{ann}/aliases", json={"aliases": ["Annie", "Z."]}).get_json()
    assert (given["aliases"][0], given["warning"]) == ("Annie", None)
    assert client.get("/api/v1/people?q=annie").get_json()["people"][0]["aliases"] == given["aliases"]
    taken = ask("put", f"people/{ann}/aliases", json={"aliases": [PERSON]})
    assert_problem(taken, 409, "name_taken", f"Another person is called {PERSON}.")
    assert ask("put", f"people/{ann}/aliases", json={"aliases": []}).get_json()["aliases"] == []
    renamed = ask("patch", f"people/{ann}", json={"name": "Anne", "keep_alias": True}).get_json()
    assert (renamed["person"], renamed["aliases"]) == ("Anne", ["Ann <b>"])


def test_rename_merge_remove_restore_and_purge(ask, gallery):
    ann = person_id(gallery, "Ann <b>")
    similar = ask("patch", f"people/{ann}", json={"name": PERSON.replace("a", "\u0430")}).get_json()
    assert f"looks like {PERSON}, another person in the gallery" in similar["warning"]
    renamed = ask("patch", f"people/{ann}", json={"name": "Anne"}).get_json()
    assert (renamed["person"], renamed["warning"]) == ("Anne", None)
    assert_problem(ask("patch", f"people/{ann}", json={"name": PERSON}), 409, "name_taken", "Another person is called")
    assert_problem(ask("patch", f"people/{ann}", json={"name": ""}), 422, "invalid_name", "The name is empty")
    assert_problem(ask("patch", "people/999", json={"name": "A"}), 404, "not_found", "The gallery has no person")
    text = ask("patch", f"people/{ann}", data="x", content_type="application/json")
    assert_problem(text, 400, "bad_request", "The body must be")
    text = ask("patch", f"people/{ann}", data='{"name": "A"}', content_type="text/plain")
    assert_problem(text, 415, "unsupported_media_type", "The content type is text/plain. Send application/json.")
    assert_problem(ask("post", f"people/{ann}/merge", json={"into": ann}), 409, "same_person", "Anne cannot be merged")
    merged = ask("post", f"people/{ann}/merge", json={"into": person_id(gallery, PERSON)}).get_json()
    assert (merged["person"], merged["anchors"]) == (PERSON, 34)
    assert [one["person"] for one in ask("get", "removed").get_json()["people"]] == ["Anne"]

    other = person_id(gallery, OTHER)
    assert ask("delete", f"people/{other}").get_json()["person"] == OTHER
    assert ask("post", f"removed/{other}/restore").get_json()["anchors"] == 32
    assert_problem(ask("post", f"removed/{other}/restore"), 404, "not_found", "There is no removed person")
    assert ask("delete", f"people/{other}?purge=true").status_code == 200
    assert_problem(ask("post", f"removed/{other}/restore"), 404, "not_found", "There is no removed person")
    # Those who were removed can be erased before their time, too.
    assert ask("delete", f"people/{ann}?purge=true").status_code == 200
    assert ask("get", "removed").get_json() == {"people": []}


def test_times_are_in_utc_with_a_zone(ask, gallery):
    ask("delete", f"people/{person_id(gallery, OTHER)}")
    change = ask("get", "changes").get_json()["changes"][0]
    ask("post", f"changes/{change['id']}/undo")
    ask("delete", f"people/{person_id(gallery, PERSON)}")
    ann = person_id(gallery, "Ann <b>")
    times = [change["created"] for change in ask("get", "changes").get_json()["changes"]]
    times += [change["undone"] for change in ask("get", "changes").get_json()["changes"] if change["undone"]]
    times += [person["removed"] for person in ask("get", "removed").get_json()["people"]]
    times += [face["created"] for face in ask("get", f"people/{ann}/anchors").get_json()["faces"]]
    assert len(times) >= 6
    for time in times:
        age = datetime.now(UTC) - datetime.fromisoformat(time)
        assert timedelta(0) <= age < timedelta(minutes=10)


@pytest.mark.parametrize(("notice", "status"), [("The log still contains the data.", 202), ("", 200)])
def test_an_unfinished_erasure_has_its_own_status(ask, gallery, monkeypatch, notice, status):
    monkeypatch.setattr(Gallery, "erasing_notice", notice)
    ann = person_id(gallery, "Ann <b>")
    anchor = gallery.anchors(ann)[0].id
    assert ask("delete", f"people/{ann}/anchors/{anchor}?purge=true").status_code == status
    assert ask("delete", f"people/{ann}").status_code == 200
    assert ask("delete", f"people/{ann}?purge=true").status_code == status


def test_anchors_and_rejected_faces(ask, gallery, photo):
    ann = person_id(gallery, "Ann <b>")
    listed = ask("get", f"people/{ann}/anchors").get_json()["faces"]
    assert [(one["person"], one["note"]) for one in listed] == [("Ann <b>", "a.jpg"), ("Ann <b>", "b.jpg")]
    assert ask("delete", f"people/{ann}/anchors/{listed[0]['id']}").get_json()["anchors"] == 1
    again = ask("delete", f"people/{ann}/anchors/{listed[0]['id']}")
    assert_problem(again, 404, "not_found", "Ann <b> has no anchor with the number")

    who = person_id(gallery, PERSON)
    several = ask("post", f"people/{who}/rejected", {"two.jpg": photo(PERSON, OTHER)})
    assert_problem(several, 422, "several_faces", "The photo 'two.jpg' has 2 usable faces")
    marked = ask("post", f"people/{who}/rejected", {"me.jpg": photo(PERSON)}).get_json()["faces"]
    assert [one["note"] for one in marked] == ["me.jpg"]
    named = ask("post", "identify", {"me.jpg": photo(PERSON)}).get_json()["faces"][0]
    assert named["person"] is None
    assert ask("delete", f"rejected/{marked[0]['id']}").status_code == 204
    assert ask("get", f"people/{who}/rejected").get_json() == {"faces": []}
    assert ask("post", "identify", {"me.jpg": photo(PERSON)}).get_json()["faces"][0]["person"] == PERSON


def test_a_record_is_read_and_changed(ask, gallery, recognizer, photo):
    person = person_id(gallery, PERSON)
    empty = dict.fromkeys(("source", "basis", "reference", "date", "expires"), "")
    assert ask("get", f"people/{person}/record").json == empty
    changed = ask("patch", f"people/{person}/record", json={"basis": "consent", "expires": "2999-01-01"})
    assert changed.json == empty | {"basis": "consent", "expires": "2999-01-01"}
    assert_problem(ask("patch", f"people/{person}/record", json={"basis": "x"}), 422, "invalid_record", "The basis is")
    assert_problem(ask("patch", "people/999/record", json={}), 404, "not_found", "The gallery")
    gallery.rights.add_opt_out("Bo")
    assert_problem(ask("post", "people?name=bo", files={"a.jpg": photo(OTHER)}), 422, "opted_out", "bo is on")


def test_the_opt_out_list_is_managed(ask, client, gallery, photo):
    ann = person_id(gallery, "Ann <b>")
    assert ask("get", "opt-outs").json == {"opt_outs": []}
    added = ask("post", "opt-outs?name=Ann%20%3Cb%3E&reference=Letter%203").json
    created = added.pop("created")
    assert added == {
        "id": 1,
        "name": "Ann <b>",
        "has_face": False,
        "reference": "Letter 3",
        "people": [{"id": ann, "person": "Ann <b>"}],
    }
    assert ask("get", "opt-outs").json == {"opt_outs": [added | {"created": created}]}
    several = ask("post", "opt-outs", {"us.jpg": photo(OTHER, PERSON)})
    assert_problem(several, 422, "several_faces", "us.jpg: The photo shows 2 faces.")
    assert_problem(ask("post", "opt-outs", {"a.jpg": b"no"}), 422, "unreadable", "a.jpg: ")
    assert_problem(ask("post", "opt-outs"), 422, "invalid_record", "Give a name, a photo, or both.")
    listed = ask("post", "opt-outs?face=2", {"us.jpg": photo(OTHER, PERSON)}).json
    assert (listed["id"], listed["name"], listed["has_face"]) == (2, None, True)
    assert ask("post", "identify", {"me.jpg": photo(PERSON)}).json["faces"][0]["person"] is None
    encoded = base64.b64encode(photo(OTHER)).decode()
    by_json = ask("post", "opt-outs?name=Eve", json={"image": [{"data": encoded}]}).json
    assert (by_json["id"], by_json["has_face"]) == (3, True)
    assert [ask("delete", f"opt-outs/{number}").status_code for number in (1, 2, 3)] == [204, 204, 204]
    assert_problem(ask("delete", "opt-outs/1"), 404, "not_found", "The opt-out list has no number 1.")
    descriptions = [entry.details["description"] for entry in gallery.audit.entries(6)]
    assert descriptions == [f"{done} opt-out {number}" for done in ("removed", "added") for number in (3, 2, 1)]


def test_an_erasure_returns_its_proof(ask, gallery):
    ann = person_id(gallery, "Ann <b>")
    assert ask("delete", f"people/{ann}").json["erasure"] is None
    erasure = ask("delete", f"people/{ann}?purge=true").json["erasure"]
    searched = erasure["gallery"]
    assert searched["bytes"] > 10_000
    assert searched["files"] == ["small.sqlite", "small.sqlite-wal", "small.sqlite-shm"]
    assert (searched["searched"], searched["remains"]) == ({"portrait": 0, "crop": 0, "embedding": 2}, {})
    assert (erasure["people"], erasure["library"], erasure["complete"]) == (["Ann <b>"], None, True)
    assert erasure["problems"] == []
