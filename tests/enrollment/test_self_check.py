import numpy as np
import pytest

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


def test_a_person_with_recognizable_photos_gets_no_advice(snapshot):
    alike = Snapshot(("Ann", "Cem"), (1, 3), snapshot.anchors[[0, 1, 5]], np.array([0, 2, 3]), 1)
    found = check_position(0, alike, RULES)
    assert found.good
    assert str(found) == "2 of 2 photos would be recognized if they were new."


def test_a_single_photo_cannot_be_checked(snapshot):
    found = check_position(2, snapshot, RULES)
    assert not found.good
    assert "cannot be checked" in str(found)
