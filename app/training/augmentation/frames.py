"""Positions of faces in their tiles for rendering: affine maps from a crop's pixels to a tile's."""

from __future__ import annotations

import numpy as np

from app.training.augmentation import dice
from app.training.data.tiles import TileSet
from app.vision import alignment


def of_tiles(tiles: TileSet) -> np.ndarray:
    """Return the maps from the crops that `crop.align` makes to their tiles: float64 (faces, 2, 3)."""
    source, target = alignment.EYES @ [1, 1j], tiles.eyes.astype(np.float64) @ [1, 1j]
    turn = (target[:, 1] - target[:, 0]) / (source[1] - source[0])
    return _matrices(turn, target[:, 0] - turn * source[0])


def lay_out(
    frames: np.ndarray, faces: np.ndarray, others: np.ndarray, looks: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return where the faces of a batch are sampled, for `rendering.pictures`.

    Args:
        frames: as `of_tiles` returns them.
        faces: int (faces,), positions in the tiles.
        others: int (blends,), the faces that the first of `faces` are blended with.
        looks: augmentation of the faces, as `dice.looks` returns it.

    Returns:
        `place` and `frame` of the faces, `other_place` and `other_frame` of the others; `view` (faces, 2, 3), the map
        from the pixels that the student sees to those of an upright crop, and `upright` (blends, 2, 3), the same for
        the teacher, who sees blends mirrored or not but neither turned nor shifted.
    """
    count = len(others)
    laid = {
        "place": faces,
        "frame": frames[faces],
        "view": _views(looks["turn"].astype(np.float64) @ [1, 1j], looks["shift"], looks["mirrored"]),
        "upright": _views(np.ones(count, complex), np.zeros((count, 2)), looks["mirrored"][:count]),
        "other_place": others,
        "other_frame": frames[others],
    }
    return {name: value.astype(np.int32 if "place" in name else np.float32) for name, value in laid.items()}


def _views(turn: np.ndarray, shift: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Return maps from the pixels of a crop to those of the crop before augmentation: (faces, 2, 3)."""
    middle = dice.MIDDLE @ [1, 1j]
    views = _matrices(turn, middle + shift @ [1, 1j] - turn * middle)
    views[mirrored > 0, :, 2] += views[mirrored > 0, :, 0] * (alignment.SIZE - 1)
    views[mirrored > 0, :, 0] *= -1
    return views


def _matrices(turn: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the maps that multiply x + iy by one complex number and add another: (faces, 2, 3)."""
    return np.stack([turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag], axis=1).reshape(-1, 2, 3)
