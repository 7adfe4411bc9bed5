"""A video on the pages of a library: its still, and when each face is in it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.batch.rows import PhotoRow
from app.vision.time_span import TimeSpan
from tests import photos
from tests.library.conftest import face, fill, row
from tests.web.conftest import text
from tests.web.library.conftest import ids


@pytest.fixture
def video(library) -> int:
    """A video of 800 x 600 pixels with two faces, of which the still shows the second, at its right edge."""
    still = Image.new("RGB", (400, 300))
    still.paste("white", (300, 0, 400, 300))
    thumbnail = photos.webp(gray=90)
    first = replace(face(np.eye(128)[0]), time=TimeSpan(0, 4, 3), thumbnail=thumbnail)
    second = replace(face(np.eye(128)[1], x=660), time=TimeSpan(65, 70, 66))
    picture = (66.0, photos.encode(still, "WEBP"))
    content = row("/archive/clip.mp4", first, second)
    fill(library, PhotoRow(content.file, content.digest, (800, 600), None, content.faces, None, 75.5, picture))
    return ids(library, "SELECT photo_id FROM file WHERE path LIKE '%clip.mp4'")[0]


def image(answer) -> Image.Image:
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.data)).convert("L")


def test_the_page_shows_the_still_and_the_times(client, video):
    page = client.get(f"/library/photos/{video}")
    assert "600 pixels, video of 0:01:15.5" in text(page)
    assert "0:00:00.0 to 0:00:04.0, best at 0:00:03.0" in text(page)
    assert "0:01:05.0 to 0:01:10.0, best at 0:01:06.0" in text(page)
    assert page.text.count('class="box"') == 1
    assert "Add a missed face" not in page.text
    assert image(client.get(f"/library/pictures/previews/{video}.jpg")).size == (400, 300)
    assert image(client.get(f"/library/pictures/photos/{video}.webp")).size == (320, 240)


def test_faces_come_from_the_index_or_from_the_still(client, library, video):
    first, second = ids(library, f"SELECT id FROM face WHERE photo_id = {video} ORDER BY starts")
    assert client.get(f"/library/pictures/faces/{first}.webp").data == photos.webp(gray=90)
    assert image(client.get(f"/library/pictures/faces/{second}.webp")).getextrema()[0] > 200
