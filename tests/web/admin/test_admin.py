"""The pages that change the gallery."""

import html
import re

import pytest
from flask.testing import FlaskClient

from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.web.factory import create_app
from tests.conftest import TOKEN
from tests.photos import OTHER, PERSON
from tests.web.admin_requests import fields, send
from tests.web.conftest import alert, heading, text

SINGLE = (
    "With a single photo, recognition cannot be checked. Add at least two more: sharp, frontal and from other days."
)


@pytest.fixture
def gallery(small_gallery) -> Gallery:
    return small_gallery


@pytest.fixture
def keep_crops() -> bool:
    return False


@pytest.fixture
def client(settings, recognizer, gallery, keep_crops) -> FlaskClient:
    """Somebody who is signed in."""
    own = settings.with_changes(admin_token=TOKEN, keep_crops=keep_crops)
    client = create_app(own, Recognizer(own, recognizer.detector, recognizer.network, gallery)).test_client()
    client.post("/sign-in", data={"token": TOKEN})
    return client


def told(client: FlaskClient, answer) -> str:
    """The sentence on the page that an answer leads to."""
    assert answer.status_code == 303, text(answer)
    page = client.get(answer.location)
    assert page.status_code == 200
    return html.unescape(re.search(r'<p class="(?:done|problem)" role[^>]*>(.*?)</p>', page.text, re.S)[1])


def labels(page) -> list[tuple[str, str]]:
    rows = re.findall(r'<p class="verdict"><strong>(.*?)</strong>.*?</svg>\s*(.*?)\s*</span>', page.text, re.S)
    return [(html.unescape(file), label) for file, label in rows]


def test_photos_with_the_same_name_get_numbers(client, photo):
    page = send(client, "/manage/add", {"name": "Bo"}, {"us.jpg": photo(PERSON), "me.jpg": b"no picture"})
    page = send(client, "/manage/add", fields(page, "/manage/add"), {"us.jpg": photo(PERSON)})
    assert [file for file, _ in labels(page)] == ["us.jpg", "me.jpg", "us.jpg (2)"]


def test_every_photo_has_its_line_and_nothing_enters_before_it_is_confirmed(client, gallery, photo):
    before = gallery.history()
    files = {"a<b>.jpg": photo(PERSON), "two.jpg": photo(PERSON, OTHER), "none.jpg": b"no picture"}
    page = send(client, "/manage/add", {"name": "Bo"}, files)
    assert page.status_code == 200
    assert heading(page) == "0 of 3 photos of Bo can be learnt"
    assert labels(page) == [
        ("a<b>.jpg", "Looks like somebody else"),
        ("two.jpg", "Several faces"),
        ("none.jpg", "Cannot be read"),
    ]
    assert f"It looks like {PERSON}, who is in the gallery under that name." in text(page)
    assert page.text.count("<foreignObject") == 2
    assert page.cache_control.no_store
    assert gallery.history() == before

    # More photos come to those that were looked at.
    page = send(client, "/manage/add", fields(page, "/manage/add"), {"more.jpg": photo(OTHER)})
    assert [file for file, _ in labels(page)] == ["a<b>.jpg", "two.jpg", "none.jpg", "more.jpg"]

    sent = fields(page, "/manage/add") | {"enter": "1"}
    page = send(client, "/manage/add", sent)
    assert alert(page).startswith("No photo is chosen to be learnt.")
    # A face that was picked is looked at before it enters; then it may be learnt all the same.
    page = send(client, "/manage/add", sent | {"pick-1": "2", "take-0": "on"})
    assert alert(page).startswith("Nothing has entered yet: about what you chose there is something to say.")
    assert f"It looks like {OTHER}" in text(page)
    assert gallery.history() == before
    sent = fields(page, "/manage/add") | {"enter": "1", "take-1": "on"}
    answer = send(client, "/manage/add", sent)
    assert told(client, answer) == (
        "2 photos of Bo enrolled. 0 of 2 photos would be recognized if they were new. Add more photos: sharp, frontal "
        "and from other days."
    )
    assert answer.location == f"/manage/people/{gallery.find('Bo').id}"
    assert [one.note for one in gallery.anchors("Bo")] == ["a<b>.jpg", "two.jpg"]
    assert len(gallery.history()) == len(before) + 1
    assert gallery.find("Bo").has_portrait


def test_a_good_photo_enters_unless_it_is_unticked(client, gallery, photo):
    for name in (PERSON, OTHER):
        gallery.remove(name)
    page = send(client, "/manage/add", {"name": "Bo"}, {"a.jpg": photo(PERSON), "b.jpg": photo(OTHER)})
    sent = fields(page, "/manage/add") | {"enter": "1"}
    assert set(sent) >= {"take-0", "take-1"}
    answer = send(client, "/manage/add", {name: value for name, value in sent.items() if name != "take-0"})
    assert told(client, answer) == "1 photo of Bo enrolled. " + SINGLE
    assert [one.note for one in gallery.anchors("Bo")] == ["b.jpg"]


