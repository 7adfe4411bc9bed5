from dataclasses import replace

import numpy as np
import pytest

from app.errors import TrainingError
from app.gallery.snapshot import Snapshot
from app.recognition.decision import decide
from app.recognition.scoring import Head, rank
from app.training.calibration import own_gallery
from tests.rules import make_rules

RULES = make_rules(Head(4.0, 1.0), (1, 0.4), (6, 0.5), margin=0.02)
COUNTS = (6, 6, 1, 4, 2)


def to_unit_length(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def gallery(rng) -> Snapshot:
    """Five people with 1 to 6 anchors, near a direction of their own."""
    middles = np.repeat(rng.normal(size=(5, 16)), COUNTS, axis=0)
    rows = to_unit_length(middles + rng.normal(scale=0.4, size=middles.shape))
    return Snapshot(tuple("abcde"), (1, 2, 3, 4, 5), rows, np.cumsum([0, *COUNTS]), 1)


def test_rates_are_those_of_the_verdicts(gallery, rng):
    impostors = to_unit_length(rng.normal(size=(300, 16)))
    found = own_gallery.measure(gallery, RULES, impostors)
    verdicts = [decide(rank(face, gallery, RULES.head), RULES).kind for face in impostors]
    assert 0 < found.impostor_fpir < 1
    assert found.impostor_fpir == pytest.approx(verdicts.count("match") / 300)
    assert (found.people, found.anchors, found.impostors, found.fpir) == (5, 19, 300, 0.01)
    assert found.tpir > 0.5
    assert found.left_out_fpir < found.tpir


def test_shifted_thresholds_keep_the_fpir_on_both_kinds_of_impostors(rng):
    middles = np.repeat(rng.normal(size=(40, 16)), 4, axis=0)
    rows = to_unit_length(middles + rng.normal(scale=0.3, size=middles.shape))
    names = tuple(f"person {number:02d}" for number in range(40))
    gallery = Snapshot(names, tuple(range(40)), rows, np.arange(0, 161, 4), 1)
    impostors = to_unit_length(rng.normal(size=(300, 16)))
    found = own_gallery.measure(gallery, RULES, impostors)
    shifts = dict(found.shifts)
    # 160 anchors cannot tell about one impostor in 333, or in 1,000.
    assert shifts[0.01] < 0
    assert (shifts[0.003], shifts[0.001]) == (None, None)
    calibrated = own_gallery.measure(gallery, replace(RULES, shifts=((0.01, shifts[0.01]),)), impostors)
    assert max(found.impostor_fpir, found.left_out_fpir) > 0.01
    assert 0 < max(calibrated.impostor_fpir, calibrated.left_out_fpir) <= 0.01
    assert calibrated.shifts == found.shifts


def test_single_anchors_cannot_calibrate(rng):
    lone = Snapshot(("a", "b"), (1, 2), to_unit_length(rng.normal(size=(2, 16))), np.array([0, 1, 2]), 1)
    with pytest.raises(TrainingError, match="two people with two anchors"):
        own_gallery.measure(lone, RULES, to_unit_length(rng.normal(size=(10, 16))))
