"""What becomes of the file that a stranger sends, and of its name."""

import base64
import io
import json
import re

import pytest
from PIL import Image

from tests import photos
from tests.serving.conftest import DOORS, post

NAMES = ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a\x00b.jpg", "file:///etc/passwd", "http://10.0.0.1/x"]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("name", [*NAMES, "x" * 5000, "<script>alert(1)</script>.jpg", "photo.exe"])
def test_a_file_name_is_never_a_path(serve, portrait, path, name):
    answer = post(serve(), portrait, path, name=name)
    assert answer.status_code in (200, 400)
    assert "root:" not in answer.text


def test_a_file_name_comes_back_harmless(serve, portrait):
    answer = post(serve(), portrait, DOORS[1], name="'><script>alert('é')</script>; a=b")
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text.isascii()
    assert not any("script" in value or "a=b" in value for value in answer.headers.values())
    assert "alert(" in json.loads(answer.text)["file"]
    assert "<script>alert" not in post(serve(), portrait, name="<script>alert(1)</script>.jpg").text


def test_only_static_files_and_portraits_are_served(serve):
    client = serve().test_client()
    for path in (
        "/static/../app/settings.py",
        "/static/%2e%2e/wsgi.py",
        "/people/../x/portrait.webp",
    ):
        assert client.get(path).status_code == 404


def test_nothing_of_the_file_comes_back_but_its_pixels(serve):
    secret = b"what hides in a file"
    exif = Image.Exif()
    exif[0x010E] = secret.decode()
    face = photos.paste(photos.portraits()[photos.PERSON])
    data = photos.encode(face, exif=exif, comment=secret) + b"PK\x03\x04" + secret
    assert data.count(secret) == 3
    page = post(serve(), data).text
    sent_back = [base64.b64decode(one) for one in re.findall(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)", page)]
    assert sent_back
    assert not any(secret in one for one in sent_back)
    assert all(Image.open(io.BytesIO(one)).getexif() == {} for one in sent_back)
