import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.training import calibration
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


def test_thresholds_rise_with_anchors_and_let_few_strangers_through(gallery, rng):
    strangers = units(rng.normal(size=(1000, 24)))
    thresholds = calibration.class_thresholds(strangers, gallery, HEAD)
    counts, values = zip(*thresholds, strict=True)
    assert counts == calibration.ANCHOR_COUNTS
    assert list(values) == sorted(values)
    smallest = calibration.closest(strangers, gallery, HEAD)
    assert 0 < (smallest < values[-1]).mean() <= 0.01
    alone = calibration.closest(strangers, calibration.thinned(gallery, 1), HEAD)
    assert (alone < values[0]).mean() <= 0.01


def test_thresholds_end_at_the_most_anchors_that_anybody_has(gallery, rng):
    few = calibration.thinned(gallery, 5)
    thresholds = calibration.class_thresholds(units(rng.normal(size=(200, 24))), few, HEAD)
    assert [count for count, _ in thresholds] == [1, 2, 3, 5]


def test_a_margin_is_asked_for_only_where_close_names_are_wrong(gallery, rng):
    rules = Rules(HEAD, ((1, 0.9), (32, 0.9)), 0.0, 0.5)
    middles = units(gallery.anchors.reshape(12, 32, 24).mean(axis=1))
    names = np.array(gallery.names)
    assert calibration.margin(middles, names, gallery, rules) == 0.0
    # Faces between two people: nearer to the first, but half of them are the second's.
    between = units(middles[:-1] * 1.02 + middles[1:])
    mixed = np.where(np.arange(11) % 2, names[:-1], names[1:])
    lead = calibration.margin(np.concatenate([middles, between]), np.concatenate([names, mixed]), gallery, rules)
    assert 0 < lead < 0.5


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
