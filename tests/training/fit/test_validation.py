import numpy as np
import pytest

from app.training.data.splits import split_of
from app.training.data.tiles import SIDE, TileSet
from app.training.fit.validation import Validation

HELD_BACK = [
    name for name in (f"others/{number}" for number in range(1200)) if split_of(name, "") == "calibration-impostor"
]


def people(count: int, faces: int) -> TileSet:
    """Held-back people of one gray each, and as many who train."""
    names = [*HELD_BACK[:count], *(f"celebrities/{number}" for number in range(count))]
    files = [f"{name}/{number}.png" for name in names for number in range(faces)]
    shades = np.linspace(20, 235, len(names)).round().astype(np.uint8).repeat(faces)
    tiles = np.broadcast_to(shades[:, None, None, None], (len(files), SIDE, SIDE, 3))
    eyes = np.tile(np.float32([[54, 62], [90, 62]]), (len(files), 1, 1))
    return TileSet(tiles, eyes, files, [file.rsplit("/", 1)[0] for file in files], None)


def by_shade(crops: np.ndarray) -> np.ndarray:
    """An embedding that tells every gray from every other."""
    angles = np.pi * crops.mean(axis=(1, 2, 3))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_a_network_that_tells_people_apart_is_right_and_one_that_does_not_guesses():
    validation = Validation(people(40, 3), seed=1)
    assert validation.possible
    assert validation.accuracy(by_shade) == 1.0
    blind = validation.accuracy(lambda crops: np.tile(np.float32([1, 0]), (len(crops), 1)))
    assert blind < 0.8


def test_the_pairs_are_the_same_each_time_and_of_held_back_people_alone():
    seen = []

    def note(crops):
        seen.append(crops)
        return by_shade(crops)

    tiles = people(40, 3)
    for _ in range(2):
        Validation(tiles, seed=1).accuracy(note)
    half = len(seen) // 2
    np.testing.assert_array_equal(np.concatenate(seen[:half]), np.concatenate(seen[half:]))
    # The first half of the shades is that of the people held back.
    assert max(batch.max() for batch in seen) < 0.02


@pytest.mark.parametrize(("count", "faces"), [(0, 3), (1, 3), (40, 1)])
def test_too_few_people_say_nothing(count, faces):
    assert not Validation(people(count, faces), seed=1).possible
