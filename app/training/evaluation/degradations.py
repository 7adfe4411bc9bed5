"""Degradations of photos for robustness tests: small, compressed, blurred, dark, gray, covered and tilted faces.

All take and return uint8 (height, width, 3) RGB. Pictures show a face with a margin of 1.5 times its box.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from app.arrays import ByteArray
from app.training.data.splits import unit_hash
from app.vision.detection import rotate_picture

TILTS = {"tilted 15°": 15, "tilted 30°": 30, "tilted -30°": -30}

_FACE_SHARE = 2 / 3
"""Side of the face as a share of the picture's."""


def compress(picture: ByteArray, quality: int) -> ByteArray:
    """Save a picture as JPEG with a quality of 1 to 100."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def _shrink(picture: ByteArray) -> ByteArray:
    scale = min(1.0, 48 / (_FACE_SHARE * max(picture.shape[:2])))
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _blur(picture: ByteArray) -> ByteArray:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0 * max(picture.shape[:2]) / 144), np.uint8)


def _grayscale(picture: ByteArray) -> ByteArray:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def _cover(picture: ByteArray) -> ByteArray:
    """Cover a fifth of the face with a gray square, at a position that depends on the picture alone."""
    size = np.array(picture.shape[:2])
    face = _FACE_SHARE * size
    square = np.sqrt(0.2) * face
    key = str(int(picture.sum()))
    offset = np.array([unit_hash(key, 21), unit_hash(key, 22)]) * (face - square)
    top, left = np.round((size - face) / 2 + offset).astype(int)
    height, width = np.round(square).astype(int)
    covered = picture.copy()
    covered[top : top + height, left : left + width] = 127
    return covered


def _tilt(picture: ByteArray, degrees: float) -> ByteArray:
    return rotate_picture(picture, degrees)[0]


DEGRADATIONS: dict[str, Callable[[ByteArray], ByteArray]] = {
    "unchanged": lambda picture: picture,
    "face 48 px wide": _shrink,
    "JPEG quality 20": partial(compress, quality=20),
    "blurred by 2 px": _blur,
    "a quarter of the light": lambda picture: np.round(picture * 0.25).astype(np.uint8),
    "grayscale": _grayscale,
    "a fifth covered": _cover,
    **{name: partial(_tilt, degrees=degrees) for name, degrees in TILTS.items()},
}
"""Degradations by their name in the report."""
