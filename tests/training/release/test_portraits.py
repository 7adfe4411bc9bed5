import io

import numpy as np
from PIL import Image

from app.training.release import portraits
from tests import photos


def portrait_of(side: int, copies: int = 3) -> np.ndarray:
    picture = np.asarray(photos.portraits()["Drake"].resize((side, side)))
    eyes = np.array([[0.34, 0.46], [0.66, 0.46]]) * side
    data = portraits.average_face([picture] * copies, [eyes] * copies, np.full(copies, 50.0))
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size, image.mode) == ("WEBP", (224, 224), "RGB")
    return np.asarray(image).astype(int)


def test_a_portrait_is_a_small_webp_that_shows_the_face():
    found = portrait_of(400)
    face = np.asarray(photos.portraits()["Drake"].resize((224, 224))).astype(int)
    middle = (slice(70, 160), slice(60, 165))
    assert np.corrcoef(found[middle].ravel(), face[middle].ravel())[0, 1] > 0.7


def test_a_portrait_leaves_out_what_no_picture_shows():
    tight = np.asarray(photos.portraits()["Adam Sandler"].resize((224, 224)))[50:210, 40:190]
    eyes = np.array([[76, 103], [147, 103]]) - [40, 50]
    found = np.asarray(
        Image.open(io.BytesIO(portraits.average_face([tight] * 3, [eyes] * 3, np.full(3, 50.0))))
    ).astype(int)
    # A border of one color, as a picture's end has, would have no variance along the rim.
    for rim in (found[:4], found[-4:], found[:, :4], found[:, -4:]):
        assert rim.std() > 5


def test_a_portrait_can_be_made_of_one_small_picture():
    assert portrait_of(80, copies=1).std() > 10
