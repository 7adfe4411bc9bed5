"""Views of a picture for the detector: reduced, rotated, padded, and enlarged around a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from app.arrays import AnyArray, ByteArray, DoubleArray
from app.vision import yunet
from app.vision.alignment import compose_transforms, invert_transform
from app.vision.closeups import Window
from app.vision.decoding import Picture, choose_reduction
from app.vision.faces import Box, DetectedFace

CLOSE_SIDE, _CLOSE_MARGIN = yunet.CLOSE_SIDE, 1.25
"""Side in pixels of an enlarged view of a face, which is `_CLOSE_MARGIN` times as large as the face's box."""

_SMALL_FACE = 120
"""Larger side in pixels of a box from which its enlarged view and its crop need no more pixels."""

_CLOSEUP_MARGIN = 1.0  # around the center of a box, in parts of its larger side: for any rotation of the view
_GRAY = (127, 127, 127)


@dataclass(frozen=True, eq=False)
class View:
    """A picture as the detector searches it: uint8 (height, width, 3) RGB.

    `factor` are pixels of the file's picture per pixel of the view. `unrotate` maps points to the view before its
    rotation.
    """

    picture: Picture
    pixels: ByteArray
    factor: float
    unrotate: DoubleArray = field(default_factory=lambda: np.eye(2, 3))

    @classmethod
    def of(cls, picture: Picture, side: int) -> View:
        """Return a view of a picture, reduced as a JPEG is while it is decoded."""
        pixels = picture.pixels
        height, width = pixels.shape[:2]
        factor = min(choose_reduction(width, height, side), width, height)
        return cls(picture, average_areas(pixels, factor), factor * picture.scale)

    def rotate(self, degrees: float) -> View:
        """Return a rotated view, see `rotate_picture`."""
        pixels, matrix = rotate_picture(self.pixels, degrees)
        return replace(self, pixels=pixels, unrotate=compose_transforms(self.unrotate, invert_transform(matrix)))

    def place(self, face: DetectedFace) -> DetectedFace:
        """Return a face of the view in pixels of the file's picture."""
        return face.transform(self.unrotate).scale(self.factor, self.picture.width, self.picture.height)

    def load_closeups(self, faces: Sequence[DetectedFace], others: Sequence[DetectedFace] = ()) -> bool:
        """Decode the photo again if one of the faces has too few pixels, then also for `others`.

        Return whether `enlarge` shows more pixels than before.
        """
        if not self.picture.needs_closeups([self._closeup(face.box) for face in faces]):
            return False
        return self.picture.load_closeups([self._closeup(face.box) for face in (*faces, *others)])

    def enlarge(self, box: Box, degrees: float) -> tuple[DoubleArray, ByteArray]:
        """Return an enlarged view of a box, rotated back by some degrees.

        Returns:
            The float64 (2, 3) matrix that maps points of this view to the enlarged one, and its pixels, uint8
            (`CLOSE_SIDE`, `CLOSE_SIDE`, 3) RGB.
        """
        center = np.array([box.x + box.width / 2, box.y + box.height / 2])
        zoom = CLOSE_SIDE / (_CLOSE_MARGIN * max(box.width, box.height))
        matrix = _rotation(center, degrees, zoom)
        matrix[:, 2] += CLOSE_SIDE / 2 - center
        window, scale = self._closeup(box)
        if scale >= self.factor:
            return matrix, _warp(self.pixels, matrix, CLOSE_SIDE, CLOSE_SIDE)
        region = self.picture.region(window)
        to_region = np.column_stack([np.eye(2) / region.scale, region.locate(np.zeros(2))])
        from_region = invert_transform(compose_transforms(to_region, self.to_file))
        return matrix, _warp(region.pixels, compose_transforms(matrix, from_region), CLOSE_SIDE, CLOSE_SIDE)

    @property
    def to_file(self) -> DoubleArray:
        """The affine matrix, float64 (2, 3), that maps points to the file's picture."""
        # Pixel centers are at half steps.
        scale = np.column_stack([self.factor * np.eye(2), np.full(2, (self.factor - 1) / 2)])
        return compose_transforms(scale, self.unrotate)

    def _closeup(self, box: Box) -> tuple[Window, float]:
        """Return the window of a face in the file's picture, and the scale from which it has enough pixels."""
        placed = self.place(DetectedFace(box, None, 0.0)).box
        side = self.factor * max(box.width, box.height)
        center = np.array([placed.x + placed.width / 2, placed.y + placed.height / 2])
        left, top = np.floor(center - _CLOSEUP_MARGIN * side).astype(int).tolist()
        right, bottom = np.ceil(center + _CLOSEUP_MARGIN * side).astype(int).tolist()
        return Window(left, top, right, bottom), side / _SMALL_FACE


def rotate_picture(pixels: ByteArray, degrees: float) -> tuple[ByteArray, DoubleArray]:
    """Rotate a picture, uint8 (height, width, 3), counterclockwise on a gray ground, without cutting it off.

    The float64 (2, 3) matrix maps points of the picture to points of the rotated picture.
    """
    height, width = pixels.shape[:2]
    angle = np.radians(degrees)
    cosine, sine = abs(np.cos(angle)), abs(np.sin(angle))
    size = np.array([width * cosine + height * sine, width * sine + height * cosine])
    matrix = _rotation(np.array([(width - 1) / 2, (height - 1) / 2]), degrees, 1.0)
    matrix[:, 2] += (size - [width, height]) / 2
    return _warp(pixels, matrix, max(1, round(size[0])), max(1, round(size[1]))), matrix


def average_areas(pixels: ByteArray, factor: int) -> ByteArray:
    """Return the picture reduced by a whole number, without the rest of pixels at the right and lower edge."""
    if factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    whole = pixels[: height - height % factor, : width - width % factor]
    reduced = cv2.resize(whole, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.uint8)


def reduce_to(pixels: ByteArray, side: int) -> tuple[ByteArray, float]:
    """Return the picture with at most `side` pixels on the longer side, and the factor back."""
    height, width = pixels.shape[:2]
    scale = max(height, width) / side
    if scale <= 1:
        return pixels, 1.0
    # Averaging areas takes six times as long if a pixel of the result is not a whole number of pixels.
    factor = min(int(scale), height, width)
    pixels = average_areas(pixels, factor)
    rest = factor / scale
    if rest < 1:
        size = max(1, round(pixels.shape[1] * rest)), max(1, round(pixels.shape[0] * rest))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))
    return np.asarray(pixels, np.uint8), scale


def pad(pixels: ByteArray, top: int, bottom: int, left: int, right: int) -> ByteArray:
    """Return the picture with a gray border of some pixels."""
    padded = cv2.copyMakeBorder(pixels, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_GRAY)
    return np.asarray(padded, np.uint8)


def _rotation(center: AnyArray, degrees: float, zoom: float) -> DoubleArray:
    return np.asarray(cv2.getRotationMatrix2D((center[0], center[1]), degrees, zoom), np.float64)


def _warp(pixels: ByteArray, matrix: DoubleArray, width: int, height: int) -> ByteArray:
    warped = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=_GRAY)
    return np.asarray(warped, np.uint8)
