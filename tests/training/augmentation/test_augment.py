import numpy as np
import pytest

from app.training.augmentation import augment, dice
from app.training.data.tiles import SIDE
from app.vision import alignment
from tests.training.augmentation.test_dice import still

EYES = np.array([[54.0, 62.0], [90.0, 62.0]])


@pytest.fixture
def tile(rng) -> np.ndarray:
    return rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def test_a_crop_is_what_the_network_takes(tile):
    for seed in range(200):  # every change is drawn several times
        face = augment.random_crop(tile, EYES, np.random.default_rng(seed))
        assert face.shape == (alignment.SIZE, alignment.SIZE, 3)
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


def test_eyes_are_moved_as_the_dice_say():
    quarter, still = np.array([0.0, 1.0]), np.zeros(2)
    upright, tilted = EYES, np.array([[72.0, 44.0], [72.0, 80.0]])
    np.testing.assert_allclose(augment.moved(upright, np.array([1.0, 0.0]), still), upright)
    np.testing.assert_allclose(augment.moved(upright, quarter, still), [[72, 44], [72, 80]])
    np.testing.assert_allclose(augment.moved(upright, 2 * quarter, still), [[72, 26], [72, 98]])
    # A shift is along the face: a crop's right is a picture's down where the face lies on its side.
    step = np.array([dice.SPAN / 4, 0])
    np.testing.assert_allclose(
        augment.moved(upright, np.array([1.0, 0.0]), step), upright + np.array([9, 0]), atol=1e-9
    )
    np.testing.assert_allclose(augment.moved(tilted, np.array([1.0, 0.0]), step), tilted + np.array([0, 9]), atol=1e-9)


def test_half_of_the_crops_are_mirrored():
    tile = np.zeros((SIDE, SIDE, 3), np.uint8)
    tile[:, : SIDE // 2] = 200
    brighter_left = 0
    for seed in range(300):
        face = augment.random_crop(tile, EYES, np.random.default_rng(seed)).astype(int)
        brighter_left += face[:, :56].mean() > face[:, 56:].mean()
    assert 110 < brighter_left < 190


WHITE, BLACK = np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE, 3), np.uint8)


def test_covers_lie_where_the_dice_say(monkeypatch):
    look = {name: value[:1] for name, value in still(1).items()}
    look["covers"][0, 0] = [30, 80, 10, 5, 1, 0, 10, 20, 30]
    monkeypatch.setattr(dice, "looks", lambda rng, faces: look)
    face = augment.random_crop(WHITE, EYES, np.random.default_rng(0))
    assert (face[76:85, 21:40] == [10, 20, 30]).all()
    outside = np.ones(face.shape[:2], bool)
    outside[74:87, 19:42] = False
    assert (face[outside] == 255).all()


def portrait(shade: int) -> np.ndarray:
    """A face of two eyes and a mouth, in a frame of black as small pictures have it."""
    tile = BLACK.copy()
    tile[20:124, 20:124] = 120
    for x, y in (*EYES.astype(int), (72, 98)):
        tile[y - 4 : y + 5, x - 4 : x + 5] = shade
    return tile


def test_a_blend_shows_two_faces_eyes_on_eyes():
    blends = [
        augment.blend((portrait(220), EYES), (portrait(30), EYES), np.random.default_rng(seed)) for seed in range(40)
    ]
    assert all(one.shape == (augment.BLEND_SIDE, augment.BLEND_SIDE, 3) for one in blends)
    eyes = np.round(augment.BLEND_EYES).astype(int)
    left, right = (np.array([one[y, x, 0] for one in blends]) for x, y in eyes)
    # Where one shines through, both eyes show both faces; at a soft line one eye may be all of either.
    assert (np.abs(left.astype(int) - right) < 6).sum() > 10
    assert min(left.min(), right.min()) < 80
    assert max(left.max(), right.max()) > 200


def test_no_black_frame_shows_within_a_blend():
    for seed in range(40):
        one = augment.blend((portrait(220), EYES), (portrait(220), EYES), np.random.default_rng(seed))
        assert one[16:128, 16:128].min() > 100


def test_a_blend_has_the_colors_of_its_first_face():
    red, blue = portrait(220), portrait(220)
    red[20:124, 20:124, 0], blue[20:124, 20:124, 2] = 200, 200
    for seed in range(20):
        means = augment.blend((red, EYES), (blue, EYES), np.random.default_rng(seed)).mean(axis=(0, 1))
        assert means[0] > means[2] + 60


def test_a_tile_that_is_all_black_blends_too():
    assert augment.blend((BLACK, EYES), (portrait(220), EYES), np.random.default_rng(0)).max() < 60
