"""Pages for administrators: enrollment, people and the gallery check."""

import html
import re

import pytest

from app.gallery.store import Gallery
from tests.photos import OTHER, PERSON
from tests.web.admin_requests import SINGLE, fields, message, send
from tests.web.conftest import alert, heading, text


def labels(page) -> list[tuple[str, str]]:
    rows = re.findall(r'<p class="verdict"><strong>(.*?)</strong>.*?</svg>\s*(.*?)\s*</span>', page.text, re.S)
    return [(html.unescape(file), label) for file, label in rows]


def test_photos_with_the_same_name_get_numbers(client, photo):
    name = PERSON.replace("a", "\u0430")
    page = send(client, "/manage/add", {"name": name}, {"us.jpg": photo(PERSON), "me.jpg": b"no picture"})
    assert f"looks like {PERSON}, another person in the gallery" in alert(page)
    page = send(client, "/manage/add", fields(page, "/manage/add"), {"us.jpg": photo(PERSON)})
    assert [file for file, _ in labels(page)] == ["us.jpg", "me.jpg", "us.jpg (2)"]


def test_every_photo_is_reviewed_and_nothing_is_saved_before_confirmation(client, gallery, photo):
    before = gallery.history()
    files = {"a<b>.jpg": photo(PERSON), "two.jpg": photo(PERSON, OTHER), "none.jpg": b"no picture"}
    page = send(client, "/manage/add", {"name": "Bo"}, files)
    assert page.status_code == 200
    assert heading(page) == "0 of 3 photos of Bo ready to add"
    assert labels(page) == [
        ("a<b>.jpg", "Looks like another person"),
        ("two.jpg", "Several faces"),
        ("none.jpg", "Unreadable"),
    ]
    assert f"The face looks like {PERSON}, who is already in the gallery." in text(page)
    assert page.text.count("<foreignObject") == 2
    assert page.cache_control.no_store
    assert gallery.history() == before

    # More photos join those of the earlier review.
    page = send(client, "/manage/add", fields(page, "/manage/add"), {"more.jpg": photo(OTHER)})
    assert [file for file, _ in labels(page)] == ["a<b>.jpg", "two.jpg", "none.jpg", "more.jpg"]

    sent = fields(page, "/manage/add") | {"enroll": "1"}
    page = send(client, "/manage/add", sent)
    assert alert(page).startswith("No photo is selected.")
    # A selected face is reviewed before it can be added despite an objection.
    page = send(client, "/manage/add", sent | {"face-1": "2", "include-0": "on"})
    assert alert(page).startswith("Not saved yet. Check the marked photo.")
    assert f"The face looks like {OTHER}" in text(page)
    assert gallery.history() == before
    sent = fields(page, "/manage/add") | {"enroll": "1", "include-1": "on"}
    answer = send(client, "/manage/add", sent)
    assert message(client, answer) == (
        "2 photos of Bo enrolled. 0 of 2 photos would be recognized if they were new. Add more photos: sharp, front-on "
        "and from other days."
    )
    assert answer.location == f"/manage/people/{gallery.find('Bo').id}"
    assert [one.note for one in gallery.anchors("Bo")] == ["a<b>.jpg", "two.jpg"]
    assert len(gallery.history()) == len(before) + 1
    assert gallery.find("Bo").has_portrait


def test_accepted_photos_are_enrolled_unless_deselected(client, gallery, photo):
    for name in (PERSON, OTHER):
        gallery.remove(name)
    page = send(client, "/manage/add", {"name": "Bo"}, {"a.jpg": photo(PERSON), "b.jpg": photo(OTHER)})
    sent = fields(page, "/manage/add") | {"enroll": "1"}
    assert set(sent) >= {"include-0", "include-1"}
    answer = send(client, "/manage/add", {name: value for name, value in sent.items() if name != "include-0"})
    assert message(client, answer) == "1 photo of Bo enrolled. " + SINGLE
    assert [one.note for one in gallery.anchors("Bo")] == ["b.jpg"]


def test_photos_of_a_known_person_are_compared_with_their_anchors(client, photo):
    assert f'value="{PERSON}"' in client.get("/manage/add", query_string={"name": PERSON}).text
    page = send(client, "/manage/add", {"name": PERSON.upper()}, {"a.jpg": photo(PERSON), "b.jpg": photo(OTHER)})
    assert heading(page) == f"1 of 2 photos of {PERSON} ready to add"
    assert f"{PERSON} is in the gallery with 32 reference photos." in text(page)
    assert labels(page) == [("a.jpg", "Accepted"), ("b.jpg", "Looks like another person")]