def test_photos_of_somebody_known_are_compared_with_their_anchors(client, photo):
    assert f'value="{PERSON}"' in client.get("/manage/add", query_string={"name": PERSON}).text
    page = send(client, "/manage/add", {"name": PERSON.upper()}, {"a.jpg": photo(PERSON), "b.jpg": photo(OTHER)})
    assert heading(page) == f"1 of 2 photos of {PERSON} can be learnt"
    assert f"{PERSON} is in the gallery with 32 anchors." in text(page)
    assert labels(page) == [("a.jpg", "Accepted"), ("b.jpg", "Looks like somebody else")]


@pytest.mark.parametrize(
    ("name", "files", "status", "sentence"),
    [
        (" ", {"a.jpg": b"x"}, 422, "A person needs a name; this one is empty."),
        ("Bo", {}, 400, "No photo was sent. Choose some first."),
        ("Bo", {f"{number}.jpg": b"x" for number in range(101)}, 422, "100 photos of a person at once are the most."),
    ],
)
def test_forms_that_cannot_be_used(client, name, files, status, sentence):
    page = send(client, "/manage/add", {"name": name}, files)
    assert page.status_code == status
    assert alert(page).startswith(sentence)


def test_what_was_looked_at_comes_back_unaltered_or_not_at_all(client, gallery, photo):
    page = send(client, "/manage/add", {"name": "Bo"}, {"a.jpg": photo(PERSON)})
    sent = fields(page, "/manage/add") | {"enter": "1", "take-0": "on"}
    for forged in (sent["photo"][0].replace("a.jpg", "b.jpg"), "{}", "", "é"):
        answer = send(client, "/manage/add", sent | {"photo": forged})
        assert alert(answer) == "These photos were looked at too long ago. Please choose them once more."
    assert gallery.find("Bo") is None


@pytest.mark.parametrize("keep_crops", [False, True])
def test_anchors_are_removed_one_by_one_and_their_crops_shown(client, gallery, photo, keep_crops):
    sent = fields(send(client, "/manage/add", {"name": PERSON}, {"new.jpg": photo(PERSON)}), "/manage/add")
    answer = send(client, "/manage/add", sent | {"enter": "1"})
    assert answer.status_code == 303
    person, new = gallery.find(PERSON), gallery.anchors(PERSON)[-1]
    page = client.get(f"/manage/people/{person.id}")
    assert page.text.count('name="anchor"') == 33
    shown = client.get(f"/manage/anchors/{new.id}.webp")
    assert shown.status_code == (200 if keep_crops else 404)
    assert (f'src="/manage/anchors/{new.id}.webp"' in page.text) == keep_crops
    back = {"back": f"/manage/people/{person.id}"}
    answer = client.post(f"/manage/people/{person.id}/anchors", data=back | {"anchor": [new.id]})
    assert told(client, answer) == f"1 anchor of {PERSON} removed; 32 are left."
    answer = client.post(
        f"/manage/people/{person.id}/anchors", data=back | {"anchor": ["1", "x", str(2**40)], "now": "1"}
    )
    assert told(client, answer) == f"1 anchor of {PERSON} erased; 31 are left."
    answer = client.post(f"/manage/people/{person.id}/anchors", data=back | {"anchor": ["1"]})
    assert told(client, answer) == f"{PERSON} has no anchor with the number 1."
    assert "No anchor was ticked" in told(client, client.post(f"/manage/people/{person.id}/anchors", data=back))


def test_rename_merge_remove_restore_erase_and_undo(client, gallery):
    ann = gallery.find("Ann <b>").id
    back = {"back": f"/manage/people/{ann}"}
    page = client.get(f"/manage/people/{ann}")
    assert "Ann &lt;b&gt;" in heading(page)
    answer = client.post(f"/manage/people/{ann}/rename", data=back | {"name": PERSON})
    assert answer.location == back["back"]
    assert told(client, answer).startswith(f"There is already somebody called {PERSON}")
    assert (
        told(client, client.post(f"/manage/people/{ann}/rename", data=back | {"name": "Anne"}))
        == "The name is Anne now."
    )
    assert told(client, client.post(f"/manage/people/{ann}/merge", data=back | {"into": "Bo"})).startswith(
        "There is nobody"
    )
    merged = client.post(f"/manage/people/{ann}/merge", data=back | {"into": OTHER})
    assert told(client, merged) == f"{OTHER} has 34 anchors now."

    desk = client.get("/manage")
    assert f"merged Anne into {OTHER}" in text(desk)
    change = fields(desk, "/manage/undo")
    assert told(client, client.post("/manage/undo", data={"change": "1"})).startswith("Only the newest change")
    assert told(client, client.post("/manage/undo", data=change)) == f"Taken back: merged Anne into {OTHER}."
    assert gallery.find("Anne").anchors == 2

    removed = client.post(f"/manage/people/{ann}/remove", data=back)
    assert told(client, removed) == "Anne was removed. For 30 days they can be brought back from here."
    assert told(client, client.post("/manage/restore", data={"person": ann})) == "Anne is back with 2 anchors."
    told(client, client.post(f"/manage/people/{ann}/remove", data=back))
    assert "was not ticked" in told(client, client.post("/manage/erase", data={"person": ann}))
    assert told(client, client.post("/manage/erase", data={"person": ann, "sure": "on"})) == "Anne was erased."
    other = gallery.find(OTHER).id
    erased = client.post(f"/manage/people/{other}/remove", data={"now": "on"})
    assert told(client, erased) == f"{OTHER} was erased."
    assert gallery.removed() == []
    assert client.get(f"/manage/people/{other}").status_code == 404


