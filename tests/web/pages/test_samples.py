import io
import re

import pytest
from PIL import Image

from app.errors import GalleryError
from app.recognition.recognizer import Recognizer
from app.web import samples
from app.web.factory import create_app
from app.web.wording import UNRECOGNIZED
from tests.web.conftest import alert, heading, text

RESULTS = {
    "one": r"This looks like .+",
    "group": r".+, .+ and .+",
    "unknown": re.escape(UNRECOGNIZED),
}


@pytest.mark.parametrize("key", RESULTS)
def test_a_sample_has_the_result_that_its_title_promises(client, key):
    page = client.post("/identify", data={"sample": key})
    assert page.status_code == 200
    assert re.fullmatch(RESULTS[key], heading(page))


def test_the_upload_page_shows_small_thumbnails(client):
    page = client.get("/").text
    shown = re.findall(r'<img src="(/samples/\w+\.webp\?v=\w+)" alt="" width="150" height="100" loading="lazy">', page)
    assert len(shown) == len(RESULTS)
    for address in shown:
        picture = client.get(address)
        assert picture.cache_control.max_age
        assert len(picture.data) < 8000
        assert Image.open(io.BytesIO(picture.data)).size == (300, 200)
    assert client.get("/samples/other.webp").status_code == 404


def test_a_sample_that_is_gone_is_an_error(client):
    page = client.post("/identify", data={"sample": "other"})
    assert page.status_code == 400
    assert alert(page) == "This sample is no longer available. Choose another one, or a photo of your own."


def test_people_of_the_operator_are_no_samples(settings, recognizer, small_gallery, rng):
    own = Recognizer(settings, recognizer.detector, recognizer.network, small_gallery)
    shipped = next(person for person in recognizer.gallery.people() if person.has_portrait)
    own.gallery.add(
        "Ann <b>",
        rng.normal(size=(1, recognizer.gallery.snapshot().anchors.shape[1])),
        ["c.jpg"],
        recognizer.gallery.portrait(shipped.id),
    )
    assert samples.find_samples(own) == {}
    assert "Try a sample" not in text(create_app(settings, own).test_client().get("/"))


def test_limits_that_no_sample_keeps_hide_them(settings, recognizer):
    small = settings.with_changes(max_pixels=1000)
    other = Recognizer(small, recognizer.detector, recognizer.network, recognizer.gallery)
    assert samples.find_samples(other) == {}
    other.decoder.close()


def test_samples_are_made_again_when_shipped_people_change(recognizer):
    made = samples.find_samples(recognizer)
    recognizer.gallery.add("Zoë Ñandú", recognizer.gallery.snapshot().anchors[:1], ["test"])
    try:
        assert samples.find_samples(recognizer) is made
    finally:
        recognizer.gallery.remove("Zoë Ñandú")
    (shown,) = (face.verdict.person for face in recognizer.identify(made["one"].photo).faces)
    recognizer.gallery.remove(shown)
    try:
        changed = samples.find_samples(recognizer)
        assert changed["one"].photo != made["one"].photo
    finally:
        recognizer.gallery.restore(shown)


def test_samples_that_cannot_be_prepared_are_logged(recognizer, monkeypatch, caplog):
    def fail(_recognizer):
        raise GalleryError("The gallery is busy. Try again.")

    monkeypatch.setattr(samples, "find_samples", fail)
    samples.prepare_samples(recognizer)
    assert "The gallery is busy. Try again." in caplog.text