@pytest.mark.parametrize(
    ("name", "files", "status", "sentence"),
    [
        (" ", {"a.jpg": b"x"}, 422, "The name is empty."),
        ("Bo", {}, 400, "No photo was sent. Choose at least one."),
        ("Bo", {f"{number}.jpg": b"x" for number in range(101)}, 422, "You sent 101 photos. The limit is 100."),
    ],
)
def test_invalid_forms_show_the_problem(client, name, files, status, sentence):
    page = send(client, "/manage/add", {"name": name}, files)
    assert page.status_code == status
    assert alert(page).startswith(sentence)


def test_forged_photos_are_rejected(client, gallery, photo):
    page = send(client, "/manage/add", {"name": "Bo"}, {"a.jpg": photo(PERSON)})
    sent = fields(page, "/manage/add") | {"enroll": "1", "include-0": "on"}
    for forged in (sent["photo"][0].replace("a.jpg", "b.jpg"), "{}", "", "é"):
        answer = send(client, "/manage/add", sent | {"photo": forged})
        assert alert(answer) == "The review has expired. Choose the photos again."
    assert gallery.find("Bo") is None


@pytest.mark.parametrize("keep_crops", [False, True])
def test_anchors_are_removed_and_purged_and_their_crops_shown(client, gallery, photo, keep_crops):
    sent = fields(send(client, "/manage/add", {"name": PERSON}, {"new.jpg": photo(PERSON)}), "/manage/add")
    answer = send(client, "/manage/add", sent | {"enroll": "1"})
    assert answer.status_code == 303
    person, new = gallery.find(PERSON), gallery.anchors(PERSON)[-1]
    page = client.get(f"/manage/people/{person.id}")
    assert page.text.count('name="anchor"') == 33
    crop = f"/manage/anchors/{new.id}.webp"
    shown = client.get(crop)
    assert shown.status_code == (200 if keep_crops else 404)
    assert (f'src="{crop}"' in page.text) == keep_crops
    assert page.text.count('class="portrait initials"') >= 33 - keep_crops
    if keep_crops:
        assert shown.headers["Cache-Control"] == "private, no-cache"
        assert client.get(crop, headers={"If-None-Match": shown.headers["ETag"]}).status_code == 304
    # Visitors do not learn which anchors exist.
    visitor = client.application.test_client()
    answers = [visitor.get(f"/manage/anchors/{anchor_id}.webp") for anchor_id in (new.id, 999)]
    assert {(answer.status_code, answer.location.split("?")[0]) for answer in answers} == {(303, "/sign-in")}
    back = {"return": f"/manage/people/{person.id}"}
    answer = client.post(f"/manage/people/{person.id}/anchors", data=back | {"anchor": [new.id]})
    assert message(client, answer) == f"1 reference photo of {PERSON} removed. 32 remaining."
    assert client.get(crop).status_code == 404
    answer = client.post(
        f"/manage/people/{person.id}/anchors", data=back | {"anchor": ["1", "x", str(2**40)], "purge": "1"}
    )
    assert message(client, answer) == f"1 reference photo of {PERSON} purged. 31 remaining."
    answer = client.post(f"/manage/people/{person.id}/anchors", data=back | {"anchor": ["1"]})
    assert message(client, answer) == f"{PERSON} has no anchor with the number 1."
    assert "No reference photo was selected." in message(
        client, client.post(f"/manage/people/{person.id}/anchors", data=back)
    )


def test_aliases(client, gallery):
    ann = gallery.find("Ann <b>").id

    def save(**data: str) -> str:
        path = "rename" if "name" in data else "aliases"
        return message(client, client.post(f"/manage/people/{ann}/{path}", data={"return": "/people"} | data))

    assert save(aliases="Annie\r\n\r\nAnn <i>") == "Ann <b> is also known as Ann <i>, Annie."
    assert ">Ann &lt;i&gt;\nAnnie</textarea>" in client.get(f"/manage/people/{ann}").text
    assert "Also known as Ann &lt;i&gt;, Annie" in client.get(f"/people/{ann}").text
    assert "also Ann &lt;i&gt;, Annie" in client.get("/people?q=annie").text
    assert save(aliases=f"Annie\n{PERSON}").startswith(f"Another person is called {PERSON}. Choose")
    assert f"looks like {PERSON}, another" in save(aliases=PERSON.replace("a", "\u0430"))
    assert save(name="Anne", keep_alias="on") == "Renamed to Anne."
    assert save(aliases="\n".join("ABCDEFGHIJ")) == "Anne is also known as A, B, C, D, E, F, G, H and 2 other names."
    assert save(aliases=" ") == "Anne has no alias."
    assert gallery.history(3)[2].change == "renamed Ann <b> → Anne"


