import json

import cv2
import numpy as np
import pytest

from app import quantization
from app.settings import Settings
from app.vision import yunet
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
    """Return a BGR picture."""
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
    found = network.detect_all([pixels[:, :, ::-1] for pixels in pictures], SCORE)
    for pixels, rows in zip(pictures, found, strict=True):
        np.testing.assert_allclose(rows, detect_with_opencv(pixels), atol=0.01)


@pytest.mark.parametrize("size", yunet.TILE_SIZES)
def test_8_bit_tiles_have_the_boxes_of_opencv(network, size):
    pixels = scene(5, size=size[::-1], side=80)
    [rows] = network.detect_all([pixels[:, :, ::-1]], SCORE)
    expected = detect_with_opencv(pixels)
    assert len(rows) == len(expected) == 5
    np.testing.assert_allclose(sort(rows)[:, :4], sort(expected)[:, :4], atol=10)
    np.testing.assert_allclose(sort(rows)[:, 14], sort(expected)[:, 14], atol=0.05)


def sort(rows: np.ndarray) -> np.ndarray:
    return rows[rows[:, 0].argsort()]


def operations(graph) -> set[str]:
    return {node.get_type_name() for node in graph.get_ordered_ops()}


def test_only_known_networks_and_processors_multiply_8_bits(monkeypatch, tmp_path):
    graph = yunet.read_graph(Settings().detector_home / YUNET_WEIGHTS)
    assert ("FakeQuantize" in operations(yunet.quantize(graph))) == quantization.is_supported()
    monkeypatch.setattr(quantization, "is_supported", lambda: True)
    assert "FakeQuantize" in operations(yunet.quantize(graph))
    assert "FakeQuantize" not in operations(graph)
    ranges = json.loads(yunet.RANGES.read_text())
    ranges["Conv_other"] = ranges.pop("Conv_0/WithoutBiases")
    (tmp_path / "ranges.json").write_text(json.dumps(ranges))
    monkeypatch.setattr(yunet, "RANGES", tmp_path / "ranges.json")
    assert yunet.quantize(graph) is graph


def test_ranges_are_those_of_the_largest_inputs():
    graph = yunet.read_graph(Settings().detector_home / YUNET_WEIGHTS)
    dark, bright = (np.full((*yunet.TILE_SIZES[0], 3), value, np.uint8) for value in (0, 255))
    ranges = yunet.measure_ranges(graph, [dark, bright])
    assert ranges.keys() == json.loads(yunet.RANGES.read_text()).keys()
    assert ranges["Conv_0/WithoutBiases"] == (0, 255)
    lows, highs = np.array(list(ranges.values())).T
    single = np.array(list(yunet.measure_ranges(graph, [dark]).values()))
    assert (lows <= single[:, 0]).all()
    assert (highs >= single[:, 1]).all()
    assert (highs > single[:, 1]).any()
