"""A training face as the dice say that it looks, by OpenCV: turned, lit, blurred, compressed, covered; and blends.

Geometry is done by moving the eyes before `crop.align` cuts, so that a crop is sampled once and
the picture around the face fills the corners. Each face has its own random generator, seeded
by (seed, step, position): a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import cv2
import numpy as np

from app.training.augmentation import dice
from app.vision import alignment

BLEND_SIDE = 144
"""Side of a blend of two faces in pixels: a crop with a margin, to be turned, shifted and scaled in."""

BLEND_MARGIN = (BLEND_SIDE - alignment.SIZE) / 2
"""Pixels of a blend around its crop."""

BLEND_EYES = alignment.EYES + BLEND_MARGIN
"""Eyes of a blend, (x, y) in pixels."""

_BLACK = 24
"""Brightest value in a row or column of a tile's frame, where its picture has ended."""

_CONTINUED = 40
"""Pixels by which a tile is continued beyond its edges."""


def random_crop(tile: np.ndarray, eyes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One augmented crop of a tile.

    Args:
        tile: uint8 (144, 144, 3) RGB.
        eyes: float (2, 2), the observer's left and right eye.
        rng: where the randomness comes from.

    Returns:
        uint8 (112, 112, 3) RGB.
    """
    look = {name: value[0] for name, value in dice.looks(rng, 1).items()}
    face = alignment.align(tile, moved(eyes, look["turn"], look["shift"]))
    if look["mirrored"]:
        face = face[:, ::-1]
    face = _lit(np.ascontiguousarray(face), look["gain"], look["offset"], look["gamma"])
    if look["gray"]:
        face = gray(face)
    sigma, side = dice.resolution_of(look["resolution"])
    if sigma:
        face = cv2.GaussianBlur(face, (0, 0), sigma)
    if side:
        face = shrunk(face, side)
    if look["quality"]:
        face = compressed(face, int(look["quality"]))
    for cover in look["covers"]:
        face = _covered(face, cover)
    return face


def gray(picture: np.ndarray) -> np.ndarray:
    """Without its colors: uint8 (height, width, 3) RGB -> the same."""
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def shrunk(face: np.ndarray, side: int) -> np.ndarray:
    """A crop as it looks made `side` pixels wide and enlarged again: uint8 (112, 112, 3) -> the same."""
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (alignment.SIZE, alignment.SIZE), interpolation=cv2.INTER_LINEAR)


def compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    """As a JPEG of a quality of 1 to 100 leaves it: uint8 (height, width, 3) RGB -> the same."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)


def moved(eyes: np.ndarray, turn: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Where the eyes are to be taken to lie for a face to be cut as the dice say.

    Args:
        eyes: float (2, 2), in pixels of the tile.
        turn: float (2,), as `dice.looks` gives it.
        shift: float (2,), the same.

    Returns:
        float64 (2, 2).
    """
    left, right = eyes.astype(np.float64) @ [1, 1j]
    half = (right - left) / 2
    # The shift is one of an upright crop's pixels, of which there are `SPAN` from eye to eye.
    middle = (left + right) / 2 + complex(*shift) * 2 * half / dice.SPAN
    half *= complex(*turn)
    return np.array([[eye.real, eye.imag] for eye in (middle - half, middle + half)])


def blend(
    face: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Somebody new, of two faces laid on each other: one shines through the other, or they meet at a soft line across
    the face, or the first stays alone; and half of the time the result is bent a little.

    No label tells who that is, but a teacher can (Beyer et al. 2021, https://arxiv.org/abs/2106.05237). The two ways
    are those of "mixup" (Zhang et al. 2018, https://arxiv.org/abs/1710.09412) and "CutMix" (Yun et al. 2019,
    https://arxiv.org/abs/1905.04899).

    Args:
        face: tile, uint8 (height, width, 3) RGB, and the position of its eyes, float (2, 2).
        other: the same of another face; its colors are brought to those of the first.
        rng: where the randomness comes from.

    Returns:
        uint8 (144, 144, 3) RGB.
    """
    looks = dice.blends(rng, 1)
    first, second = (
        alignment.align(*_surrounded(*shown), BLEND_SIDE, zoom=alignment.SIZE / BLEND_SIDE) for shown in (face, other)
    )
    second = _colored_like(first, second)
    y, x = np.divmod(np.arange(BLEND_SIDE**2, dtype=np.float32)[None], BLEND_SIDE) - np.float32(BLEND_MARGIN)
    share = dice.share(looks, x, y, np.tanh).reshape(first.shape[:2])
    x, y = (side.reshape(first.shape[:2]) + np.float32(BLEND_MARGIN) for side in dice.bent(looks, x, y, np.sin))
    first, second = (cv2.remap(shown, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE) for shown in (first, second))
    return cv2.blendLinear(first, second, 1 - share, share)


def picture_in(tile: np.ndarray) -> tuple[int, int, int, int]:
    """The left, top, right and bottom pixel of the picture within a tile, uint8 (height, width, 3), that is framed in
    black; of the whole tile where it is dark throughout.
    """
    gray = cv2.cvtColor(np.ascontiguousarray(tile), cv2.COLOR_RGB2GRAY)
    columns, rows = (np.flatnonzero(cv2.reduce(gray, axis, cv2.REDUCE_MAX) > _BLACK)[2:-2] for axis in (0, 1))
    if min(len(columns), len(rows)) > _CONTINUED:
        return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])
    return 0, 0, tile.shape[1] - 1, tile.shape[0] - 1


def _surrounded(tile: np.ndarray, eyes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A tile and its eyes, continued at its edges instead of framed in black, which would show within the blend."""
    left, top, right, bottom = picture_in(tile)
    tile, eyes = tile[top : bottom + 1, left : right + 1], eyes - [left, top]
    return cv2.copyMakeBorder(tile, *[_CONTINUED] * 4, cv2.BORDER_REPLICATE), eyes + _CONTINUED


def _colored_like(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The second picture with the mean and spread of each channel of the first."""
    (mean, spread), (own_mean, own_spread) = (cv2.meanStdDev(picture) for picture in (first, second))
    levels = (np.arange(256) - own_mean) * (spread / (own_spread + 1)) + mean  # (3, 256)
    return cv2.LUT(second, np.round(np.clip(levels, 0, 255)).astype(np.uint8).T[None])


def _lit(face: np.ndarray, gain: np.ndarray, offset: float, gamma: float) -> np.ndarray:
    """Contrast, brightness, a color cast and gamma, as one table a channel."""
    levels = np.linspace(0, 1, 256)[:, None]
    table = np.clip((levels - 0.5) * gain + 0.5 + offset, 0, 1) ** gamma
    return cv2.LUT(face, np.round(table * 255).astype(np.uint8)[None])


def _covered(face: np.ndarray, cover: np.ndarray) -> np.ndarray:
    middle, half, turn, color = cover[:2], cover[2:4], cover[4:6], cover[6:]
    if not half.any():
        return face
    angle = np.degrees(np.arctan2(turn[1], turn[0]))
    corners = cv2.boxPoints((middle.tolist(), (2 * half).tolist(), float(angle)))
    return cv2.fillConvexPoly(face, np.round(corners).astype(np.int32), color.tolist())
