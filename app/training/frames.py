"""Where faces lie in their tiles, for whoever samples them: similarities from a crop's pixels to a tile's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app import crop
from app.training import dice
from app.training.tiles import TileSet

FIVE_POINTS = crop.TEMPLATE
"""Where teachers learnt to have both eyes (the observer's left first), the nose and the corners of the mouth.

It is the template of ArcFace (Deng et al. 2019, https://arxiv.org/abs/1801.07698). A teacher tells faces
laid like this better than those laid by their eyes, which give turned heads another scale.
"""


@dataclass(frozen=True, eq=False)
class Frames:
    """The frames of many faces.

    `own` is float64 (faces, 2, 3), the similarity from the pixels of a crop to those of a tile that lays the template
    on the eyes; `teachers` the same as a teacher wants it, by five points where the faces have them, and `eyes`
    (faces, 2, 2) where the eyes lie in that.
    """

    own: np.ndarray
    teachers: np.ndarray
    eyes: np.ndarray

    @classmethod
    def of(cls, tiles: TileSet) -> Frames:
        """Those of all tiles."""
        own = similarities(crop.EYES, tiles.eyes)
        # Nearest as measured in the crop, as teachers' faces were laid when they learnt.
        teachers = own if tiles.points is None else _inverse(similarities(tiles.points, FIVE_POINTS))
        return cls(own, teachers, _moved(_inverse(teachers), tiles.eyes.astype(np.float64)))

    @cached_property
    def teachers_eyes(self) -> np.ndarray:
        """Where eyes would have to lie in the tiles for `crop.align` to cut as a teacher wants it: (faces, 2, 2)."""
        return _moved(self.teachers, crop.EYES)

    def blended_eyes(self, first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Where the eyes of blends lie in a teacher's crop: between those of their faces.

        Arguments:
            first: int (blends,).
            second: int (blends,).
            share: float (blends,), of the second.

        Returns:
            float64 (blends, 2, 2).
        """
        return self.eyes[first] + share[:, None, None] * (self.eyes[second] - self.eyes[first])

    def laid(
        self, faces: np.ndarray, others: np.ndarray, looks: dict[str, np.ndarray], blends: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Where the faces of a batch are to be sampled; for `rendering.pictures`.

        Arguments:
            faces: int (faces,), their numbers.
            others: int (blends,), those that the first of them are blended with.
            looks: the dice of the faces.
            blends: the dice of the blends.

        Returns:
            `place` and `frame` of the faces, `other_place` and `other_frame`; `view` (faces, 2, 3), from the pixels
            that the student sees to those of a frame, and `upright` (blends, 2, 3), from those that a teacher sees. A
            blend's frame is a teacher's.
        """
        count = len(others)
        first = faces[:count]
        view = _views(looks["turn"].astype(np.float64) @ [1, 1j], looks["shift"], looks["mirrored"])
        eyes = self.blended_eyes(first, others, np.where(blends["met"] > 0, 0.5, blends["share"]))
        blended = _after(similarities(crop.EYES, eyes), view[:count])
        laid = {
            "place": faces,
            "frame": np.concatenate([self.teachers[first], self.own[faces[count:]]]),
            "view": np.concatenate([blended, view[count:]]),
            "upright": _views(np.ones(count, complex), np.zeros((count, 2)), looks["mirrored"][:count]),
            "other_place": others,
            "other_frame": self.teachers[others],
        }
        return {name: value.astype(np.int32 if "place" in name else np.float32) for name, value in laid.items()}


def similarities(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotations, scales and shifts that bring points nearest to others, by least squares.

    Arguments:
        source: float (points, 2) or (faces, points, 2).
        target: the same, where they are to go.

    Returns:
        float64 (faces, 2, 3).
    """
    one, other = np.atleast_2d(source.astype(np.float64) @ [1, 1j]), np.atleast_2d(target.astype(np.float64) @ [1, 1j])
    one_middle, other_middle = one.mean(axis=1, keepdims=True), other.mean(axis=1, keepdims=True)
    one, other = one - one_middle, other - other_middle
    turn = (other * one.conj()).sum(axis=1) / (np.abs(one) ** 2).sum(axis=1)
    return _matrices(turn, other_middle[:, 0] - turn * one_middle[:, 0])


def _views(turn: np.ndarray, shift: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """From the pixels of a crop to those of one that is not turned, shifted and mirrored: (faces, 2, 3)."""
    middle = dice.MIDDLE @ [1, 1j]
    views = _matrices(turn, middle + shift @ [1, 1j] - turn * middle)
    views[mirrored > 0, :, 2] += views[mirrored > 0, :, 0] * (crop.SIZE - 1)
    views[mirrored > 0, :, 0] *= -1
    return views


def _matrices(turn: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """What multiplies by a complex number and adds another, of (x, y): (faces, 2, 3)."""
    return np.stack([turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag], axis=1).reshape(-1, 2, 3)


def _moved(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrices[:, :, :2].swapaxes(1, 2) + matrices[:, None, :, 2]


def _inverse(matrices: np.ndarray) -> np.ndarray:
    linear = np.linalg.inv(matrices[:, :, :2])
    return np.concatenate([linear, -linear @ matrices[:, :, 2:]], axis=2)


def _after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The affine maps that do `first`, then `second`: (faces, 2, 3) each."""
    linear, shift = second[:, :, :2], second[:, :, 2:]
    return np.concatenate([linear @ first[:, :, :2], linear @ first[:, :, 2:] + shift], axis=2)
