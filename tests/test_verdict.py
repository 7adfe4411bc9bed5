import math

import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.verdict import Head, PersonDistance, Rules, judge, pair_score, rank

HEAD = Head(scale=8.0, shift=1.1)
RULES = Rules(HEAD, thresholds=((1, 0.2), (4, 0.3), (16, 0.5)), margin=0.05, pair_threshold=0.4)


def row(person: str, class_distance: float, anchors: int = 16) -> PersonDistance:
    return PersonDistance(person, class_distance, class_distance / 2, 0.1, anchors)


def make_snapshot(groups: dict[str, np.ndarray]) -> Snapshot:
    offsets = np.cumsum([0, *(len(rows) for rows in groups.values())])
    return Snapshot(tuple(groups), tuple(range(len(groups))), np.concatenate(list(groups.values())), offsets, 1)


def test_rank_agrees_with_a_plain_loop(unit_vectors):
    groups = {f"person {i}": unit_vectors(1 + i % 5) for i in range(12)}
    probe = unit_vectors(1)[0]
    expected = []
    for person, anchors in groups.items():
        distances = [math.dist(probe, anchor) for anchor in anchors]
        scores = [1 / (1 + math.exp(-HEAD.scale * (distance - HEAD.shift))) for distance in distances]
        mean = sum(scores) / len(scores)
        spread = math.sqrt(sum((score - mean) ** 2 for score in scores) / len(scores))
        expected.append((mean, person, min(scores), spread, len(scores)))
    found = rank(probe, make_snapshot(groups), HEAD)
    assert [one.person for one in found] == [one[1] for one in sorted(expected)]
    for one, (mean, _, least, spread, count) in zip(found, sorted(expected), strict=True):
        assert (one.class_distance, one.min, one.std) == pytest.approx((mean, least, spread), abs=1e-5)
        assert one.anchors == count


def test_rank_of_an_anchor_itself_has_its_smallest_score(unit_vectors):
    anchors = unit_vectors(3)
    found = rank(anchors[1], make_snapshot({"someone": anchors}), HEAD)
    assert found[0].min == pytest.approx(HEAD.score(np.float64(0)), abs=1e-4)


def test_rank_in_an_empty_gallery_is_empty(unit_vectors):
    empty = Snapshot((), (), np.zeros((0, 8), np.float32), np.zeros(1, np.int64), 0)
    assert rank(unit_vectors(1)[0], empty, HEAD) == ()


def test_pair_score_is_symmetric_and_grows_with_distance(unit_vectors):
    one, other = unit_vectors(2)
    assert pair_score(one, other, HEAD) == pair_score(other, one, HEAD)
    assert pair_score(one, one, HEAD) < pair_score(one, other, HEAD) < pair_score(one, -one, HEAD)


@pytest.mark.parametrize(
    ("anchors", "threshold"), [(0, 0.2), (1, 0.2), (2, 0.25), (4, 0.3), (8, 0.4), (16, 0.5), (100, 0.5)]
)
def test_thresholds_are_interpolated_over_the_logarithm(anchors, threshold):
    assert RULES.threshold(anchors) == pytest.approx(threshold)


def test_match():
    verdict = judge([row("Ann", 0.3), row("Bob", 0.9)], RULES)
    assert (verdict.kind, verdict.person, verdict.class_distance, verdict.threshold) == ("match", "Ann", 0.3, 0.5)
    assert verdict.reason == "Ann is closest at 0.300; a name needs 0.500 or less."
    assert len(verdict.ranking) == 2


def test_the_threshold_itself_still_names():
    assert judge([row("Ann", 0.5)], RULES).kind == "match"


def test_the_threshold_follows_the_closest_persons_anchors():
    assert judge([row("Ann", 0.3, anchors=1), row("Bob", 0.9)], RULES).kind == "unknown"


def test_unknown_names_the_closest_in_its_reason_only():
    verdict = judge([row("Ann", 0.6), row("Bob", 0.9)], RULES)
    assert (verdict.kind, verdict.person, verdict.class_distance) == ("unknown", None, 0.6)
    assert "the closest is Ann at 0.600" in verdict.reason


def test_unclear_names_both():
    verdict = judge([row("Ann", 0.30), row("Bob", 0.34)], RULES)
    assert (verdict.kind, verdict.person) == ("unclear", None)
    assert "Ann (0.300) and Bob (0.340) are too close" in verdict.reason


def test_two_strangers_close_together_are_unknown_not_unclear():
    assert judge([row("Ann", 0.60), row("Bob", 0.61)], RULES).kind == "unknown"


def test_a_flaw_makes_poor_but_keeps_the_ranking():
    verdict = judge([row("Ann", 0.1)], RULES, "Too dark.")
    assert (verdict.kind, verdict.person, verdict.reason) == ("poor", None, "Too dark.")
    assert verdict.ranking


def test_without_anyone_to_compare():
    assert judge((), RULES).reason == "The gallery is empty, so there is nobody to compare with."
    assert judge((), RULES).kind == "unknown"
    assert judge((), RULES, "No eyes.").kind == "poor"
