import io
import json

from app.web.pages.identify import NO_FACE
from app.web.progress_stream import MEDIA_TYPE
from app.web.uploads import NO_PHOTO
from tests import photos
from tests.photos import OTHER, PERSON
from tests.web.conftest import alert, heading, text

SCRIPT = {"Accept": f"{MEDIA_TYPE}, text/html;q=0.5"}


def post(client, path, headers=SCRIPT, **files):
    data = {
        field: [(io.BytesIO(one), f"{number}.jpg") for number, one in enumerate(many)] for field, many in files.items()
    }
    return client.post(path, data=data, headers=headers, content_type="multipart/form-data")


def lines(answer) -> list[dict]:
    assert answer.mimetype == MEDIA_TYPE
    assert answer.cache_control.no_store
    return [json.loads(line) for line in answer.text.splitlines()]


def test_the_stream_has_steps_and_the_page(client, photo):
    data = [photo(PERSON), photo(OTHER)]
    *steps, last = lines(post(client, "/identify", image=data))
    sentences = [line["step"] for line in steps]
    assert [one for one in sentences if "comparing" not in one] == [
        "Photo 1 of 2: finding faces…",
        "Photo 2 of 2: reading the file…",
        "Photo 2 of 2: finding faces…",
    ]
    assert [line["photo"] for line in steps] == [1, 1, 2, 2, 2]
    assert last["status"] == 200
    plain = post(client, "/identify", headers={}, image=data)
    assert heading(plain) == f"{PERSON} and {OTHER}"
    assert f"<h1>{PERSON} and {OTHER}</h1>" in last["page"]


def test_errors_before_the_first_step_have_their_own_status(client):
    answer = post(client, "/identify", image=[b"no picture"])
    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert post(client, "/identify").status_code == 400


def test_later_errors_are_the_last_line(app, recognizer, monkeypatch, portrait_photo):
    def break_down(*_arguments):
        raise RuntimeError("secret detail")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(recognizer, "identify_faces", break_down)
    last = lines(post(app.test_client(), "/identify", image=[portrait_photo]))[-1]
    assert last["status"] == 500
    assert "Server error" in last["page"]
    assert "secret" not in last["page"]


def test_steps_of_several_photos(client, portrait_photo):
    nobody = photos.encode(photos.background(300, 200))
    page = post(client, "/identify", headers={}, image=[b"", b"no picture", nobody, portrait_photo])
    assert page.status_code == 200
    for sentence in ("The file is empty.", "could not be read as a picture", NO_FACE.replace("'", "&#39;"), PERSON):
        assert sentence in text(page)
    assert post(client, "/identify", headers={}, image=[b"", nobody]).status_code == 422


def test_too_many_photos(client):
    page = post(client, "/identify", headers={}, image=[b"x"] * 9)
    assert (page.status_code, alert(page)) == (413, "You sent 9 photos. The limit is 8.")
    assert alert(page) != NO_PHOTO


def test_compare(client, photo):
    steps = lines(post(client, "/compare", a=[photo(PERSON)], b=[photo(PERSON, OTHER)]))
    assert steps[-2]["step"] == "Comparing 1 face with 2 faces…"
    assert "<h1>Same person</h1>" in steps[-1]["page"]
