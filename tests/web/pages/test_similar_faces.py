import numpy as np
import pytest

from app.recognition.scoring import Head
from app.web.pages.similar_faces import find_similar
from tests.rules import make_rules

RULES = make_rules(Head(8.0, 1.1), (1, 0.2))
"""Two faces are similar up to an angle of 59 degrees, two of many up to 55 degrees."""


def faces(*degrees: float) -> list[np.ndarray]:
    return [np.array([np.cos(angle), np.sin(angle)], np.float32) for angle in np.radians(degrees)]


def test_faces_of_other_photos_are_similar_the_closest_first():
    assert find_similar(faces(0, 40, 10, 170), [1, 2, 3, 4], RULES) == [[2, 1], [2, 0], [0, 1], []]


def test_faces_of_one_photo_are_not_similar():
    assert find_similar(faces(0, 5, 10), [1, 1, 2], RULES) == [[2], [2], [1, 0]]


@pytest.mark.parametrize("count", [0, 1])
def test_a_single_face_has_no_similar_ones(count):
    assert find_similar(faces(0)[:count], [1][:count], RULES) == [[]] * count


def test_more_faces_need_a_smaller_distance():
    assert find_similar(faces(0, 56), [1, 2], RULES) == [[1], [0]]
    assert find_similar(faces(0, 56, *[180] * 60), [*range(62)], RULES)[0] == []
