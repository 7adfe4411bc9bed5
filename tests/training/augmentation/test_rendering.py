from dataclasses import replace

import cv2
import numpy as np
import pytest

from app.training.augmentation import augment, dice, frames, rendering
from app.training.data.tiles import SIDE, TileSet
from app.vision import alignment
from tests.training.augmentation.test_dice import still

EYES = np.float32([[52, 62], [92, 60]])


@pytest.fixture(scope="module")
def faces() -> TileSet:
    """Four smooth tiles that are all picture, with eyes that are not quite level."""
    small = np.random.default_rng(2).integers(30, 226, (4, 12, 12, 3), dtype=np.uint8)
    tiles = np.stack([cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for one in small])
    names = list("abcd")
    return TileSet(tiles, np.stack([EYES] * 4), names, names, None)


def alone(count: int = 0) -> dict[str, np.ndarray]:
    """Blends of the first face alone."""
    blends = dice.blends(np.random.default_rng(0), max(1, count))
    return {
        name: (value if name in ("line", "waves", "phases") else 0 * value)[:count] for name, value in blends.items()
    }


def rendered(tiles: TileSet, looks: dict, blends: dict | None = None, others: list[int] = ()) -> tuple:
    """The student's pictures of all tiles, 0 to 255, and the teacher's of the blends."""
    blends = alone() if blends is None else blends
    laid = frames.lay_out(frames.of_tiles(tiles), np.arange(len(tiles)), np.array(others, int), looks)
    boxes = np.float32([augment.picture_in(tile) for tile in tiles.tiles])
    laid |= {"box": boxes, "other_box": boxes[list(others)]}
    shown, upright = rendering.pictures(rendering.packed(tiles), looks, blends, laid)
    return np.asarray(shown) * alignment.LEVEL_SPREAD + alignment.LEVEL_MIDDLE, np.asarray(upright)


def aligned(tiles: TileSet) -> np.ndarray:
    return np.stack([alignment.align(tile, eyes) for tile, eyes in zip(tiles.tiles, tiles.eyes, strict=True)]).astype(
        float
    )


INNER = np.s_[:, 8:-8, 8:-8]


def test_faces_that_nothing_happens_to_are_the_crops_that_serve(faces):
    shown, upright = rendered(faces, still(4))
    assert np.abs(shown - aligned(faces))[INNER].max() < 4
    assert np.abs(shown - aligned(faces))[INNER].mean() < 0.5
    assert upright.shape == (0, alignment.SIZE, alignment.SIZE, 3)


def test_every_face_is_changed_by_its_own_dice(faces):
    looks, plain = still(4), rendered(faces, still(4))[0]
    looks["mirrored"][0] = 1
    looks["gray"][1] = 1
    looks["gain"][2], looks["offset"][2] = [1.2, 1.0, 0.8], 0.1
    looks["covers"][3, 1] = [30, 80, 10, 5, 1, 0, 10, 20, 30]
    shown, _ = rendered(faces, looks)
    np.testing.assert_allclose(shown[0], plain[0, :, ::-1], atol=1.01)
    gray = cv2.cvtColor(plain[1].astype(np.uint8), cv2.COLOR_RGB2GRAY)
    np.testing.assert_allclose(shown[1], gray[..., None].repeat(3, axis=2), atol=1.5)
    lit = np.clip((plain[2] / 255 - 0.5) * [1.2, 1.0, 0.8] + 0.6, 0, 1) * 255
    np.testing.assert_allclose(shown[2], lit, atol=1.6)
    covered = np.zeros(plain.shape[1:3], bool)
    covered[76:85, 21:40] = True
    assert (shown[3][covered] == [10, 20, 30]).all()
    covered[74:87, 19:42] = True
    np.testing.assert_array_equal(shown[3][~covered], plain[3][~covered])


@pytest.mark.parametrize("number", [1, 10, 17, 40, dice.RESOLUTIONS - 1])
def test_faces_lose_resolution_as_with_opencv(faces, number):
    looks, plain = still(4), rendered(faces, still(4))[0].astype(np.float32)
    looks["resolution"][:] = number
    shown, _ = rendered(faces, looks)
    sigma, side = dice.resolution_of(number)
    for one, before in zip(shown, plain, strict=True):
        small = cv2.resize(before, (side, side), interpolation=cv2.INTER_AREA) if side else before
        expected = (
            cv2.resize(small, (alignment.SIZE, alignment.SIZE)) if side else cv2.GaussianBlur(before, (0, 0), sigma)
        )
        np.testing.assert_allclose(one, expected, atol=1.1)