def test_anchors_of_several_people_are_removed_or_moved_in_one_change(client, gallery):
    first, second = (gallery.anchors(name)[0].id for name in (PERSON, OTHER))
    back = {"return": "/manage/check"}
    selected = back | {"anchor": [first, f"{first},{second}"]}
    answer = client.post("/manage/anchors/remove", data=selected)
    assert answer.location == back["return"]
    assert message(client, answer) == "2 reference photos of 2 people removed. To undo the change, open Manage."
    again = message(client, client.post("/manage/anchors/remove", data=selected))
    assert again == f"Nothing was changed. There is no anchor with the number {first}."
    assert gallery.undo() == f"removed 2 anchors of {PERSON}, {OTHER}"
    moved = client.post("/manage/anchors/move", data=back | {"anchor": [first, second], "into": "ann <b>"})
    assert message(client, moved) == "2 reference photos moved to Ann <b>. To undo the change, open Manage."
    assert gallery.find("Ann <b>").anchors == 4
    for action, sent, sentence in (
        ("remove", {"anchor": [",x"]}, "No reference photo was selected."),
        ("move", {"into": PERSON}, "No reference photo was selected."),
        ("move", {"anchor": [first]}, "Enter the name of the right person."),
    ):
        assert message(client, client.post(f"/manage/anchors/{action}", data=back | sent)) == sentence


def test_rename_merge_remove_restore_erase_and_undo(client, gallery, monkeypatch):
    ann = gallery.find("Ann <b>").id
    back = {"return": f"/manage/people/{ann}"}
    page = client.get(f"/manage/people/{ann}")
    assert "<h1>Ann &lt;b&gt;</h1>" in page.text
    answer = client.post(f"/manage/people/{ann}/rename", data=back | {"name": PERSON})
    assert answer.location == back["return"]
    assert message(client, answer).startswith(f"Another person is called {PERSON}")
    similar = client.post(f"/manage/people/{ann}/rename", data=back | {"name": PERSON.replace("a", "\u0430")})
    assert f"looks like {PERSON}, another person in the gallery" in message(client, similar)
    assert (
        message(client, client.post(f"/manage/people/{ann}/rename", data=back | {"name": "Anne"})) == "Renamed to Anne."
    )
    for into, sentence in (
        ("Bo", "The gallery has no person"),
        ("Anne", "Anne cannot be merged"),
        ("", "Enter the name"),
    ):
        answer = client.get(f"/manage/people/{ann}/merge", query_string=back | {"into": into})
        assert answer.location == back["return"]
        assert message(client, answer).startswith(sentence)
    page = client.get(f"/manage/people/{ann}/merge", query_string={"into": OTHER.lower()})
    assert heading(page) == f"Merge Anne into {OTHER}?"
    assert alert(page).startswith("They look like two different people. The distance between their photos is 0.")
    assert f"{OTHER} keeps their name and has 34 reference photos." in text(page)
    assert gallery.find("Anne")
    merged = client.post(f"/manage/people/{ann}/merge", data=fields(page, f"/manage/people/{ann}/merge"))
    assert message(client, merged) == f"Merged. {OTHER} has 34 reference photos."

    page = client.get("/manage")
    other = gallery.find(OTHER).id
    assert f'Merged Anne into <a href="/manage/people/{other}">{OTHER}</a>' in page.text
    # Only undo brings back a merged person.
    assert "Merged into another person: undo that change to restore." in page.text
    assert 'action="/manage/restore"' not in page.text
    change = fields(page, "/manage/undo")
    assert message(client, client.post("/manage/undo", data={"change": "1"})).startswith("Only the latest change")
    assert message(client, client.post("/manage/undo", data=change)) == f"Undone: merged Anne into {OTHER}."
    assert gallery.find("Anne").anchors == 2
    log = client.get("/manage").text
    assert f' → <a href="/manage/people/{ann}">Anne</a></p>' in log
    assert "Renamed Ann &lt;b&gt; → " in log

    removed = client.post(f"/manage/people/{ann}/remove", data=back)
    assert message(client, removed) == "Anne removed. You can restore them here for 30 days."
    assert re.search(r"Removed \d{4}-\d\d-\d\d \d\d:\d\d UTC, kept until", client.get("/manage").text)
    restored = client.post("/manage/restore", data=fields(client.get("/manage"), "/manage/restore"))
    assert message(client, restored) == "Anne restored with 2 reference photos."
    message(client, client.post(f"/manage/people/{ann}/remove", data=back))
    assert "Nothing was purged." in message(client, client.post("/manage/purge", data={"person": ann}))
    purged = client.post("/manage/purge", data=fields(client.get("/manage"), "/manage/purge"))
    assert re.fullmatch(
        r"Anne was erased\. Searched small\.sqlite, [^(]+\(\d\.\d MB\) for 2 embeddings\. Nothing remains\.",
        message(client, purged),
    )
    monkeypatch.setattr(Gallery, "erasing_notice", "The log still contains the data.")
    erased = client.post(f"/manage/people/{other}/remove", data={"purge": "on"})
    page = text(client.get(erased.location))
    assert f"{OTHER} was erased." in page
    assert "The log still contains the data." in page
    assert gallery.removed_people() == []
    assert client.get(f"/manage/people/{other}").status_code == 404


