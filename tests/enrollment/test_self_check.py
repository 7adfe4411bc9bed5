import time

import numpy as np
import pytest

from app.enrollment.look_alikes import find_look_alikes
from app.enrollment.self_check import SelfCheck, check_position
from app.gallery.snapshot import Snapshot
from app.recognition.scoring import Head
from tests.rules import make_rules

RULES = make_rules(Head(5.0, 0.8), (1, 0.3), margin=0.02)


@pytest.fixture
def snapshot() -> Snapshot:
    """Ann with three similar photos and an outlier, Bo with photos like the outlier, and Cem with one photo."""
    ann = [[1, 0, 0], [0.96, 0.28, 0], [0.96, 0, 0.28], [0, 0.6, 0.8]]
    anchors = np.array([*ann, [0, 0.8, 0.6], [0, 0, -1]], np.float32)
    return Snapshot(("Ann", "Bo", "Cem"), (1, 2, 3), anchors, np.array([0, 4, 5, 6]), 1)


def test_each_photo_is_compared_with_the_others(snapshot):
    found = check_position(0, snapshot, RULES)
    assert found == SelfCheck(identified=3, photos=4)
    assert not found.good
    assert str(found).startswith("3 of 4 photos would be recognized if they were new. Add more photos")


def test_another_person_within_the_margin_hides_a_photo(snapshot):
    bo = np.array([[0.96, 0.2, 0.196]], np.float32)
    twins = Snapshot(("Ann", "Bo"), (1, 2), np.concatenate([snapshot.anchors[:3], bo]), np.array([0, 3, 4]), 1)
    assert check_position(0, twins, RULES) == SelfCheck(identified=1, photos=3)
    alone = Snapshot(("Ann",), (1,), snapshot.anchors[:3], np.array([0, 3]), 1)
    assert check_position(0, alone, RULES) == SelfCheck(identified=3, photos=3)


def test_a_large_gallery_is_checked_in_milliseconds(rng):
    anchors = rng.normal(size=(20_063, 128)).astype(np.float32)
    anchors /= np.linalg.norm(anchors, axis=1, keepdims=True)
    people = range(20_000)
    large = Snapshot([f"Person {number}" for number in people], people, anchors, np.array([0, *range(64, 20_064)]), 1)
    started = time.process_time()
    check_position(0, large, RULES)
    find_look_alikes(0, large, RULES.head)
    assert time.process_time() - started < 0.1


def test_a_person_with_recognizable_photos_gets_no_advice(snapshot):
    alike = Snapshot(("Ann", "Cem"), (1, 3), snapshot.anchors[[0, 1, 5]], np.array([0, 2, 3]), 1)
    found = check_position(0, alike, RULES)
    assert found.good
    assert str(found) == "2 of 2 photos would be recognized if they were new."


def test_a_single_photo_cannot_be_checked(snapshot):
    found = check_position(2, snapshot, RULES)
    assert not found.good
    assert "cannot be checked" in str(found)
