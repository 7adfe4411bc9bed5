"""What a training face may look like: turned, shifted, scaled, lit, blurred, shrunk, compressed, covered.

Geometry is done by moving the eyes before `crop.align` cuts, so that a crop is sampled once and
the picture around the face fills the corners. Each face has its own random generator, seeded
by (seed, step, position): a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import cv2
import numpy as np

from app import crop

MIXED = 0.25
"""Share of a teacher's pictures that another face is mixed into."""

BARRED = 0.06
"""Share of a teacher's pictures with a bar over the eyes."""


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


def taught_crop(
    tile: np.ndarray, eyes: np.ndarray, other: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """One augmented crop for a teacher to answer about: bars over the eyes, and another face mixed in, happen too.

    No label tells who a mixture is, but a teacher that sees the same picture can ("mixup", Zhang et al. 2018,
    https://arxiv.org/abs/1710.09412; with a patient teacher, Beyer et al. 2021, https://arxiv.org/abs/2106.05237).

    Arguments:
        tile: uint8 (144, 144, 3) RGB.
        eyes: float (2, 2), the observer's left and right eye.
        other: tile and eyes of the face that may be mixed in, at most to four tenths.
        rng: where the randomness comes from.

    Returns:
        uint8 (112, 112, 3) RGB.
    """
    face = random_crop(tile, eyes, rng)
    if rng.random() < MIXED:
        face = cv2.addWeighted(face, 1 - (share := rng.uniform(0.05, 0.4)), random_crop(*other, rng), share, 0)
    return _bar(face, rng) if rng.random() < BARRED else face


def _bar(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A bar over both eyes, nearly black or of one colour, slightly turned: sunglasses, or what hides a name."""
    colour = rng.integers(0, 256, 3) if rng.random() < 0.3 else rng.integers(0, 50, 3)
    middle = crop.TEMPLATE.mean(axis=0) + rng.normal(0, 3, 2)
    size = (rng.uniform(55, 85), rng.uniform(14, 30))
    corners = cv2.boxPoints((middle.tolist(), size, rng.normal(0, 5)))
    return cv2.fillConvexPoly(face, np.round(corners).astype(np.int32), colour.tolist())


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
    """A rectangle of one colour: anything from a hand to a bar over the eyes."""
    height, width = rng.integers(12, 45), rng.integers(12, 80)
    top, left = rng.integers(0, crop.SIZE - height), rng.integers(0, crop.SIZE - width)
    face[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return face


_CHANGES = ((0.5, _light), (0.06, _grey), (0.06, _blur), (0.12, _shrink), (0.1, _compress), (0.1, _cover))