def test_the_gallery_check_shows_the_findings_of_the_command(client, gallery, recognizer):
    shipped = recognizer.gallery.snapshot()
    gallery.add("Famous", shipped.anchors[40:41], ["shipped"])
    gallery.add(OTHER, shipped.person(shipped.names.index(PERSON))[:3], ["wrong-1.jpg", "wrong-2.jpg", "wrong-3.jpg"])
    gallery.add("Lone", shipped.anchors[:1], ["one.jpg"])
    assert ">Check gallery</button>" in client.get("/manage/check").text
    page = client.post("/manage/check")
    assert page.status_code == 200
    said = text(page)
    for expected in (
        "Reference photos unlike the others of their person (",
        "wrong-1.jpg",
        "Too few reference photos (2)",
        "The recommended minimum is 3",
    ):
        assert expected in said
    for advice in ("Check the photo. Remove the anchor if it shows another person.", "Add photos from other days."):
        assert advice in said
    own, about_shipped = re.split(r"\d+ findings? about the shipped people</summary>", page.text)
    assert "Famous" in about_shipped
    assert "Famous" not in own
    assert re.search(r"<h1>\d+ findings about your people</h1>", own)
    assert re.search(r"Of [\d,]+ faces of unknown people, \d\.\d\d % would get a name\.", said)
    # A group has all anchors of its findings. Only a selected group is sent.
    assert fields(page, "/manage/anchors/remove").keys() == {"return", "into"}
    offered = re.search(r'class="all" name="anchor" value="([\d,]+)"', page.text)
    assert offered
    wrong = {str(one.id) for one in gallery.anchors(OTHER) if one.note.startswith("wrong")}
    wrong &= set(offered[1].split(","))
    assert wrong
    assert wrong <= set(re.findall(r'name="anchor" value="(\d+)">', page.text))
    confused = re.search(r'href="(/manage/people/\d+/merge[^"]+)">Compare and merge', page.text)
    assert confused is None or client.get(html.unescape(confused[1])).status_code == 200
    assert f'href="/manage/people/{gallery.find("Lone").id}"' in page.text


