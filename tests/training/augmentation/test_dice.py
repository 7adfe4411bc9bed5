import numpy as np
import pytest

from app.training.augmentation import dice
from app.vision import alignment


def still(faces: int) -> dict[str, np.ndarray]:
    """Looks that leave faces as they are."""
    looks = dice.looks(np.random.default_rng(0), faces)
    neutral = {"turn": [1, 0], "fill": dice.GRAY, "gain": 1, "gamma": 1}
    return {name: np.full_like(value, neutral.get(name, 0)) for name, value in looks.items()}


def test_one_seed_throws_the_same():
    one, other = (
        dice.looks(np.random.default_rng(3), 20) | dice.blends(np.random.default_rng(4), 20) for _ in range(2)
    )
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name])
        assert value.dtype in (np.float32, np.int32)
        assert len(value) == 20
        assert len(np.unique(value)) > 1


def test_faces_are_turned_scaled_and_shifted_as_much_as_is_said():
    looks = dice.looks(np.random.default_rng(0), 20_000)
    turns = looks["turn"] @ [1, 1j]
    angles, scales = np.degrees(np.angle(turns)), np.log(np.abs(turns))
    # Six in seven are normal with 6 degrees, the others even between -35 and 35: 20 degrees.
    assert angles.std() == pytest.approx(np.sqrt(0.85 * 6**2 + 0.15 * 35**2 / 3), rel=0.05)
    assert np.median(np.abs(angles)) == pytest.approx(4.7, rel=0.1)
    assert scales.std() == pytest.approx(0.08, rel=0.05)
    # 6 % of the eyes' distance is 2 % of a crop's side.
    assert looks["shift"].std(axis=0) == pytest.approx([0.02 * alignment.SIZE] * 2, rel=0.1)
    assert (angles.mean(), scales.mean(), *looks["shift"].mean(axis=0)) == pytest.approx((0, 0, 0, 0), abs=0.2)


def test_changes_come_as_often_as_is_said():
    looks = dice.looks(np.random.default_rng(1), 20_000)
    sizes = looks["covers"][:, :, 2:4].any(axis=2).mean(axis=0)
    seen = {
        "mirrored": looks["mirrored"].mean(),
        "lit": (looks["gamma"] != 1).mean(),
        "gray": looks["gray"].mean(),
        "blurred": ((looks["resolution"] > 0) & (looks["resolution"] <= len(dice.SIGMAS))).mean(),
        "shrunk": (looks["resolution"] > len(dice.SIGMAS)).mean(),
        "compressed": (looks["quality"] > 0).mean(),
        "covered": sizes[0],
        "barred": sizes[1],
    }
    expected = {
        "mirrored": 0.5,
        "lit": 0.5,
        "gray": 0.06,
        "blurred": 0.06,
        "shrunk": 0.12,
        "compressed": 0.1,
        "covered": 0.1,
        "barred": 0.02,
    }
    assert seen == pytest.approx(expected, abs=0.012)


def test_bars_hide_the_eyes():
    bars = dice.looks(np.random.default_rng(2), 20_000)["covers"][:, 1]
    bars = bars[bars[:, 2] > 0]
    assert np.abs(bars[:, :2] - dice.MIDDLE).max() < 15
    assert bars[:, 2].min() > dice.SPAN / 2


def test_every_resolution_is_a_blur_or_a_side_but_the_first():
    found = [dice.resolution_of(number) for number in range(dice.RESOLUTIONS)]
    assert found[0] == (0.0, 0)
    assert all(bool(sigma) != bool(side) for sigma, side in found[1:])
    assert len(set(found)) == dice.RESOLUTIONS
    assert max(sigma for sigma, _ in found) == 2.0
    assert max(side for _, side in found) < alignment.SIZE


def test_blends_are_of_three_kinds():
    blends = dice.blends(np.random.default_rng(0), 20_000)
    through, met = blends["share"] > 0, blends["met"] > 0
    assert (through.mean(), met.mean(), (through & met).mean()) == pytest.approx((0.4, 0.4, 0), abs=0.02)
    assert blends["share"].max() <= 0.5
    bent = blends["heights"].any(axis=(1, 2))
    assert bent.mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(bent, blends["stretch"].any(axis=1))
