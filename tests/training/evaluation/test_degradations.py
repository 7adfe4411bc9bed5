import numpy as np
import pytest

from app.training.evaluation.degradations import DEGRADATIONS
from tests import photos


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.asarray(photos.portraits()["Drake"].resize((144, 144)))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_changed_picture_is_a_picture_and_the_old_one_stays(picture, name):
    before = picture.copy()
    changed = DEGRADATIONS[name](picture)
    assert (changed.dtype, changed.ndim, changed.shape[2]) == (np.uint8, 3, 3)
    assert name == "unchanged" or changed.shape != picture.shape or (changed != picture).any()
    np.testing.assert_array_equal(picture, before)


def test_changes_do_what_they_say(picture):
    change = DEGRADATIONS
    assert max(change["face 48 px wide"](picture).shape) == 72
    assert change["face 48 px wide"](picture[:40, :40]).shape == (40, 40, 3)  # nothing is made larger
    assert change["a quarter of the light"](picture).mean() == pytest.approx(picture.mean() / 4, rel=0.02)
    assert np.ptp(change["grayscale"](picture), axis=2).max() == 0
    assert np.abs(change["JPEG quality 20"](picture).astype(int) - picture).mean() < 8
    covered = (change["a fifth covered"](picture) != picture).any(axis=2)
    assert covered.sum() == pytest.approx(0.2 * 96**2, rel=0.05)
