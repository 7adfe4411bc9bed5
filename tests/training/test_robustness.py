import numpy as np
import pytest

from app.training import robustness
from app.training.crops import Crops
from app.training.shipping import Faces
from app.verdict import Head, PersonDistance, Rules
from tests import photos


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.asarray(photos.portraits()["Drake"].resize((144, 144)))


@pytest.mark.parametrize("name", robustness.CHANGES)
def test_a_changed_picture_is_a_picture_and_the_old_one_stays(picture, name):
    before = picture.copy()
    changed = robustness.CHANGES[name](picture)
    assert (changed.dtype, changed.ndim, changed.shape[2]) == (np.uint8, 3, 3)
    assert name == "as it is" or changed.shape != picture.shape or (changed != picture).any()
    np.testing.assert_array_equal(picture, before)


def test_changes_do_what_they_say(picture):
    change = robustness.CHANGES
    assert max(change["face 48 px wide"](picture).shape) == 72
    assert change["face 48 px wide"](picture[:40, :40]).shape == (40, 40, 3)  # nothing is made larger
    assert change["a quarter of the light"](picture).mean() == pytest.approx(picture.mean() / 4, rel=0.02)
    assert np.ptp(change["grey"](picture), axis=2).max() == 0
    assert np.abs(change["JPEG quality 20"](picture).astype(int) - picture).mean() < 8
    covered = (change["a fifth covered"](picture) != picture).any(axis=2)
    assert covered.sum() == pytest.approx(0.2 * 96**2, rel=0.05)


def test_the_same_faces_are_measured_after_each_change(recognizer, photo, tmp_path):
    files = [f"known/{photos.PERSON}/1.jpg", "other/someone/1.jpg"]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_bytes(photo(photos.PERSON))
    nothing = np.zeros(2, np.float32)
    faces = Faces(
        tmp_path,
        Crops(files, np.zeros((2, 112, 112, 3), np.uint8), np.ones(2, bool), nothing, nothing),
        np.array([f"known/{photos.PERSON}", "other/someone"]),
        np.array(["test", "test-stranger"]),
        np.zeros((2, 4), np.float32),
    )
    snapshot = recognizer.gallery.snapshot()
    rows = robustness.measure(faces, {}, snapshot, recognizer.detector, recognizer.network)
    assert [row["change"] for row in rows] == list(robustness.CHANGES)
    assert {(row["faces"], row["strangers"]) for row in rows} == {(1, 1)}
    usual = rows[0]
    assert (usual["top1"], usual["missed"]) == (1.0, 0)
    # Both show the same face.
    assert [row["named"] for row in rows] == [row["strangers_named"] for row in rows]
    assert usual["named"] == 1.0
    assert robustness.tilt(rows)["top1_at_0"] == 1.0


def test_missed_faces_count_as_errors():
    rules = Rules(Head(4.0, 1.0), ((1, 0.3),), 0.0, 0.5)
    near = (PersonDistance("Ann", 0.1, 0.1, 0.0, 1),)
    found = robustness._counted(["Ann", "Ann", "Bob", None, None], [near, (), near, near, ()], rules)
    assert found == {
        "faces": 3,
        "top1": pytest.approx(1 / 3),
        "named": pytest.approx(1 / 3),
        "missed": 1,
        "strangers": 2,
        "strangers_named": 0.5,
    }
