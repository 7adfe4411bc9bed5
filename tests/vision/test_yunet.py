import cv2
import numpy as np
import pytest

from app.settings import Settings
from app.vision.backends import YUNET_WEIGHTS
from app.vision.yunet import CLOSE_SIDE, YuNet
from tests import photos

SCORE = 0.7


@pytest.fixture(scope="module")
def network() -> YuNet:
    weights = Settings().detector_home / YUNET_WEIGHTS
    network = YuNet(cv2.FaceDetectorYN_create(str(weights), "", (0, 0)), weights, threads=2)
    network.setScoreThreshold(SCORE)
    return network


def detect_with_opencv(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    detector = cv2.FaceDetectorYN_create(str(Settings().detector_home / YUNET_WEIGHTS), "", (width, height))
    detector.setScoreThreshold(SCORE)
    _, rows = detector.detect(pixels)
    return np.empty((0, 15), np.float32) if rows is None else rows


def scene(count: int, **options) -> np.ndarray:
    faces = list(photos.portraits().values())[:count]
    return np.ascontiguousarray(np.asarray(photos.paste(*faces, **options))[:, :, ::-1])


@pytest.mark.parametrize(
    ("count", "size", "tolerance"),
    [
        (5, (640, 470), 0.01),
        (2, (460, 640), 0.01),
        (3, (630, 620), 0.01),
        (0, (500, 500), 0.01),
        (1, (90, 95), 0),
        # OpenCV pads this picture to a height of 224.
        (5, (640, 201), 1.5),
    ],
)
def test_the_rows_are_those_of_opencv(network, count, size, tolerance):
    pixels = scene(count, size=size, side=80)
    expected = detect_with_opencv(pixels)
    network.setInputSize(size)
    _, rows = network.detect(pixels)
    assert len(expected) == count
    assert (rows is None) == (count == 0)
    if count:
        np.testing.assert_allclose(rows, expected, atol=tolerance)


def test_close_pictures_have_the_rows_of_opencv_in_their_order(network):
    pictures = [scene(count, size=(CLOSE_SIDE, CLOSE_SIDE), side=100, tilt=10 * count) for count in (1, 0, 2, 1)]
    for pixels, rows in zip(pictures, network.detect_all(pictures, SCORE), strict=True):
        np.testing.assert_allclose(rows, detect_with_opencv(pixels), atol=0.01)