def test_what_lies_beyond_a_picture_is_as_the_dice_say(faces):
    framed = faces.tiles.copy()
    framed[:, :, 100:] = 0
    looks = still(4)
    looks["fill"][:3] = [dice.CONTINUED, dice.BLACK, dice.GRAY]
    shown, _ = rendered(replace(faces, tiles=framed), looks)
    assert (shown[1, 8:-8, -12:] == 0).all()
    assert (shown[2, 8:-8, -12:] == 127).all()
    assert np.ptp(shown[0, 40, -12:], axis=0).max() < 12
    assert (shown[0, 8:-8, -12:] > 0).all()


def test_a_blend_of_one_face_is_that_face_to_student_and_teacher(faces):
    shown, upright = rendered(faces, still(4), alone(2), [2, 3])
    np.testing.assert_allclose(shown[INNER], rendered(faces, still(4))[0][INNER], atol=1.01)
    np.testing.assert_allclose(upright[INNER], aligned(faces)[:2][INNER], atol=4)


def test_one_face_shines_through_another_in_its_colors(faces):
    blends = alone(1)
    blends["share"][0] = 0.25
    # The same picture, darker and of less contrast: with the first one's colors it is the first.
    dim = faces.tiles.copy()
    dim[1] = dim[0] // 2 + 10
    shown, upright = rendered(replace(faces, tiles=dim), still(4), blends, [1])
    np.testing.assert_allclose(upright[0][8:-8, 8:-8], aligned(faces)[0][8:-8, 8:-8], atol=6)
    shown, _ = rendered(faces, still(4), blends, [1])
    one, other = aligned(faces)[:2]
    matched = (other - other.mean((0, 1))) / other.std((0, 1)) * one.std((0, 1)) + one.mean((0, 1))
    mixed = 0.75 * one + 0.25 * np.clip(matched, 0, 255)
    assert np.abs(shown[0] - mixed)[8:-8, 8:-8].mean() < 3


def test_two_faces_meet_at_a_line(faces):
    blends = alone(1)
    blends["met"][0], blends["line"][0] = 1, [0.5, 0, -28]  # the second to the right of column 56
    flat = faces.tiles.copy()
    flat[0, ..., 0], flat[1, ..., 0] = 100, 200
    flat[0, ::2, :, 0], flat[1, :, ::2, 0] = 110, 210
    _, upright = rendered(replace(faces, tiles=flat), still(4), blends, [1])
    rows, columns = (np.abs(np.diff(upright[0, 20:90, :, 0], axis=axis)) for axis in (0, 1))
    assert rows[:, :44].mean() > 3 * rows[:, 68:].mean()
    assert columns[:, 68:].mean() > 3 * columns[:, :44].mean()


def test_bent_blends_are_somebody_else_to_the_teacher_too(faces):
    blends = alone(1)
    blends["stretch"][0] = [0, 0.1]
    shown, upright = rendered(faces, still(4), blends, [1])
    # A tenth more of the face for each pixel below the eyes: what was at 33 is at 30.
    plain = aligned(faces)[0]
    eyes = round(float(dice.MIDDLE[1]))
    for picture in (upright[0], shown[0]):
        assert np.abs(picture[eyes + 30, 20:90] - plain[eyes + 33, 20:90]).mean() < 3
    blends["stretch"][0], blends["heights"][0] = 0, 2.0
    _, waved = rendered(faces, still(4), blends, [1])
    assert np.abs(waved[0] - plain)[INNER[1:]].mean() > 2


def test_student_and_teacher_see_a_blend_in_their_own_ways(faces):
    blends, looks = alone(1), still(4)
    blends["share"][0] = 0.5
    looks["turn"][0], looks["gray"][0] = [np.cos(0.5), np.sin(0.5)], 1
    shown, upright = rendered(faces, looks, blends, [1])
    still_shown, still_upright = rendered(faces, still(4), blends, [1])
    np.testing.assert_array_equal(upright, still_upright)
    turn = cv2.getRotationMatrix2D(tuple(dice.MIDDLE), np.degrees(0.5), 1)
    turned = cv2.warpAffine(still_shown[0].astype(np.float32), turn, (alignment.SIZE, alignment.SIZE))
    gray = cv2.cvtColor(turned, cv2.COLOR_RGB2GRAY)
    assert np.abs(shown[0, 30:80, 30:80, 0] - gray[30:80, 30:80]).mean() < 3