def test_a_record_is_saved_with_the_photos_and_changed_on_the_page(client, gallery, photo, monkeypatch):
    monkeypatch.setattr(gallery, "_require_basis", True)
    for name in (PERSON, OTHER):
        gallery.remove(name)
    entered = {"name": "Bo", "source": "Album", "basis": "", "expires": "2999-01-01"}
    page = send(client, "/manage/add", entered, {"a.jpg": photo(PERSON)})
    sent = fields(page, "/manage/add") | {"enroll": "1", "include-0": "on"}
    assert sent["source"] == ["Album"]
    refused = send(client, "/manage/add", sent)
    assert alert(refused).startswith("Bo has no legal basis")
    answer = send(client, "/manage/add", sent | {"basis": "consent"})
    assert message(client, answer) == "1 photo of Bo enrolled. " + SINGLE
    record = gallery.find("Bo").record
    assert (record.source, record.basis, record.expires) == ("Album", "consent", "2999-01-01")
    # More photos do not clear the record.
    page = send(client, "/manage/add", {"name": "Bo", "basis": "", "source": ""}, {"b.jpg": photo(OTHER)})
    answer = send(client, "/manage/add", fields(page, "/manage/add") | {"enroll": "1", "include-0": "on"})
    assert message(client, answer).startswith("1 photo of Bo enrolled.")
    assert gallery.find("Bo").record == record
    address = f"/manage/people/{gallery.find('Bo').id}/record"
    saved = send(
        client, address, {"basis": "contract", "source": "", "return": f"/manage/people/{gallery.find('Bo').id}"}
    )
    assert message(client, saved) == "The record of Bo was saved."
    assert (gallery.find("Bo").record.basis, gallery.find("Bo").record.source) == ("contract", "")
    wrong = send(client, address, {"expires": "2020-01-01"})
    assert message(client, wrong).startswith("The record would have expired on 2020-01-01.")


def test_people_of_the_opt_out_list_cannot_be_added(client, gallery, photo):
    gallery.rights.add_opt_out("Bo")
    page = send(client, "/manage/add", {"name": "bo"}, {"a.jpg": photo(PERSON)})
    assert page.status_code == 422
    assert alert(page) == "bo is on the opt-out list and cannot be enrolled."


def test_people_are_put_on_the_opt_out_list_by_name(client, gallery):
    ann = gallery.find("Ann <b>").id
    person = client.get(f"/manage/people/{ann}")
    address = html.unescape(re.search(r'href="(/manage/opt-outs\?name=[^"]*)"', person.text)[1])
    page = client.get(address)
    assert 'href="/manage/opt-outs"' in client.get("/manage").text
    sent = fields(page, "/manage/opt-outs")
    assert sent["name"] == ["Ann <b>"]
    answer = send(client, "/manage/opt-outs", sent | {"reference": "Letter 3"})
    assert message(client, answer) == "Ann <b> was added as number 1."
    page = client.get("/manage/opt-outs")
    assert "Number 1, by name. Added" in text(page)
    assert "Letter 3 ." in text(page).replace("Letter 3.", "Letter 3 .")
    assert f'In the gallery and not named: <a href="/manage/people/{ann}">Ann &lt;b&gt;</a>.' in page.text
    assert "is on the opt-out list" in text(client.get(f"/manage/people/{ann}"))
    assert "Ann <b>" not in gallery.snapshot().names
    assert gallery.audit.entries(1)[0].details["description"] == "added opt-out 1"
    assert gallery.audit.entries(1)[0].actor == "token"
    removed = client.post("/manage/opt-outs/remove", data=fields(page, "/manage/opt-outs/remove"))
    assert message(client, removed) == "Number 1 was removed."
    assert gallery.rights.list_opt_outs() == []
    assert message(client, client.post("/manage/opt-outs/remove", data={"number": "1"})).startswith("The opt-out list")


def test_people_are_put_on_the_opt_out_list_by_photo(client, gallery, photo):
    for sent, files, sentence in (
        ({"name": " "}, {}, "Enter a name, choose a photo, or both."),
        ({"name": "x" * 101}, {}, "The name 'xxxxxxxxxxxxxxxxxxxx'… has 101 characters. The limit is 100."),
        ({"reference": "x" * 201}, {"a.jpg": photo(PERSON)}, "The reference has 201 characters. The limit is 200."),
        ({}, {"a.jpg": photo(PERSON, OTHER)}, "a.jpg: The photo shows 2 faces. Choose one by its number"),
        ({}, {"a.jpg": b"no picture"}, "a.jpg: "),
        ({}, {f"{number}.jpg": b"x" for number in range(11)}, "You sent 11 photos. The limit is 10."),
    ):
        page = send(client, "/manage/opt-outs", sent, files)
        assert page.status_code == 422
        assert alert(page).startswith(sentence)
    assert gallery.rights.list_opt_outs() == []
    answer = send(client, "/manage/opt-outs", {"face": "2"}, {"us.jpg": photo(OTHER, PERSON)})
    assert message(client, answer) == "The person of the photo was added as number 1."
    review = send(client, "/manage/add", {"name": "Bo"}, {"a.jpg": photo(PERSON)})
    assert "On the opt-out list" in text(review)
