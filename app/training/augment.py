"""What a training face may look like: turned, shifted, scaled, lit, blurred, shrunk, compressed, covered.

Geometry is done by moving the eyes before `crop.align` cuts, so that a crop is sampled once and
the picture around the face fills the corners. Each face has its own random generator, seeded
by (seed, step, position): a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import cv2
import numpy as np

from app import crop

BLEND_SIDE = 144
"""Side of a blend of two faces in pixels: a crop with a margin, to be turned, shifted and scaled in."""

BLEND_EYES = crop.TEMPLATE + (BLEND_SIDE - crop.SIZE) / 2
"""Where the eyes of a blend lie, (x, y) in pixels."""

_BLACK = 24
"""Brightest value in a row or column of a tile's frame, where its picture has ended."""

_CONTINUED = 40
"""Pixels by which a tile is continued beyond its edges."""


def jitter_eyes(eyes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn (three in four by about 7 degrees, others evenly up to 35), scale (8 %) and shift (2 % of a crop) the eyes.

    The wide turns are what detectors leave of a tilt: their eyes follow a tilted head only in part.

    Arguments:
        eyes: float (2, 2), in pixels of the tile.
        rng: where the randomness comes from.

    Returns:
        float64 (2, 2).
    """
    middle = eyes.mean(axis=0)
    half = complex(*(eyes[1] - eyes[0])) / 2
    angle = np.deg2rad(rng.normal(0, 7) if rng.random() < 0.75 else rng.uniform(-35, 35))
    half *= np.exp(1j * angle) * np.exp(rng.normal(0, 0.08))
    span = 2 * abs(half)
    middle = middle + rng.normal(0, 0.06, 2) * span
    return np.array([[middle[0] - half.real, middle[1] - half.imag], [middle[0] + half.real, middle[1] + half.imag]])


def random_crop(tile: np.ndarray, eyes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One augmented crop of a tile.

    Arguments:
        tile: uint8 (144, 144, 3) RGB.
        eyes: float (2, 2), the observer's left and right eye.
        rng: where the randomness comes from.

    Returns:
        uint8 (112, 112, 3) RGB.
    """
    face = crop.align(tile, jitter_eyes(eyes, rng))
    if rng.random() < 0.5:
        face = face[:, ::-1]
    face = np.ascontiguousarray(face)
    for chance, change in _CHANGES:
        if rng.random() < chance:
            face = change(face, rng)
    return face


def blend(
    face: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Somebody new, of two faces laid eyes on eyes: half of the time one shines through the other, else they
    meet at a soft line somewhere across the face.

    No label tells who that is, but a teacher can (Beyer et al. 2021, https://arxiv.org/abs/2106.05237). The two ways
    are those of "mixup" (Zhang et al. 2018, https://arxiv.org/abs/1710.09412) and "CutMix" (Yun et al. 2019,
    https://arxiv.org/abs/1905.04899).

    Arguments:
        face: tile, uint8 (height, width, 3) RGB, and its eyes, float (2, 2), the observer's left and right one.
        other: tile and eyes of another face; its colours are brought to those of the first.
        rng: where the randomness comes from.

    Returns:
        uint8 (144, 144, 3) RGB, with the eyes at `BLEND_EYES`.
    """
    first, second = (
        crop.align(*_surrounded(*shown), BLEND_SIDE, zoom=crop.SIZE / BLEND_SIDE) for shown in (face, other)
    )
    second = _coloured_like(first, second)
    if rng.random() < 0.5:
        share = rng.uniform(0.2, 0.5)
        return cv2.addWeighted(first, 1 - share, second, share, 0)
    share = _soft_line(rng)
    return cv2.blendLinear(first, second, 1 - share, share)


def _surrounded(tile: np.ndarray, eyes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A tile and its eyes, continued at its edges instead of framed in black, which would show within the blend."""
    grey = cv2.cvtColor(np.ascontiguousarray(tile), cv2.COLOR_RGB2GRAY)
    columns, rows = (np.flatnonzero(cv2.reduce(grey, axis, cv2.REDUCE_MAX) > _BLACK)[2:-2] for axis in (0, 1))
    if min(len(columns), len(rows)) > _CONTINUED:
        left, top = columns[0], rows[0]
        tile, eyes = tile[top : rows[-1] + 1, left : columns[-1] + 1], eyes - [left, top]
    return cv2.copyMakeBorder(tile, *[_CONTINUED] * 4, cv2.BORDER_REPLICATE), eyes + _CONTINUED


def _coloured_like(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The second picture with the mean and spread of each channel of the first."""
    (mean, spread), (own_mean, own_spread) = (cv2.meanStdDev(picture) for picture in (first, second))
    levels = (np.arange(256) - own_mean) * (spread / (own_spread + 1)) + mean  # (3, 256)
    return cv2.LUT(second, np.round(np.clip(levels, 0, 255)).astype(np.uint8).T[None])


def _soft_line(rng: np.random.Generator) -> np.ndarray:
    """0 on one side of a line through a face, 1 on the other: float32 (144, 144)."""
    angle, softness = rng.uniform(0, 2 * np.pi), rng.uniform(4, 24)
    middle = rng.normal(BLEND_EYES.mean(axis=0) + np.array([0, 18]), 12)
    columns, rows = (np.arange(BLEND_SIDE, dtype=np.float32)[:, None] - middle).astype(np.float32).T / softness
    beyond = np.float32(np.cos(angle)) * columns[None, :] + np.float32(np.sin(angle)) * rows[:, None]
    return 0.5 + 0.5 * np.tanh(beyond)


def _light(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Contrast, brightness, a colour cast and gamma, as one table a channel."""
    levels = np.linspace(0, 1, 256)[:, None]
    gain = rng.normal(1, 0.2) * rng.normal(1, 0.05, 3)
    table = np.clip((levels - 0.5) * gain + 0.5 + rng.normal(0, 0.1), 0, 1) ** np.exp(rng.normal(0, 0.2))
    return cv2.LUT(face, np.round(table * 255).astype(np.uint8)[None])


def _grey(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _blur(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(face, (0, 0), rng.uniform(0.4, 2.0))


def _shrink(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(28, 90))
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (crop.SIZE, crop.SIZE), interpolation=cv2.INTER_LINEAR)


def _compress(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 80))])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def _cover(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A rectangle of one colour: a hand, a microphone, the edge of another picture."""
    height, width = rng.integers(12, 45), rng.integers(12, 80)
    top, left = rng.integers(0, crop.SIZE - height), rng.integers(0, crop.SIZE - width)
    face[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return face


def _bar(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A bar over both eyes, nearly black or of one colour, slightly turned: sunglasses, or what hides a name."""
    colour = rng.integers(0, 256, 3) if rng.random() < 0.3 else rng.integers(0, 50, 3)
    middle = crop.TEMPLATE.mean(axis=0) + rng.normal(0, 3, 2)
    size = (rng.uniform(55, 85), rng.uniform(14, 30))
    corners = cv2.boxPoints((middle.tolist(), size, rng.normal(0, 5)))
    return cv2.fillConvexPoly(face, np.round(corners).astype(np.int32), colour.tolist())


_CHANGES = (
    (0.5, _light),
    (0.06, _grey),
    (0.06, _blur),
    (0.12, _shrink),
    (0.1, _compress),
    (0.1, _cover),
    (0.02, _bar),
)
