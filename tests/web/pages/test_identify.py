import base64
import io
import re
import tempfile

import pytest
from PIL import Image
from werkzeug.test import TestResponse

from app.recognition.decision import FPIRS
from app.serialization import RANKING_ROWS
from app.vision.quality import QualityFloor
from app.web.pages.results import CLOSEST
from app.web.pages.routes import SEND_AGAIN
from app.web.wording import UNRECOGNIZED
from tests import photos
from tests.photos import OTHER, PERSON
from tests.web.conftest import alert, heading, send, text
from tests.web.test_wording import table


def link(recognizer, name: str) -> str:
    """The link to a person's page."""
    return f'<a href="/people/{recognizer.gallery.find(name).id}">{name}</a>'


def test_the_headline_is_the_name(client, portrait_photo, recognizer):
    page = send(client, portrait_photo)
    assert page.status_code == 200
    assert heading(page) == f"This looks like {PERSON}"
    assert f"<title>This looks like {PERSON} " in page.text
    assert "Strong match" in text(page)
    assert f'<h2 class="name">{link(recognizer, PERSON)}</h2>' in page.text
    assert f'alt="Average face of {PERSON}"' in page.text


def test_the_page_says_what_the_rate_means(client, portrait_photo):
    page = text(send(client, portrait_photo))
    assert "The false positive identification rate is 1 %: about 1 in 100 people outside the gallery" in page


def test_a_card_shows_the_three_closest_people(client, portrait_photo, recognizer):
    page = send(client, portrait_photo).text
    (table,) = re.findall(r"<table.*?</table>", page, re.S)
    assert re.findall(r'<th scope="col">([^<]*)', table) == ["Celebrity", "Distance"]
    names = re.findall(r'<th scope="row">(.*?)<td>', table)
    distances = re.findall(r"<td>(\d\.\d{3})", table)
    assert (len(names), names[0]) == (CLOSEST, link(recognizer, PERSON))
    assert distances == sorted(distances)


def embedding_of(page: TestResponse) -> str:
    return re.search(r'name="embedding" value="([^"]+)"', page.text)[1]


def test_details_show_the_distance_to_everyone(client, portrait_photo, recognizer):
    sent = {"embedding": embedding_of(send(client, portrait_photo))}
    response = client.post("/details", data=sent)
    assert response.cache_control.no_store
    first, anchors, rest = re.findall(r"<table.*?</table>", response.text, re.S)
    for one in (first, rest):
        assert re.findall(r'<th scope="col">(.*?)</th>', one) == ["Celebrity", "Distance"]
    distances = re.findall(r'<span class="number">(\d\.\d{3})</span>', first)
    assert len(distances) == first.count('<svg class="bar"') == RANKING_ROWS
    assert distances == sorted(distances)
    for one in (first, anchors):
        assert re.search(r'<th scope="row">(.*?)</th>', one)[1] == link(recognizer, PERSON)
    assert rest.count('<a href="/people/') == len(recognizer.gallery.snapshot()) - RANKING_ROWS
    assert rest.count("<td>") == 2 * (len(recognizer.gallery.snapshot()) - RANKING_ROWS)
    headings = ["Celebrity", "Mean", "Min", "Spread", "Reference photos"]
    assert re.findall(r'<th scope="col">(.*?)</th>', anchors) == headings
    assert "template, the average of their reference photos." in text(response)


@pytest.mark.parametrize("sent", ["", "é", "AAAA", base64.b64encode(bytes(256)).decode(), "/" * 344])
def test_details_need_an_embedding(client, sent):
    assert client.post("/details", data={"embedding": sent}).status_code == 400


def test_the_photo_comes_back_reduced_with_names(client, photo):
    page = send(client, photo(PERSON, OTHER, size=(1800, 1000), side=500)).text
    data = re.search(r'<div class="canvas">\s*<img src="data:image/jpeg;base64,([^"]+)"', page)[1]
    assert max(Image.open(io.BytesIO(base64.b64decode(data))).size) == 1400
    assert 'width="1800" height="1000"' in page
    assert re.findall(r"<text [^>]*>([^<]*)</text>", page) == [PERSON, OTHER]
    assert 'id="face-1-2"' in page


def test_a_person_in_several_photos_has_one_card(client, photo, recognizer):
    page = client.post("/identify", data={"image": [upload(photo(PERSON, OTHER)), upload(photo(PERSON)), upload(b"?")]})
    assert heading(page) == f"{PERSON} and {OTHER}"
    assert re.findall(r'<h2 class="name">(.*?)</h2>', page.text) == [link(recognizer, name) for name in (PERSON, OTHER)]
    assert "3 photos, 3 faces: 2 named, 1 failed" in text(page)
    assert "Strong match in 2 photos" in text(page)


def upload(data: bytes) -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), "photo.jpg"


def test_a_crowd_is_a_small_page(client):
    page = send(client, photos.encode(photos.crowd(8, 1600))).text
    assert page.count('class="card ') > 50
    assert len(re.sub(r'"data:image/[^"]*"', "", page)) < 200_000
    assert len(re.findall(r"<[a-z]", page)) < 5000


def test_several_faces_are_all_named_in_the_heading(client, photo):
    assert heading(send(client, photo(PERSON, OTHER))) == f"{PERSON} and {OTHER}"


NO_MATCH = tuple((fpir, table(0.0)) for fpir in FPIRS)
"""Thresholds that no face reaches."""


def test_an_unknown_face_has_a_look_alike_and_no_name(strict, portrait_photo):
    page = send(strict(thresholds=NO_MATCH, look_alike=1.0), portrait_photo)
    assert heading(page) == UNRECOGNIZED
    assert f"Closest look-alike: {PERSON} . This is not an identification." in text(page)
    assert "Average face of" not in page.text


def test_an_unknown_face_that_is_close_to_nobody_has_no_look_alike(strict, portrait_photo):
    page = send(strict(thresholds=NO_MATCH, look_alike=0.0), portrait_photo)
    assert heading(page) == UNRECOGNIZED
    assert "look-alike" not in text(page)


def test_an_ambiguous_face_shows_both_people(strict, portrait_photo):
    page = send(strict(margin=2.0), portrait_photo)
    assert re.fullmatch(rf"This could be {PERSON} or .+", heading(page))
    assert page.text.count("Average face of") == 2
    assert "are too similar to tell apart here." in text(page)


def test_a_low_quality_face_says_why(strict, portrait_photo):
    page = send(strict(quality=QualityFloor(eye_distance=10_000.0)), portrait_photo)
    assert heading(page) == "Too unclear to tell"
    assert "too small" in text(page)
    assert "Average face of" not in page.text


def test_results_are_not_cached(client, portrait_photo):
    assert send(client, portrait_photo).cache_control.no_store


def test_a_large_upload_stays_in_memory(client, photo, monkeypatch):
    def refuse(*_args, **_kwargs):
        pytest.fail("an upload was written to disk")

    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile"):
        monkeypatch.setattr(tempfile, name, refuse)
        monkeypatch.setattr(f"werkzeug.formparser.{name}", refuse, raising=False)
    data = photo(PERSON, kind="BMP")
    assert len(data) > 1_000_000
    assert send(client, data).status_code == 200


def test_reloading_a_results_page_asks_to_send_the_photo_again(client):
    page = client.get("/identify")
    assert page.status_code == 200
    assert alert(page) == SEND_AGAIN
    assert "Drag and drop an image here" in page.text
