"""Which embeddings stand for a person, and what their portrait looks like."""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from app.vision import alignment

MOST = 64
"""Anchors a person has at most. A template of 64 names more of the celebrities than one of 32."""

AVERAGED = 12
"""Faces that a portrait averages, the most typical anchors: more of them blur it, fewer would show a photo."""

_CANVAS = 336
"""Side of the average before it is framed; a portrait is at least `_TIGHTEST` of it."""

_TIGHTEST = 0.58
_FULL = 0.88
_MIDDLE = 0.55
_FADE = 40
_REACH = 30
_BLACK = 24


def choose(embeddings: np.ndarray, most: int = MOST) -> np.ndarray:
    """Choose anchors: the faces nearest to the person's mean, so that outliers and wrong labels stay out.

    Measured against farthest-first traversal, even steps and random choice, these named the most known
    faces at the same share of strangers.

    Args:
        embeddings: float32 (faces, dims) of length 1, all of one person.
        most: how many at most.

    Returns:
        int64 positions, the most typical face first.
    """
    return np.argsort(-(embeddings @ embeddings.mean(axis=0)), kind="stable")[:most]


def portrait(pictures: Sequence[np.ndarray], landmarks: Sequence[np.ndarray], details: np.ndarray) -> bytes:
    """A person's average face.

    Args:
        pictures: uint8 (height, width, 3) RGB each, a face with a margin.
        landmarks: float (5, 2) or (2, 2) each, in pixels of its picture.
        details: float (pictures,), the detail of each face, see `Quality`; faces with more detail weigh more.

    Returns:
        A WebP file of 224 x 224 pixels: aligned, averaged, gently sharpened. Where a picture ends it does not weigh;
        what no picture shows is left out by a tighter frame than a crop's.
    """
    total = np.zeros((_CANVAS, _CANVAS, 3))
    weights = np.zeros((_CANVAS, _CANVAS, 1))
    for picture, points, clear in zip(pictures, landmarks, np.maximum(details, 0.1), strict=True):
        cut = alignment.align(picture, points, _CANVAS).astype(np.float64)
        inside = alignment.align(_content(picture), points, _CANVAS)[:, :, 0] > 200
        # Fading towards each picture's edge keeps the edges from showing in the average.
        depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
        weight = (np.minimum(depth / _FADE, 1.0) ** 2 * clear)[:, :, None]
        total += cut * weight
        weights += weight
    frame = _frame(weights[:, :, 0] > weights.max() / 4)
    mean = _filled(total, weights)[frame].clip(0, 255).astype(np.uint8)
    mean = cv2.resize(mean, (alignment.PORTRAIT_SIDE, alignment.PORTRAIT_SIDE), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(mean, (0, 0), 2.5)
    sharp = cv2.addWeighted(mean, 1.8, soft, -0.8, 0)
    file = io.BytesIO()
    Image.fromarray(sharp).save(file, "WEBP", quality=82, method=6)
    return file.getvalue()


def _frame(covered: np.ndarray) -> tuple[slice, slice]:
    """The largest square, in the middle from left to right, of which most is covered.

    Takes bool (side, side), gives its rows and columns.
    """
    whole = len(covered)
    sums = cv2.integral(covered.astype(np.uint8))
    for side in range(whole, round(whole * _TIGHTEST), -4):
        left = (whole - side) // 2
        tops = np.arange(whole - side + 1)
        filled = (
            sums[tops + side, left + side] - sums[tops, left + side] - sums[tops + side, left] + sums[tops, left]
        ) / side**2
        if filled.max() > _FULL:
            break
    # Of tops that cover alike the one that has eyes and mouth in its middle.
    best = tops[filled >= filled.max() - 0.01]
    top = int(best[np.abs(best + side / 2 - _MIDDLE * whole).argmin()])
    return slice(top, top + side), slice(left, left + side)


def _filled(total: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean, and where little weighs the soft mean of what lies around ("normalized convolution",
    Knutsson and Westin 1993): float (side, side, 3) and (side, side, 1) -> (side, side, 3).
    """
    kept = weights / weights.max()
    wide = {"ksize": (0, 0), "sigmaX": _REACH, "borderType": cv2.BORDER_REPLICATE}
    # A trace of the whole mean reaches the places that nothing else does.
    trace = 1e-6
    middle = total.sum(axis=(0, 1)) / weights.sum()
    around = cv2.GaussianBlur(total / weights.max(), **wide) + trace * middle
    soft = around / (cv2.GaussianBlur(kept, **wide)[:, :, None] + trace)
    share = np.clip(4 * kept, 0, 1)
    return total / np.maximum(weights, 1e-9) * share + soft * (1 - share)


def _content(picture: np.ndarray) -> np.ndarray:
    """White where a picture is, black on the black rims that many collections put around their faces.

    Takes and gives uint8 (height, width, 3).
    """
    bright = picture.max(axis=2)
    mask = np.zeros_like(picture)
    rows = np.flatnonzero(np.percentile(bright, 80, axis=1) > _BLACK)
    columns = np.flatnonzero(np.percentile(bright, 80, axis=0) > _BLACK)
    if len(rows) and len(columns):
        mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 255
    return mask
