"""Detected faces: boxes, landmarks, their transforms, and non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import cv2
import numpy as np

from app.arrays import DoubleArray
from app.vision.alignment import transform_points

_SAME_FACE_OVERLAP = 0.4


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright picture."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Area in pixels."""
        return self.width * self.height

    def overlap(self, other: Box) -> float:
        """Return the intersection over union: 0 ... 1."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        shared = max(0, width) * max(0, height)
        return shared / max(1, self.area + other.area - shared)


@dataclass(frozen=True)
class DetectedFace:
    """A detected face.

    `landmarks` are float64 (5, 2), (x, y) in pixels of the picture, in the order of `alignment.TEMPLATE`. Detectors
    that report eyes only give (2, 2). None means that the detector found no eyes.
    """

    box: Box
    landmarks: DoubleArray | None
    confidence: float  # 0 ... 1
    close_confidence: float | None = None  # in an enlarged view of the face

    @property
    def eyes(self) -> DoubleArray | None:
        """The observer's left and right eye, float64 (2, 2), or None."""
        return None if self.landmarks is None else self.landmarks[:2]

    @property
    def tilt(self) -> float:
        """Angle of the eye line in degrees, -180 ... 180; 0 for level or unknown eyes."""
        if self.landmarks is None:
            return 0.0
        x, y = self.landmarks[1] - self.landmarks[0]
        return float(np.degrees(np.arctan2(y, x)))

    def translate(self, x: int, y: int) -> DetectedFace:
        """Return the face in a picture that starts `x` pixels further left and `y` pixels further up."""
        return self.transform(np.array([[1.0, 0.0, x], [0.0, 1.0, y]]))

    def scale(self, factor: float, width: int, height: int) -> DetectedFace:
        """Return the face in a picture `factor` times as large, its box clipped to `width` x `height` pixels."""
        left, top = max(0, round(self.box.x * factor)), max(0, round(self.box.y * factor))
        right = min(width, round((self.box.x + self.box.width) * factor))
        bottom = min(height, round((self.box.y + self.box.height) * factor))
        box = Box(left, top, max(0, right - left), max(0, bottom - top))
        return replace(self, box=box, landmarks=self._scale_landmarks(factor))

    def resize(self, factor: float) -> DetectedFace:
        """Return the face in a picture `factor` times as large."""
        x, y, width, height = (round(factor * value) for value in astuple(self.box))
        return replace(self, box=Box(x, y, width, height), landmarks=self._scale_landmarks(factor))

    def _scale_landmarks(self, factor: float) -> DoubleArray | None:
        # Pixel centers are at half steps.
        return None if self.landmarks is None else (self.landmarks + 0.5) * factor - 0.5

    def transform(self, matrix: DoubleArray) -> DetectedFace:
        """Return the face under a rotation and shift, float (2, 3). The box stays level and keeps its size."""
        size = np.array([self.box.width, self.box.height])
        x, y = transform_points(np.array([self.box.x, self.box.y]) + size / 2, matrix) - size / 2
        points = None if self.landmarks is None else transform_points(self.landmarks, matrix)
        return replace(self, box=replace(self.box, x=round(x), y=round(y)), landmarks=points)


def suppress_overlaps(faces: Sequence[DetectedFace]) -> list[DetectedFace]:
    """Apply non-maximum suppression: of overlapping faces, keep the most confident."""
    boxes = [(face.box.x, face.box.y, face.box.width, face.box.height) for face in faces]
    # A score of 0 would drop the face.
    scores = [max(face.confidence, 1e-6) for face in faces]
    kept = cv2.dnn.NMSBoxes(boxes, scores, 0.0, _SAME_FACE_OVERLAP)
    return [faces[index] for index in kept]


def angle_difference(degrees: float, other: float) -> float:
    """Return `degrees` minus `other` as an angle of -180 ... 180 degrees."""
    return (degrees - other + 180) % 360 - 180
