import io

import numpy as np
import pytest
from PIL import Image

from app.training.release import anchors
from tests import photos

DIMS = 16


@pytest.fixture
def person(rng):
    """Makes float32 (count, 16) embeddings of length 1 around one direction."""

    def make(count: int, spread: float = 0.05) -> np.ndarray:
        rows = np.eye(DIMS)[0] + rng.normal(scale=spread, size=(count, DIMS))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return make


def test_an_outlier_is_left_out(person):
    faces = person(100)
    for place in (0, 17, 99):
        planted = faces.copy()
        planted[place] = -planted[place]
        chosen = anchors.choose(planted)
        assert len(chosen) == anchors.MOST
        assert place not in chosen


def test_each_face_is_chosen_once_and_no_more_than_asked_for(person):
    for count, most in ((1, 32), (5, 32), (32, 32), (33, 32), (200, 32), (20, 7)):
        chosen = anchors.choose(person(count), most)
        assert len(chosen) == len(set(chosen.tolist())) <= most
        assert set(chosen.tolist()) <= set(range(count))
    assert sorted(anchors.choose(person(3)).tolist()) == [0, 1, 2]


def portrait_of(side: int, copies: int = 3) -> np.ndarray:
    picture = np.asarray(photos.portraits()["Drake"].resize((side, side)))
    eyes = np.array([[0.34, 0.46], [0.66, 0.46]]) * side
    data = anchors.portrait([picture] * copies, [eyes] * copies, np.full(copies, 50.0))
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
    found = np.asarray(Image.open(io.BytesIO(anchors.portrait([tight] * 3, [eyes] * 3, np.full(3, 50.0))))).astype(int)
    # A border of one color, as a picture's end has, would have no variance along the rim.
    for rim in (found[:4], found[-4:], found[:, :4], found[:, -4:]):
        assert rim.std() > 5


def test_a_portrait_can_be_made_of_one_small_picture():
    assert portrait_of(80, copies=1).std() > 10
