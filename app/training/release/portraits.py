"""Average face of a person as the portrait of a shipped gallery."""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from app.arrays import AnyArray, BoolArray, ByteArray, DoubleArray
from app.vision import alignment

_CANVAS = 336
_FADE = 40
_FILL_RADIUS = 30
_BLACK = 24

# Shares of the canvas, except for `_COVERED`, the share of the frame that pictures must cover.
_MIN_FRAME, _CENTER, _COVERED = 0.58, 0.55, 0.88


def average_face(pictures: Sequence[ByteArray], landmarks: Sequence[DoubleArray], details: AnyArray) -> bytes:
    """Return a person's average face, which shows no single photo.

    Args:
        pictures: uint8 (height, width, 3) RGB each, a face with a margin.
        landmarks: float (5, 2) or (2, 2) each, in pixels of its picture.
        details: float (pictures,), detail of each face, see `Quality`. Faces with more detail weigh more.

    Returns:
        WebP file of 224 x 224 pixels: aligned, averaged and sharpened. The frame is tighter than a crop where the
        pictures end.
    """
    total = np.zeros((_CANVAS, _CANVAS, 3))
    weights = np.zeros((_CANVAS, _CANVAS, 1))
    for picture, points, detail in zip(pictures, landmarks, np.maximum(details, 0.1), strict=True):
        inside = alignment.align(_content_mask(picture), points, _CANVAS)[:, :, 0] > 200
        # Weights fade towards the edge of each picture, so that no edge shows in the average.
        depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
        weight = (np.minimum(depth / _FADE, 1.0) ** 2 * detail)[:, :, None]
        total += alignment.align(picture, points, _CANVAS).astype(np.float64) * weight
        weights += weight
    frame = _choose_frame(weights[:, :, 0] > weights.max() / 4)
    mean = _fill(total, weights)[frame].clip(0, 255).astype(np.uint8)
    side = (alignment.PORTRAIT_SIDE, alignment.PORTRAIT_SIDE)
    reduced = cv2.resize(mean, side, interpolation=cv2.INTER_AREA)
    sharpened = cv2.addWeighted(reduced, 1.8, cv2.GaussianBlur(reduced, (0, 0), 2.5), -0.8, 0)
    file = io.BytesIO()
    Image.fromarray(sharpened).save(file, "WEBP", quality=82, method=6)
    return file.getvalue()


def _choose_frame(covered: BoolArray) -> tuple[slice, slice]:
    """Return rows and columns of the largest square, centered horizontally, that is mostly covered."""
    sums = cv2.integral(covered.astype(np.uint8))
    for side in range(_CANVAS, round(_CANVAS * _MIN_FRAME), -4):
        left = (_CANVAS - side) // 2
        right = left + side
        tops = np.arange(_CANVAS - side + 1)
        area = sums[tops + side, right] - sums[tops, right] - sums[tops + side, left] + sums[tops, left]
        coverage = area / side**2
        if coverage.max() > _COVERED:
            break
    candidates = tops[coverage >= coverage.max() - 0.01]
    top = int(candidates[np.abs(candidates + side / 2 - _CENTER * _CANVAS).argmin()])
    return slice(top, top + side), slice(left, right)


def _fill(total: DoubleArray, weights: DoubleArray) -> DoubleArray:
    """Return the weighted mean, filled from its surroundings where weights are small.

    Normalized convolution (Knutsson and Westin 1993, https://doi.org/10.1109/CVPR.1993.341081).
    """

    def blur(values: DoubleArray) -> AnyArray:
        return cv2.GaussianBlur(values, (0, 0), _FILL_RADIUS, borderType=cv2.BORDER_REPLICATE)

    coverage = weights / weights.max()
    # A trace of the overall mean reaches pixels that no blurred weight does.
    trace = 1e-6
    overall = total.sum(axis=(0, 1)) / weights.sum()
    surroundings = (blur(total / weights.max()) + trace * overall) / (blur(coverage)[:, :, None] + trace)
    share = np.clip(4 * coverage, 0, 1)
    filled: DoubleArray = total / np.maximum(weights, 1e-9) * share + surroundings * (1 - share)
    return filled


def _content_mask(picture: ByteArray) -> ByteArray:
    """Return 255 inside a picture and 0 in the black borders of some photo collections: uint8 (height, width, 3)."""
    brightest = picture.max(axis=2)
    mask = np.zeros_like(picture)
    rows = np.flatnonzero(np.percentile(brightest, 80, axis=1) > _BLACK)
    columns = np.flatnonzero(np.percentile(brightest, 80, axis=0) > _BLACK)
    if len(rows) and len(columns):
        mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 255
    return mask
