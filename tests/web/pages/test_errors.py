import io

import pytest
from PIL import Image

from app.web.factory import create_app
from app.web.middleware.security_headers import HEADERS
from app.web.pages.identify import NO_FACE
from app.web.recognizer_loading import EXTENSION, RecognizerLoader
from app.web.uploads import NO_PHOTO
from tests import photos
from tests.web.conftest import alert, heading, send


def test_nothing_sent(client):
    for data in ({}, {"image": (io.BytesIO(b""), "")}, {"image": "text"}):
        page = client.post("/identify", data=data, content_type="multipart/form-data")
        assert page.status_code == 400
        assert alert(page) == NO_PHOTO


def test_no_picture(client):
    page = send(client, b"this is text")
    assert page.status_code == 422
    assert alert(page).startswith("The file could not be read as a picture.")
    assert "Drag and drop an image here" in page.text


def test_an_empty_file(client):
    page = send(client, b"")
    assert page.status_code == 422
    assert alert(page) == "The file is empty. Choose another one."


def test_no_face(client):
    page = send(client, photos.encode(photos.background(640, 480)))
    assert page.status_code == 422
    assert alert(page) == NO_FACE


def test_too_large(settings, recognizer):
    client = create_app(settings.with_changes(max_file_bytes=50_000), recognizer).test_client()
    page = send(client, bytes(60_000))
    assert page.status_code == 413
    assert alert(page) == "The file is larger than 0.05 MB. Send a smaller copy."
    assert '"bytes": 50000' in page.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/", 405)])
def test_other_errors_look_like_the_pages(client, method, path, status):
    page = client.open(path, method=method)
    assert page.status_code == status
    assert page.mimetype == "text/html"
    assert "Whopic" in page.text
    assert status != 405 or "GET" in page.headers["Allow"]


def test_a_fault_of_ours_shows_no_traceback(app, recognizer, monkeypatch, portrait_photo):
    def break_down(_picture):
        raise RuntimeError("secret detail")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(recognizer, "detect", break_down)
    page = send(app.test_client(), portrait_photo)
    assert page.status_code == 500
    assert heading(page) == "Server error"
    assert "secret" not in page.text


def test_before_the_network_is_loaded(app, portrait_photo):
    app.extensions[EXTENSION] = RecognizerLoader(lambda: None)
    for page in (app.test_client().get("/"), send(app.test_client(), portrait_photo)):
        assert page.status_code == 503
        assert int(page.headers["Retry-After"]) > 0
        assert heading(page) == "Service unavailable"


def test_every_answer_is_protected(client, portrait_photo):
    answers = [
        client.get("/"),
        client.get("/nowhere"),
        client.get("/static/site.css", buffered=True),
        send(client, portrait_photo),
    ]
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_nothing_is_inline(client, portrait_photo):
    for page in (client.get("/"), send(client, portrait_photo), client.get("/nowhere")):
        assert "style=" not in page.text
        assert "<style" not in page.text
        assert " onclick=" not in page.text
        assert page.text.count("<script") == page.text.count('<script type="module" src="/static/')
        assert "http://" not in page.text.replace("http://www.w3.org/", "")


def test_too_many_pixels(client):
    page = send(client, photos.encode(Image.new("L", (8000, 5001)), "PNG"))
    assert page.status_code == 422
    assert "The limit is" in alert(page)
