from dataclasses import replace

import numpy as np
import pytest

from app import crop
from app.training import dice, frames
from app.training.tiles import SIDE, TileSet
from tests.training.test_dice import still

POINTS = frames.FIVE_POINTS * 0.8 + [20, 10]


def tiles_of(points: np.ndarray | None, eyes: np.ndarray) -> TileSet:
    tiles = np.full((len(eyes), SIDE, SIDE, 3), 200, np.uint8)
    tiles[:, :, 100:] = 0
    names = [str(number) for number in range(len(eyes))]
    return TileSet(tiles, eyes.astype(np.float32), names, names, None, points)


def moved(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrices[:, :, :2].swapaxes(1, 2) + matrices[:, None, :, 2]


@pytest.fixture
def faces() -> TileSet:
    """Two faces: one laid as teachers want it, one whose mouth is further down than theirs."""
    long = POINTS.copy()
    long[3:] += [0, 12]
    points = np.stack([POINTS, long]).astype(np.float32)
    return tiles_of(points, points[:, :2])


def test_a_similarity_brings_points_onto_others():
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) * 1.5
    target = (POINTS @ turn.T + [7, -3])[None]
    found = frames.similarities(POINTS, target)
    np.testing.assert_allclose(moved(found, POINTS[None]), target, atol=1e-9)
    np.testing.assert_allclose(found[0, :, :2], turn, atol=1e-9)


def test_frames_lay_eyes_on_the_template_and_five_points_where_teachers_want_them(faces):
    found = frames.Frames.of(faces)
    np.testing.assert_allclose(moved(found.own, crop.EYES[None]), faces.eyes, atol=1e-3)
    np.testing.assert_allclose(moved(found.teachers, frames.FIVE_POINTS[None])[0], faces.points[0], atol=1e-3)
    # The longer face is shown smaller, so that its five points come near those of the template.
    scale = np.linalg.norm(found.teachers[:, :, 0], axis=1)
    assert scale[1] > scale[0] * 1.05
    np.testing.assert_allclose(moved(found.teachers, found.eyes), faces.eyes, atol=1e-3)


def test_without_five_points_eyes_must_do(faces):
    found = frames.Frames.of(replace(faces, points=None))
    np.testing.assert_array_equal(found.teachers, found.own)
    np.testing.assert_allclose(found.eyes, [crop.EYES] * 2, atol=1e-3)


def test_a_students_view_lays_the_eyes_of_faces_and_blends_on_the_template(faces):
    found, looks = frames.Frames.of(faces), still(3)
    blends = dice.blends(np.random.default_rng(0), 2)
    blends["share"][:], blends["met"][:] = [0.0, 0.25], 0
    laid = found.laid(np.array([1, 0, 1]), np.array([0, 1]), looks, blends)
    in_frame = moved(laid["view"].astype(float), np.stack([crop.EYES] * 3))
    between = 0.75 * found.eyes[0] + 0.25 * found.eyes[1]
    np.testing.assert_allclose(in_frame, [found.eyes[1], between, crop.EYES], atol=1e-3)
    np.testing.assert_allclose(laid["frame"], [found.teachers[1], found.teachers[0], found.own[1]], atol=1e-3)
    np.testing.assert_allclose(laid["upright"][:, :, :2], [np.eye(2)] * 2, atol=1e-6)
    assert laid["place"].tolist() == [1, 0, 1]
    assert laid["other_place"].tolist() == [0, 1]


def test_views_are_turned_shifted_and_mirrored_about_the_eyes(faces):
    looks = still(1)
    looks["turn"][0], looks["shift"][0] = [0, 2], [3, 4]
    nobody = {name: value[:0] for name, value in dice.blends(np.random.default_rng(0), 1).items()}
    found = frames.Frames.of(faces)
    view = found.laid(np.array([0]), np.array([], int), looks, nobody)["view"]
    right_of_middle = moved(view, dice.MIDDLE[None, None] + np.array([1, 0]))[0, 0]
    np.testing.assert_allclose(right_of_middle, dice.MIDDLE + np.array([3, 6]), atol=1e-4)
    looks["mirrored"][0] = 1
    view = found.laid(np.array([0]), np.array([], int), looks, nobody)["view"]
    mirrored = np.array([crop.SIZE - 1, 0]) + (dice.MIDDLE + np.array([1, 0])) * [-1, 1]
    np.testing.assert_allclose(moved(view, mirrored[None, None])[0, 0], right_of_middle, atol=1e-4)
