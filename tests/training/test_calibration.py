from itertools import combinations

import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.training import calibration
from app.training.reliability import class_distances
from app.verdict import Head, Rules

HEAD = Head(4.0, 1.1)


def units(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def gallery(rng) -> Snapshot:
    """Twelve people with 32 anchors each, spread around a direction of their own."""
    middles = units(rng.normal(size=(12, 1, 24)))
    rows = units(middles + rng.normal(scale=0.15, size=(12, 32, 24)))
    names = tuple(f"person {number}" for number in range(12))
    return Snapshot(names, tuple(range(12)), rows.reshape(-1, 24), np.arange(0, 385, 32), 1)


def test_the_head_puts_one_half_between_same_and_different(rng):
    distances = np.concatenate([rng.normal(0.8, 0.1, 500), rng.normal(1.3, 0.1, 5000)])
    different = np.repeat([False, True], [500, 5000])
    head = calibration.fit_head(distances, different)
    assert head.scale > 0
    assert head.score(np.float64(head.shift)) == pytest.approx(0.5)
    # As many of one kind as of the other weigh alike, though there are ten times more of it.
    assert head.shift == pytest.approx(1.05, abs=0.03)
    assert ((head.score(distances) > 0.5) == different).mean() > 0.98


def test_the_head_does_not_depend_on_how_many_pairs_of_a_kind_there_are(rng):
    same, other = rng.normal(0.9, 0.15, 300), rng.normal(1.2, 0.15, 300)
    few = calibration.fit_head(np.concatenate([same, other]), np.repeat([False, True], [300, 300]))
    many = calibration.fit_head(np.concatenate([same, np.tile(other, 5)]), np.repeat([False, True], [300, 1500]))
    assert (many.scale, many.shift) == pytest.approx((few.scale, few.shift), rel=1e-4)


def test_all_pairs_are_measured_once(rng):
    faces = units(rng.normal(size=(5, 8)))
    people = np.array([0, 0, 1, 1, 1])
    distances, different = calibration.pair_distances(faces, people)
    expected = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    np.testing.assert_allclose(distances, [np.linalg.norm(faces[i] - faces[j]) for i, j in expected], atol=1e-5)
    assert different.tolist() == [people[i] != people[j] for i, j in expected]


@pytest.mark.parametrize("count", [1, 2, 7, 32, 40])
def test_thinning_keeps_people_and_their_own_anchors(gallery, count):
    thin = calibration.thinned(gallery, count)
    assert thin.names == gallery.names
    assert thin.counts.tolist() == [min(count, 32)] * 12
    for person in range(12):
        own = {row.tobytes() for row in gallery.anchors[32 * person : 32 * person + 32]}
        kept = {row.tobytes() for row in thin.anchors[thin.offsets[person] : thin.offsets[person + 1]]}
        assert len(kept) == min(count, 32)
        assert kept <= own


@pytest.fixture
def strangers(rng) -> calibration.Strangers:
    """A thousand faces in random directions; no other group."""
    return calibration.Strangers(units(rng.normal(size=(1000, 24))), np.zeros((0, 24), np.float32), np.array([], str))


def test_strangers_named_are_those_of_all_galleries_of_that_size(rng):
    distances = rng.random((20, 6))
    weights = np.full(20, 1 / 20)
    for people in range(1, 7):
        drawn = [distances[:, list(some)].min(axis=1) < 0.2 for some in combinations(range(6), people)]
        found = calibration.strangers_named(distances, weights, 0.2, people)
        assert found == pytest.approx(np.mean(drawn))


def test_a_threshold_names_as_many_strangers_as_it_may(rng):
    distances, weights = rng.random((500, 5)), np.full(500, 1 / 500)
    limit = calibration.class_threshold(distances, weights, 5, rate=0.01)
    assert (distances.min(axis=1) < limit).sum() == 5
    assert calibration.strangers_named(distances, weights, limit + 1e-3, 5) > 0.01


def test_thresholds_rise_with_anchors_and_fall_with_people(gallery, strangers):
    sizes = calibration.class_thresholds(strangers, gallery, HEAD, margin=0.0)
    assert [people for people, _ in sizes] == [1, 4, 12]
    for _, rows in sizes:
        counts, values = zip(*rows, strict=True)
        assert counts == calibration.ANCHOR_COUNTS
        assert list(values) == sorted(values)
    tops = [rows[-1][1] for _, rows in sizes]
    assert tops == sorted(tops, reverse=True)
    assert tops[0] > tops[-1]


@pytest.mark.parametrize("count", [1, 3, 8, 32])
def test_few_strangers_are_named_at_any_number_of_anchors(gallery, strangers, count):
    sizes = calibration.class_thresholds(strangers, gallery, HEAD, margin=0.0)
    rules = Rules(HEAD, sizes[-1][1], 0.0, 0.5, sizes)
    smallest = class_distances(strangers.faces, calibration.thinned(gallery, count), HEAD).min(axis=1)
    assert 0 < (smallest < rules.threshold(count, 12)).mean() <= 0.01


def test_thresholds_end_at_the_most_anchors_that_anybody_has(gallery, strangers):
    few = calibration.thinned(gallery, 5)
    sizes = calibration.class_thresholds(strangers, few, HEAD, margin=0.0)
    assert [count for count, _ in sizes[-1][1]] == [1, 2, 3, 5]


def test_people_left_out_are_strangers_that_weigh_half(gallery, strangers):
    middles = units(gallery.anchors.reshape(12, 32, 24).mean(axis=1))
    both = calibration.Strangers(strangers.faces, middles, np.array(gallery.names))
    distances = both.distances(gallery, HEAD)
    assert distances.shape == (1012, 12)
    assert np.isinf(distances[1000:]).sum() == 12
    assert both.weights[:1000].sum() == pytest.approx(0.5)
    assert both.weights[1000:].sum() == pytest.approx(0.5)
    assert strangers.weights.sum() == pytest.approx(1)


def test_a_margin_is_asked_for_only_where_it_keeps_strangers_away(gallery, rng):
    middles = units(gallery.anchors.reshape(12, 32, 24).mean(axis=1))
    names = np.array(gallery.names)
    nobody = np.zeros((0, 24), np.float32), np.array([], str)
    known = units(middles[rng.integers(0, 12, 300)] + rng.normal(scale=0.12, size=(300, 24)))
    who = names[class_distances(known, gallery, HEAD).argmin(axis=1)]
    far = calibration.Strangers(units(rng.normal(size=(300, 24))), *nobody)
    assert calibration.best_margin(middles, names, far, gallery, HEAD) == min(calibration.MARGINS)
    # Strangers half way between two people come as near as known faces do, but to both.
    pairs = np.array([rng.choice(12, 2, replace=False) for _ in range(300)])
    between = units(middles[pairs[:, 0]] + middles[pairs[:, 1]])
    tight = calibration.Strangers(between, *nobody)
    assert calibration.best_margin(known, who, tight, gallery, HEAD) > min(calibration.MARGINS)


def test_leads_that_name_wrongly_too_often_are_doubtful():
    leads = np.array([0.4, 0.01, 0.02, 0.03, 0.2, 0.3, 0.1, 0.5])
    right = np.array([True, True, False, True, True, True, True, True])
    # Of the three smallest leads one names wrongly, of the four smallest one too: a quarter.
    assert calibration.doubtful(leads, right) == pytest.approx(0.03)
    assert calibration.doubtful(leads, right) > 0.03
    assert calibration.doubtful(leads, np.ones(8, bool)) == 0.0
    assert calibration.doubtful(leads[:0], right[:0]) == 0.0


def test_leads_are_what_the_runner_up_lacks():
    assert calibration.leads(np.array([[0.5, 0.2, 0.9], [0.1, 0.7, 0.1]])) == pytest.approx([0.3, 0.0])
    assert calibration.leads(np.array([[0.5]]))[0] == np.inf


def test_scores_of_false_accepts(rng):
    distances = np.sort(rng.random(20_000))
    found = calibration.false_accepts(distances, np.ones(20_000, bool), HEAD)
    assert [share for share, _ in found] == [0.01, 0.001, 0.0001]
    for share, score in found:
        assert (HEAD.score(distances) < score).mean() == pytest.approx(share)


def test_the_floor_is_the_last_level_before_names_get_worse():
    top1 = {20: 0.9, 16: 0.85, 12: 0.7, 8: 0.5, 6: 0.8}
    assert calibration.floor([20, 16, 12, 8, 6], top1.__getitem__, 0.9) == 12
    assert calibration.floor([20, 16], top1.__getitem__, 0.9) == 16
    assert calibration.floor([8, 6], top1.__getitem__, 0.9) == 8


def test_degraded_crops_lose_detail_but_not_their_shape(rng):
    crops = rng.integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    usual = calibration.typical_sharpness(crops)
    for worse in (calibration.shrunk(crops, 10), calibration.blurred(crops, 2.0)):
        assert (worse.shape, worse.dtype) == (crops.shape, np.uint8)
        assert calibration.typical_sharpness(worse) < usual / 2
    assert calibration.typical_sharpness(calibration.blurred(crops, 4.0)) < calibration.typical_sharpness(
        calibration.blurred(crops, 1.0)
    )
