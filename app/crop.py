"""The crop: two eyes -> one upright 112x112 picture of a face. Nothing else in the project aligns.

Serving, gallery, training and evaluation all call `align`, so a network always sees faces
cut the way it was trained on. The template is the eye pair of the ArcFace alignment
(Deng et al. 2019, https://arxiv.org/abs/1801.07698).
"""

import cv2
import numpy as np

SIZE = 112
"""Side of a crop in pixels."""

PORTRAIT_SIDE = 224
"""Side of a portrait in pixels."""

PIPELINE = "eyes-112-v1"
"""Name of this crop in model cards and galleries; change it whenever `align` cuts differently."""

TEMPLATE = np.array([[38.29, 51.70], [73.53, 51.50]], dtype=np.float64)
"""Where the observer's left and right eye lie in a crop: (x, y) in pixels."""

LEVEL_MIDDLE, LEVEL_SPREAD = 127.5, 128.0
"""What is taken from a level of 0 to 255, and what the rest is divided by, for the network."""

BORDER_LEVEL = 127
"""The grey level of a crop where its picture ends."""


def align(picture: np.ndarray, eyes: np.ndarray, size: int = SIZE, zoom: float = 1.0) -> np.ndarray:
    """Turn, scale and cut a face so that its eyes lie on the template.

    Arguments:
        picture: uint8 (height, width, 3), upright RGB.
        eyes: float (2, 2), the observer's left eye and right eye as (x, y) in pixels of `picture`.
        size: side of the result; other than 112 for people to look at, never for the network.
        zoom: under 1 shows more around the face.

    Returns:
        uint8 (size, size, 3) RGB; grey where the picture ends.

    Raises:
        ValueError: the eyes coincide, so no scale can be told.
    """
    template = ((TEMPLATE - SIZE / 2) * zoom + SIZE / 2) * (size / SIZE)
    matrix = _similarity(np.asarray(eyes, dtype=np.float64), template)
    shrink = np.hypot(matrix[0, 0], matrix[1, 0])
    # Bilinear sampling skips pixels when a big face shrinks; averaging over areas first keeps it clean.
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


def normalise(crops: np.ndarray) -> np.ndarray:
    """Bring crops into the range the network takes.

    Arguments:
        crops: uint8 (..., 112, 112, 3) RGB.

    Returns:
        float32 of the same shape, about -1 ... 1.
    """
    return (crops.astype(np.float32) - LEVEL_MIDDLE) / LEVEL_SPREAD


def _similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift that take two points to two others, as a float64 2x3 matrix."""
    before, after = (complex(*(points[1] - points[0])) for points in (source, target))
    if abs(before) < 1e-6:
        raise ValueError("The two eyes lie on the same spot, so the face cannot be aligned.")
    turn = after / before
    shift = complex(*target[0]) - turn * complex(*source[0])
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
    # Pixel centres sit at half steps: x_picture = left + (x_reduced + 0.5) * scale - 0.5.
    offset = np.array([left, top]) + 0.5 * scale - 0.5
    linear = matrix[:, :2] * scale
    return reduced, np.column_stack([linear, matrix[:, :2] @ offset + matrix[:, 2]])