def results(client: FlaskClient, data: bytes):
    return send(client, "/identify", {}, {"me.jpg": data})


def test_this_is_wrong_adds_the_face_to_the_right_person(client, gallery, photo):
    gallery.remove(PERSON)
    page = results(client, photo(PERSON))
    assert heading(page) == "Unknown person"
    sent = fields(page, "/manage/faces")
    doubt = client.post("/manage/faces", data=sent | {"is": OTHER})
    assert heading(doubt) == f"Add it to {OTHER}?"
    assert gallery.find(OTHER).anchors == 32
    answer = client.post("/manage/faces", data=sent | {"name": "Bo"})
    assert told(client, answer) == "The face is an anchor of Bo now. " + SINGLE
    assert [one.note for one in gallery.anchors("Bo")] == ["me.jpg"]
    assert heading(results(client, photo(PERSON))) == "This looks like Bo"
    doubt = client.post("/manage/faces", data=sent | {"is": "Bo"})
    assert "nearly the same picture as an anchor that is there already" in text(doubt)
    answer = client.post("/manage/faces", data=fields(doubt, "/manage/faces") | {"is": "Bo"})
    assert told(client, answer).startswith("The face is an anchor of Bo now. 2 of 2 photos would be recognized")
    assert gallery.find("Bo").anchors == 2


def test_not_this_person_weighs_and_is_explained_and_taken_back(client, gallery, photo):
    page = results(client, photo(PERSON))
    assert heading(page) == f"This looks like {PERSON}"
    answer = client.post("/manage/faces", data=fields(page, "/manage/faces") | {"not": PERSON})
    assert told(client, answer).startswith(f"The face is marked as not {PERSON}")
    page = results(client, photo(PERSON))
    assert heading(page) == "Unknown person"
    assert re.search(
        rf"A face like this one was marked as not {PERSON}, which put their distance up from 0\.\d+ to 0\.\d+\.",
        text(page),
    )
    assert f"Not {PERSON}" in text(client.get("/manage/rejected"))
    ids = [one.id for one in gallery.rejected()]
    assert (
        told(client, client.post("/manage/rejected", data={"face": ids, "back": "/manage/rejected"}))
        == "1 face taken back."
    )
    assert heading(results(client, photo(PERSON))) == f"This looks like {PERSON}"


def test_visitors_are_not_offered_to_change_anything(settings, recognizer, photo):
    page = results(create_app(settings.with_changes(admin_token=TOKEN), recognizer).test_client(), photo(PERSON))
    assert "This is wrong" not in page.text
    assert 'id="everyone"' not in page.text


def test_a_face_that_is_none_is_not_learnt(client):
    assert "looked at too long ago" in told(client, client.post("/manage/faces", data={"photo": "x", "is": PERSON}))


def test_the_health_page_says_what_the_command_says(client, gallery, recognizer):
    shipped = recognizer.gallery.snapshot()
    gallery.add("Famous", shipped.anchors[40:41], ["shipped"])
    gallery.add(OTHER, shipped.person(shipped.names.index(PERSON))[:3], ["wrong-1.jpg", "wrong-2.jpg", "wrong-3.jpg"])
    gallery.add("Lone", shipped.anchors[:1], ["one.jpg"])
    assert "Check now" in client.get("/manage/health").text
    page = client.post("/manage/health")
    assert page.status_code == 200
    said = text(page)
    for expected in (
        "Anchors unlike the rest of their person (",
        "wrong-1.jpg",
        "Too few anchors (2)",
        "3 at least are wanted",
    ):
        assert expected in said
    for advice in ("Look at the photo; remove the anchor if it shows somebody else.", "Add photos of different days."):
        assert advice in said
    own, about_shipped = re.split(r"\d+ findings? about the shipped people</summary>", page.text)
    assert "Famous" in about_shipped
    assert "Famous" not in own
    assert re.search(r"<h1>\d+ findings about your people</h1>", own)
    assert re.search(r"Of [\d,]+ faces of strangers, \d\.\d\d % would be given a name\.", said)
    # What it offers to remove are the anchors meant.
    other = gallery.find(OTHER).id
    wrong = {str(one.id) for one in gallery.anchors(OTHER) if one.note.startswith("wrong")}
    offered = re.findall(rf'action="/manage/people/{other}/anchors".*?</form>', page.text, re.S)
    assert wrong & set(re.findall(r'name="anchor" value="(\d+)" checked', "".join(offered)))
    assert f'href="/manage/people/{gallery.find("Lone").id}"' in page.text
