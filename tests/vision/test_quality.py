from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest

from app.vision.alignment import TEMPLATE
from app.vision.quality import Quality, QualityFloor, measure_quality
from tests import photos

FLOOR = QualityFloor(eye_distance=7.0, detail=0.25, yaw=0.9, close_confidence=0.85, norm=7.5)
AT_FLOOR = Quality(**asdict(FLOOR))


@pytest.fixture
def crop() -> np.ndarray:
    return np.asarray(photos.portraits()[photos.PERSON].resize((112, 112)))


def test_eye_distance_is_measured_in_the_picture(crop):
    assert measure_quality(crop, np.array([[100.0, 50.0], [130.0, 90.0]])).eye_distance == pytest.approx(50)


def test_blur_lowers_detail(crop):
    details = [measure_quality(cv2.GaussianBlur(crop, (0, 0), sigma), TEMPLATE).detail for sigma in (0.5, 1, 2, 4)]
    assert details == sorted(details, reverse=True)
    assert details[-1] < details[0] / 2


def test_enlarging_lowers_detail(crop):
    small = cv2.resize(crop, (20, 20), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(small, (112, 112), interpolation=cv2.INTER_CUBIC)
    assert measure_quality(enlarged, TEMPLATE).detail < 0.7 * measure_quality(crop, TEMPLATE).detail


def test_detail_does_not_depend_on_the_light(crop):
    dark = measure_quality(crop // 2, TEMPLATE).detail
    assert dark == pytest.approx(measure_quality(crop, TEMPLATE).detail, rel=0.05)


def test_a_plain_crop_has_no_detail():
    assert measure_quality(np.full((112, 112, 3), 90, np.uint8), TEMPLATE).detail == 0


@pytest.mark.parametrize(("share", "yaw"), [(0.5, 0.0), (0.0, 0.5), (1.0, 0.5), (1.5, 1.0)])
def test_yaw_is_the_nose_position_along_the_eye_line(crop, share, yaw):
    landmarks = np.array([[40.0, 40.0], [60.0, 60.0], [0.0, 0.0], [35.0, 60.0], [45.0, 70.0]])
    landmarks[2] = landmarks[0] + share * (landmarks[1] - landmarks[0]) + [-8, 8]
    assert measure_quality(crop, landmarks).yaw == pytest.approx(yaw)


def test_measures_that_are_not_available_are_ignored(crop):
    quality = measure_quality(crop, np.array([[100.0, 50.0], [130.0, 90.0]]))
    assert replace(FLOOR, detail=0.0).flaw(quality) is None


@pytest.mark.parametrize(
    ("worse", "beginning"),
    [
        ({"eye_distance": 5.24}, "This face is too small: its eyes are 5.2 pixels apart. The minimum is 7.0."),
        ({"yaw": 1.0}, "This face is seen from the side."),
        ({"detail": 0.2}, "This face is blurred or enlarged"),
        ({"close_confidence": 0.8}, "This face is not clear enough"),
        ({"close_confidence": 0.0}, "This is probably not a face"),
        ({"norm": 4.0}, "This face is not clear enough"),
    ],
)
def test_each_limit_has_its_sentence(worse, beginning):
    assert FLOOR.flaw(AT_FLOOR) is None
    quality = replace(AT_FLOOR, **worse)
    assert FLOOR.flaw(quality).startswith(beginning)
    assert QualityFloor().flaw(quality) is None


def test_a_face_without_eyes_cannot_be_judged():
    assert QualityFloor().flaw(None).startswith("The detector found no eyes")


def test_accepts_marks_the_faces_without_flaw():
    assert FLOOR.accepts([AT_FLOOR, None, replace(AT_FLOOR, norm=1.0)]).tolist() == [True, False, False]


def test_writing_to_a_card_makes_no_limit_stricter():
    floor = QualityFloor(eye_distance=6.9578, detail=0.28166, yaw=0.90001, close_confidence=0.86508, norm=7.76915)
    written = QualityFloor.from_dict(floor.to_dict())
    assert written.flaw(Quality(**asdict(floor))) is None
    assert asdict(written) == pytest.approx(asdict(floor), abs=0.001)


def test_a_card_without_a_limit_is_refused():
    with pytest.raises(KeyError, match="norm"):
        QualityFloor.from_dict({name: value for name, value in FLOOR.to_dict().items() if name != "norm"})
