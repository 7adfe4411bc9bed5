"""Face alignment: map the landmarks of a face to a template and crop 112 x 112 pixels around it.

Serving, the gallery, training and evaluation all call `align`, so a network always sees faces
cropped the way it was trained on. The template is that of ArcFace (Deng et al. 2019,
https://arxiv.org/abs/1801.07698); the transform is the least-squares similarity of Umeyama 1991
(https://doi.org/10.1109/34.88573).
"""

import cv2
import numpy as np

SIZE = 112
"""Side of a crop in pixels."""

PORTRAIT_SIDE = 224
"""Side of a portrait in pixels."""

PIPELINE = "five-112-v1"
"""Name of this alignment in model cards and galleries. Change it whenever `align` crops differently."""

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float64,
)
"""Landmarks in a crop, (x, y) in pixels: left eye, right eye, nose tip, left and right mouth corner, as the observer
sees them."""

EYES = TEMPLATE[:2]
"""The two eyes of the template."""

LEVEL_MIDDLE, LEVEL_SPREAD = 127.5, 128.0
"""What is taken from a level of 0 to 255, and what the rest is divided by, for the network."""

BORDER_LEVEL = 127
"""The gray level of a crop where its picture ends."""


def align(picture: np.ndarray, landmarks: np.ndarray, size: int = SIZE, zoom: float = 1.0) -> np.ndarray:
    """Rotate, scale and crop a face so that its landmarks lie on the template.

    Args:
        picture: uint8 (height, width, 3), upright RGB.
        landmarks: float (5, 2) in the order of `TEMPLATE`, or (2, 2) for the eyes alone; (x, y) in pixels of
            `picture`.
        size: side of the result in pixels. Other sizes than 112 are for people to look at, not for the network.
        zoom: values under 1 show more around the face.

    Returns:
        uint8 (size, size, 3) RGB. Pixels outside the picture are gray.

    Raises:
        ValueError: all landmarks coincide, so the scale is undefined.
    """
    landmarks = np.asarray(landmarks, dtype=np.float64)
    template = ((TEMPLATE[: len(landmarks)] - SIZE / 2) * zoom + SIZE / 2) * (size / SIZE)
    matrix = similarity_transform(landmarks, template)
    shrink = np.hypot(matrix[0, 0], matrix[1, 0])
    # Bilinear sampling skips pixels when a large face shrinks; area averaging first avoids aliasing.
    if shrink < 0.5:
        picture, matrix = _shrunk_surroundings(picture, matrix, shrink, size)
    return cv2.warpAffine(
        picture,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(BORDER_LEVEL,) * 3,
    )


def aligned_eyes(landmarks: np.ndarray) -> np.ndarray:
    """Return the points of a picture that `align` maps to the template's eyes.

    Aligning by these two points gives the same crop as aligning by all landmarks.

    Args:
        landmarks: float (5, 2) or (2, 2) as for `align`.

    Returns:
        float64 (2, 2), (x, y) in pixels of the picture.
    """
    landmarks = np.asarray(landmarks, dtype=np.float64)
    matrix = cv2.invertAffineTransform(similarity_transform(landmarks, TEMPLATE[: len(landmarks)]))
    return EYES @ matrix[:, :2].T + matrix[:, 2]


def normalize(crops: np.ndarray) -> np.ndarray:
    """Bring crops into the range the network takes.

    Args:
        crops: uint8 (..., 112, 112, 3) RGB.

    Returns:
        float32 of the same shape, about -1 ... 1.
    """
    return (crops.astype(np.float32) - LEVEL_MIDDLE) / LEVEL_SPREAD


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the least-squares rotation, uniform scale and shift that map points to points.

    Args:
        source: float (n, 2), at least two distinct points.
        target: float (n, 2).

    Returns:
        float64 (2, 3), as `cv2.warpAffine` takes it.

    Raises:
        ValueError: the source points coincide.
    """
    # As complex numbers, a similarity is target = turn * source + shift.
    before, after = (points @ np.array([1, 1j]) for points in (source, target))
    centered = before - before.mean()
    spread = (abs(centered) ** 2).sum()
    if spread < 1e-12:
        raise ValueError("All landmarks lie on the same spot, so the face cannot be aligned.")
    turn = (centered.conj() * (after - after.mean())).sum() / spread
    shift = after.mean() - turn * before.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _shrunk_surroundings(
    picture: np.ndarray, matrix: np.ndarray, shrink: float, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut out what the crop will show and reduce it by area averaging; the matrix follows."""
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], dtype=np.float64)
    inverse = cv2.invertAffineTransform(matrix)
    seen = corners @ inverse[:, :2].T + inverse[:, 2]
    height, width = picture.shape[:2]
    left, top = np.clip(np.floor(seen.min(axis=0)).astype(int) - 2, 0, [width - 1, height - 1])
    right, bottom = np.clip(np.ceil(seen.max(axis=0)).astype(int) + 3, [left + 1, top + 1], [width, height])
    part = picture[top:bottom, left:right]
    small = (max(1, round(part.shape[1] * shrink)), max(1, round(part.shape[0] * shrink)))
    reduced = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
    scale = np.array([part.shape[1] / small[0], part.shape[0] / small[1]])
    # Pixel centers sit at half steps: x_picture = left + (x_reduced + 0.5) * scale - 0.5.
    offset = np.array([left, top]) + 0.5 * scale - 0.5
    linear = matrix[:, :2] * scale
    return reduced, np.column_stack([linear, matrix[:, :2] @ offset + matrix[:, 2]])
