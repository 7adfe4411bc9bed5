"""Face alignment: map the landmarks of a face to a template and crop 112 x 112 pixels around it.

Serving, the gallery, training and evaluation all call `align`, so the network always sees faces cropped as in training.
The template is that of ArcFace (Deng et al. 2019, https://arxiv.org/abs/1801.07698). The transform is the least-squares
similarity of Umeyama 1991 (https://doi.org/10.1109/34.88573).
"""

import cv2
import numpy as np

from app.arrays import AnyArray, ByteArray, DoubleArray, FloatArray
from app.vision.closeups import Window

PIPELINE = "five-112-v1"
"""Name of this alignment in model cards and galleries. Change it whenever `align` crops differently."""

SIZE = 112  # side of a crop in pixels
PORTRAIT_SIDE = 224  # pixels

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Landmarks in a crop, (x, y) in pixels: left eye, right eye, nose tip, left and right mouth corner, as the observer
sees them."""

EYES = TEMPLATE[:2]
CROP_EYE_DISTANCE = float(np.hypot(*(EYES[1] - EYES[0])))  # pixels

# The network takes (level - middle) / spread, for levels of 0 to 255. Crops show this gray outside the picture.
LEVEL_MIDDLE, LEVEL_SPREAD = 127.5, 128.0
BORDER_LEVEL = 127


def align(picture: ByteArray, landmarks: AnyArray, size: int = SIZE, zoom: float = 1.0) -> ByteArray:
    """Rotate, scale and crop a face so that its landmarks fit the template.

    Args:
        picture: uint8 (height, width, 3), upright RGB.
        landmarks: float (5, 2) in the order of `TEMPLATE`, or (2, 2) for the eyes alone; (x, y) in pixels of `picture`.
        size: side of the result in pixels. The network needs the default.
        zoom: values under 1 show more around the face.

    Returns:
        uint8 (size, size, 3) RGB. Pixels outside the picture are gray. Coinciding landmarks raise a ValueError.
    """
    template = ((TEMPLATE[: len(landmarks)] - SIZE / 2) * zoom + SIZE / 2) * (size / SIZE)
    matrix = similarity_transform(landmarks, template)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    # Bilinear sampling skips pixels of a face that shrinks. Averaging areas first avoids aliasing.
    if scale < 0.5:
        picture, matrix = _shrink_surroundings(picture, matrix, scale, size)
    return np.asarray(cv2.warpAffine(picture, matrix, (size, size), borderValue=(BORDER_LEVEL,) * 3), np.uint8)


def aligned_eyes(landmarks: AnyArray) -> DoubleArray:
    """Return the points of a picture that `align` maps to the template's eyes, float64 (2, 2).

    Aligning by these two points gives the same crop as aligning by all landmarks.
    """
    matrix = similarity_transform(landmarks, TEMPLATE[: len(landmarks)])
    return transform_points(EYES, invert_transform(matrix))


def crop_window(landmarks: AnyArray) -> Window:
    """Return the window of a picture that `align` reads, which may exceed the picture."""
    return _window(similarity_transform(landmarks, TEMPLATE[: len(landmarks)]), SIZE)


def measure_eye_distance(landmarks: AnyArray) -> float:
    """Return the distance in a picture of the points that `align` maps to the template's eyes."""
    left, right = aligned_eyes(landmarks)
    return float(np.hypot(*(right - left)))


def normalize(crops: ByteArray) -> FloatArray:
    """Scale crops, uint8 (..., 112, 112, 3) RGB, to the input of the network: float32, about -1 ... 1."""
    return (crops.astype(np.float32) - LEVEL_MIDDLE) / LEVEL_SPREAD


def similarity_transform(source: AnyArray, target: AnyArray) -> DoubleArray:
    """Return the least-squares rotation, uniform scale and shift that map points, float (n, 2), to points.

    The result is float64 (2, 3), as `cv2.warpAffine` takes it. A ValueError says that the source points coincide.
    """
    # As complex numbers, a similarity is target = factor * source + shift.
    before, after = (np.asarray(points, np.float64) @ np.array([1, 1j]) for points in (source, target))
    centered = before - before.mean()
    variance = (abs(centered) ** 2).sum()
    if variance < 1e-12:
        raise ValueError("All landmarks coincide, so the face cannot be aligned.")
    factor = (centered.conj() * (after - after.mean())).sum() / variance
    shift = after.mean() - factor * before.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def transform_points(points: DoubleArray, matrix: DoubleArray) -> DoubleArray:
    """Map points, float (n, 2), by an affine matrix, float (2, 3)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def compose_transforms(second: DoubleArray, first: DoubleArray) -> DoubleArray:
    """Return the affine matrix that applies `first`, then `second`, each float64 (2, 3)."""
    return np.column_stack([second[:, :2] @ first[:, :2], transform_points(first[:, 2], second)])


def invert_transform(matrix: DoubleArray) -> DoubleArray:
    """Return the inverse of an affine matrix, float64 (2, 3)."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def _window(matrix: DoubleArray, size: int) -> Window:
    """Return what a crop of `size` pixels shows of a picture, with a margin for interpolation."""
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], dtype=np.float64)
    visible = transform_points(corners, invert_transform(matrix))
    left, top = np.floor(visible.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(visible.max(axis=0)).astype(int).tolist()
    return Window(left - 2, top - 2, right + 3, bottom + 3)


def _shrink_surroundings(
    picture: ByteArray, matrix: DoubleArray, scale: float, size: int
) -> tuple[ByteArray, DoubleArray]:
    """Return the visible part of the picture, reduced by area averaging, and the matrix for it."""
    height, width = picture.shape[:2]
    visible = _window(matrix, size)
    left, top = np.clip(visible[:2], 0, [width - 1, height - 1])
    right, bottom = np.clip(visible[2:], [left + 1, top + 1], [width, height])
    part = picture[top:bottom, left:right]
    full = np.array([right - left, bottom - top])
    small = np.maximum(1, np.round(full * scale).astype(int))
    reduced = np.asarray(cv2.resize(part, small.tolist(), interpolation=cv2.INTER_AREA), np.uint8)
    factors = full / small
    # Pixel centers are at half steps: x_picture = left + (x_reduced + 0.5) * factor - 0.5.
    offset = np.array([left, top]) + 0.5 * factors - 0.5
    return reduced, np.column_stack([matrix[:, :2] * factors, transform_points(offset, matrix)])
