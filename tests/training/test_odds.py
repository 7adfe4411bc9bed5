import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.training import odds
from app.training.errors import TrainingError
from app.verdict import Head, Rules, judge, rank

RULES = Rules(Head(4.0, 1.0), ((1, 0.2), (6, 0.32)), margin=0.02, pair_threshold=0.5)
COUNTS = (6, 6, 1, 4, 2)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def gallery(rng) -> Snapshot:
    """Five people with 1 to 6 anchors, near a direction of their own."""
    middles = np.repeat(rng.normal(size=(5, 16)), COUNTS, axis=0)
    rows = unit(middles + rng.normal(scale=0.4, size=middles.shape))
    return Snapshot(tuple("abcde"), (1, 2, 3, 4, 5), rows, np.cumsum([0, *COUNTS]), 1)


def test_shares_are_those_of_the_verdicts(gallery, rng):
    strangers = unit(rng.normal(size=(300, 16)))
    lenient = Rules(RULES.head, ((1, 0.6), (6, 0.75)), 0.02, 0.5)
    found = odds.measure(gallery, lenient, strangers)
    verdicts = [judge(rank(face, gallery, lenient.head), lenient).kind for face in strangers]
    assert 0 < found.strangers_named < 1
    assert found.strangers_named == pytest.approx(verdicts.count("match") / 300)
    assert (found.people, found.anchors, found.strangers) == (5, 19, 300)
    assert found.named > 0.5
    assert found.left_out_named < found.named


def test_a_nearer_face_is_more_likely_right(gallery, rng):
    found = odds.measure(gallery, RULES, unit(rng.normal(size=(300, 16))))
    chances = [found.right(distance) for distance in (0.1, 0.3, 0.5, 0.7)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.9
    assert chances[-1] < 0.5
    (one, wide), (few, narrow) = found.limits
    assert (one, few) == odds.RATES
    assert narrow <= wide


def test_single_anchors_cannot_calibrate(rng):
    lone = Snapshot(("a", "b"), (1, 2), unit(rng.normal(size=(2, 16))), np.array([0, 1, 2]), 1)
    with pytest.raises(TrainingError, match="two people with two anchors"):
        odds.measure(lone, RULES, unit(rng.normal(size=(10, 16))))
