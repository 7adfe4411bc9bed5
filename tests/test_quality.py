import cv2
import numpy as np
import pytest

from app.quality import Quality, QualityFloor, measure

EYES = np.array([[100.0, 50.0], [130.0, 90.0]])


@pytest.fixture
def crop(rng) -> np.ndarray:
    return rng.integers(0, 256, size=(112, 112, 3), dtype=np.uint8)


def test_eye_distance_is_measured_in_the_picture(crop):
    assert measure(crop, EYES).eye_distance == pytest.approx(50)


def test_blur_lowers_sharpness(crop):
    sharpness = [measure(cv2.GaussianBlur(crop, (0, 0), blur), EYES).sharpness for blur in (0.5, 1, 2, 4)]
    assert sharpness == sorted(sharpness, reverse=True)
    assert measure(np.full((112, 112, 3), 90, np.uint8), EYES).sharpness == 0


@pytest.mark.parametrize(
    ("quality", "beginning"),
    [
        (None, "The detector found no eyes"),
        (Quality(9.6, 500), "This face is too small to judge: its eyes are 10 pixels apart, 12 are needed."),
        (Quality(40, 19.0), "This face is too blurred to judge: its sharpness is 19, 20 is needed."),
    ],
)
def test_a_flaw_is_a_sentence_with_its_numbers(quality, beginning):
    assert QualityFloor(eye_distance=12, sharpness=20).flaw(quality).startswith(beginning)


def test_the_floor_itself_is_good_enough():
    assert QualityFloor(eye_distance=12, sharpness=20).flaw(Quality(12, 20)) is None
