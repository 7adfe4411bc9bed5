"""Average face of a person as the portrait of a shipped gallery.

Faces aligned by five landmarks still differ in shape, so that their mean is blurred. Here the faces are similar ones,
and optical flow registers each to their mean before they are averaged again.
"""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from app.arrays import AnyArray, BoolArray, ByteArray, DoubleArray, FloatArray, IntArray
from app.vision import alignment
from app.vision.quality import measure_quality

FACES = 6
"""Faces that a portrait averages. More faces blur it, fewer would show a single photo."""

_CANVAS = 336
_FADE = 40
_FILL_RADIUS = 30
_BLACK = 24

# Shares of the canvas, except for `_COVERED`, the share of the frame that pictures must cover.
_MIN_FRAME, _CENTER, _COVERED = 0.58, 0.6, 0.96

# Choice of similar faces: weights of detail, yaw, covered canvas and similarity in a thumbnail.
_DETAIL, _YAW, _COVERAGE, _SIMILARITY = 0.8, 2.5, 1.0, 1.2
_THUMBNAIL, _THUMBNAIL_FACE = 24, (slice(4, 22), slice(4, 20))

# Registration: rounds, and smoothing and limit of the flow, in pixels of the canvas.
_ROUNDS, _FLOW_SIGMA, _MAX_FLOW = 4, 8.0, 18.0


def average_face(pictures: Sequence[ByteArray], landmarks: Sequence[DoubleArray], details: AnyArray) -> bytes:
    """Return the average of a person's `FACES` most similar good faces, which shows no single photo.

    Args:
        pictures: uint8 (height, width, 3) RGB each, a face with a margin.
        landmarks: float (5, 2) or (2, 2) each, in pixels of its picture.
        details: float (pictures,), detail of each face, see `Quality`. Faces with more detail are preferred.

    Returns:
        WebP file of 224 x 224 pixels. The frame is tighter where the pictures end.
    """
    pairs = list(zip(pictures, landmarks, strict=True))
    faces = np.stack([_align(picture, points) for picture, points in pairs])
    covered = np.stack([_align(_content_mask(picture), points)[:, :, 0] > 200 for picture, points in pairs])
    yaws = np.array([measure_quality(face, points).yaw for face, points in zip(faces, landmarks, strict=True)])
    scores = _DETAIL * _scale(details) - _YAW * yaws + _COVERAGE * covered.mean(axis=(1, 2))
    chosen = _choose_similar(faces, scores)
    mean, weights = _register(_match_colors(faces[chosen], covered[chosen]), _fading_weights(covered[chosen]))
    frame = _choose_frame(weights > weights.max() / 2)
    side = (alignment.PORTRAIT_SIDE, alignment.PORTRAIT_SIDE)
    reduced = cv2.resize(mean[frame], side, interpolation=cv2.INTER_AREA)
    sharpened = cv2.addWeighted(reduced, 1.6, cv2.GaussianBlur(reduced, (0, 0), 2.0), -0.6, 0)
    file = io.BytesIO()
    Image.fromarray(sharpened).save(file, "WEBP", quality=82, method=6)
    return file.getvalue()


def _align(picture: ByteArray, landmarks: AnyArray) -> ByteArray:
    return alignment.align(picture, landmarks, _CANVAS)


def _scale(values: AnyArray) -> DoubleArray:
    """Scale values to 0 ... 1."""
    shifted = np.asarray(values, np.float64) - np.min(values)
    return np.asarray(shifted / max(float(shifted.max()), 1e-9), np.float64)


def _choose_similar(faces: ByteArray, scores: DoubleArray) -> IntArray:
    """Return the positions of `FACES` faces with high scores and a similar pose, expression and light."""
    side = (_THUMBNAIL, _THUMBNAIL)
    gray = [cv2.resize(_gray(face), side, interpolation=cv2.INTER_AREA)[_THUMBNAIL_FACE].ravel() for face in faces]
    rows = np.array(gray, np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    values = scores + _SIMILARITY * (rows @ rows.T)
    groups = np.argsort(-values, axis=1, kind="stable")[:, :FACES]
    best = int(np.argmax(np.take_along_axis(values, groups, axis=1).sum(axis=1) + scores))
    return np.asarray(groups[best], np.int64)


def _match_colors(faces: ByteArray, covered: BoolArray) -> FloatArray:
    """Give all faces the same mean and spread of each Lab channel (Reinhard et al. 2001).

    https://doi.org/10.1109/38.946629. The result is float32 (faces, canvas, canvas, 3) RGB of 0 ... 255.
    """
    labs = [cv2.cvtColor(face.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for face in faces]
    inside = [lab[mask] for lab, mask in zip(labs, covered, strict=True)]
    means = np.array([pixels.mean(axis=0) for pixels in inside])
    spreads = np.maximum([pixels.std(axis=0) for pixels in inside], 1.0)
    target = means.mean(axis=0), spreads.mean(axis=0)
    matched = [
        cv2.cvtColor(((lab - mean) / spread * target[1] + target[0]).astype(np.float32), cv2.COLOR_LAB2RGB)
        for lab, mean, spread in zip(labs, means, spreads, strict=True)
    ]
    return np.asarray(np.clip(matched, 0, 1) * 255, np.float32)


def _fading_weights(covered: BoolArray) -> FloatArray:
    """Return weights that fade towards the edge of each picture, so that no edge shows in the average."""
    depths = [cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3) for mask in covered]
    return np.asarray(np.minimum(np.array(depths) / _FADE, 1.0) ** 2, np.float32)


def _register(faces: FloatArray, weights: FloatArray) -> tuple[ByteArray, FloatArray]:
    """Average faces that optical flow maps to their common mean (Kroeger et al. 2016).

    https://arxiv.org/abs/1603.03590. Returns the mean, uint8 (canvas, canvas, 3), and the sum of the weights.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grid = np.stack(np.meshgrid(*[np.arange(_CANVAS, dtype=np.float32)] * 2), axis=2)
    equalizer = cv2.createCLAHE(2.0, (4, 4))
    grays = [equalizer.apply(_gray(face.astype(np.uint8))) for face in faces]
    mean, total = _mean(faces, weights)
    for _ in range(_ROUNDS):
        target = equalizer.apply(_gray(mean))
        moved, moved_weights = [], []
        for face, weight, gray in zip(faces, weights, grays, strict=True):
            offsets = cv2.GaussianBlur(flow.calc(target, gray, np.zeros_like(grid)), (0, 0), _FLOW_SIGMA)
            columns, rows = np.moveaxis(grid + np.clip(offsets, -_MAX_FLOW, _MAX_FLOW), 2, 0)
            moved.append(cv2.remap(face, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
            moved_weights.append(cv2.remap(weight, columns, rows, cv2.INTER_LINEAR))
        mean, total = _mean(np.array(moved), np.array(moved_weights))
    return mean, total


def _mean(faces: FloatArray, weights: FloatArray) -> tuple[ByteArray, FloatArray]:
    """Return the weighted mean of faces, uint8 (canvas, canvas, 3), and the sum of the weights."""
    total, sums = (faces * weights[..., None]).sum(axis=0), weights.sum(axis=0)
    return _fill(total.astype(np.float64), sums[..., None].astype(np.float64)).clip(0, 255).astype(np.uint8), sums


def _gray(face: ByteArray) -> ByteArray:
    return np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), np.uint8)


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
