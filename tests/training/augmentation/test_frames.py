import numpy as np
import pytest

from app.training.augmentation import dice, frames
from app.training.data.tiles import SIDE, TileSet
from app.vision import alignment
from tests.training.augmentation.test_dice import still


@pytest.fixture
def faces() -> TileSet:
    """Two faces: an upright one, and one that is larger and tilted."""
    eyes = np.float32([[[54, 62], [90, 62]], [[40, 50], [92, 70]]])
    return TileSet(np.zeros((2, SIDE, SIDE, 3), np.uint8), eyes, ["a", "b"], ["a", "b"], None)


def moved(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrices[:, :, :2].swapaxes(1, 2) + matrices[:, None, :, 2]


def test_frames_invert_the_alignment_that_serves(faces):
    found = frames.of_tiles(faces)
    for frame, eyes in zip(found, faces.eyes, strict=True):
        np.testing.assert_allclose(
            frame, alignment.similarity_transform(alignment.EYES, eyes.astype(np.float64)), atol=1e-9
        )


def test_a_batch_is_laid_out_by_its_faces(faces):
    found = frames.of_tiles(faces)
    laid = frames.lay_out(found, np.array([1, 0, 1]), np.array([0, 1]), still(3))
    np.testing.assert_allclose(moved(laid["view"], alignment.EYES[None]), [alignment.EYES] * 3, atol=1e-3)
    np.testing.assert_allclose(laid["frame"], found[[1, 0, 1]], atol=1e-3)
    np.testing.assert_allclose(laid["other_frame"], found[[0, 1]], atol=1e-3)
    assert (laid["place"].tolist(), laid["other_place"].tolist()) == ([1, 0, 1], [0, 1])


def test_views_are_turned_shifted_and_mirrored_about_the_eyes(faces):
    found, nobody, looks = frames.of_tiles(faces), np.array([], int), still(1)
    looks["turn"][0], looks["shift"][0] = [0, 2], [3, 4]
    view = frames.lay_out(found, np.array([0]), nobody, looks)["view"]
    right_of_middle = moved(view, dice.MIDDLE[None, None] + np.array([1, 0]))[0, 0]
    np.testing.assert_allclose(right_of_middle, dice.MIDDLE + np.array([3, 6]), atol=1e-4)
    looks["mirrored"][0] = 1
    view = frames.lay_out(found, np.array([0]), nobody, looks)["view"]
    mirrored = np.array([alignment.SIZE - 1, 0]) + (dice.MIDDLE + np.array([1, 0])) * [-1, 1]
    np.testing.assert_allclose(moved(view, mirrored[None, None])[0, 0], right_of_middle, atol=1e-4)


def test_a_teacher_sees_blends_mirrored_but_neither_turned_nor_shifted(faces):
    looks = still(2)
    looks["turn"][:], looks["shift"][:], looks["mirrored"][1] = [0.8, 0.6], [3, 4], 1
    upright = frames.lay_out(frames.of_tiles(faces), np.array([0, 1]), np.array([1, 0]), looks)["upright"]
    np.testing.assert_allclose(upright[0], [[1, 0, 0], [0, 1, 0]], atol=1e-5)
    np.testing.assert_allclose(upright[1], [[-1, 0, alignment.SIZE - 1], [0, 1, 0]], atol=1e-4)
