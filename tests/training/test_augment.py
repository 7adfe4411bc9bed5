import numpy as np
import pytest

from app import crop
from app.training import augment
from app.training.tiles import SIDE

EYES = np.array([[54.0, 62.0], [90.0, 62.0]])


@pytest.fixture
def tile(rng) -> np.ndarray:
    return rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def test_a_crop_is_what_the_network_takes(tile):
    for seed in range(200):  # every change is drawn several times
        face = augment.random_crop(tile, EYES, np.random.default_rng(seed))
        assert face.shape == (crop.SIZE, crop.SIZE, 3)
        assert face.dtype == np.uint8


def test_one_seed_gives_one_crop(tile):
    for seed in range(20):
        one, other = (augment.random_crop(tile, EYES, np.random.default_rng([1, seed, 3])) for _ in range(2))
        np.testing.assert_array_equal(one, other)


def test_other_seeds_give_other_crops(tile):
    seen = {augment.random_crop(tile, EYES, np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert len(seen) == 20


def test_the_tile_and_its_eyes_stay_as_they_were(tile):
    before, eyes = tile.copy(), EYES.copy()
    for seed in range(60):
        augment.random_crop(tile, eyes, np.random.default_rng(seed))
    np.testing.assert_array_equal(tile, before)
    np.testing.assert_array_equal(eyes, EYES)


def test_eyes_are_jittered_as_much_as_is_said():
    jittered = np.array([augment.jitter_eyes(EYES, np.random.default_rng(seed)) for seed in range(3000)])
    across = (jittered[:, 1] - jittered[:, 0]) @ [1, 1j]
    angles, scales = np.degrees(np.angle(across)), np.log(np.abs(across) / 36)
    middles = (jittered.mean(axis=1) - EYES.mean(axis=0)) / 36
    # Three in four are normal with 7 degrees, the others even between -35 and 35: 20 degrees.
    assert angles.std() == pytest.approx(np.sqrt(0.75 * 7**2 + 0.25 * 35**2 / 3), rel=0.1)
    assert np.median(np.abs(angles)) == pytest.approx(6.2, rel=0.1)
    assert scales.std() == pytest.approx(0.08, rel=0.1)
    # 6 % of the eyes' distance is 2 % of a crop's side.
    assert middles.std(axis=0) == pytest.approx([0.06, 0.06], rel=0.1)
    assert (angles.mean(), scales.mean(), *middles.mean(axis=0)) == pytest.approx((0, 0, 0, 0), abs=0.5)


def test_half_of_the_crops_are_mirrored():
    tile = np.zeros((SIDE, SIDE, 3), np.uint8)
    tile[:, : SIDE // 2] = 200
    brighter_left = 0
    for seed in range(300):
        face = augment.random_crop(tile, EYES, np.random.default_rng(seed)).astype(int)
        brighter_left += face[:, :56].mean() > face[:, 56:].mean()
    assert 110 < brighter_left < 190
