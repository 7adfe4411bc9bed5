"""A detected face: its box, its landmarks and how both follow a transform of the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

_SAME_FACE = 0.4
"""Overlap from which on two boxes show one face."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright picture."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Pixels inside."""
        return self.width * self.height

    def overlap(self, other: Box) -> float:
        """Intersection over union: 0 ... 1."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True)
class DetectedFace:
    """One face: its box, its landmarks and the detector's confidence (0 ... 1).

    `landmarks` is float64 (5, 2): left eye, right eye, nose tip, left and right mouth corner as the observer sees
    them, (x, y) in pixels of the picture. It is (2, 2), the eyes alone, for detectors that report no more, and None
    if the detector found no eyes. `close_confidence` is the detector's confidence in an enlarged view of the face,
    None if there was no such view.
    """

    box: Box
    landmarks: np.ndarray | None
    confidence: float
    close_confidence: float | None = None

    @property
    def eyes(self) -> np.ndarray | None:
        """The observer's left and right eye, float64 (2, 2), or None."""
        return None if self.landmarks is None else self.landmarks[:2]

    def moved(self, x: int, y: int) -> DetectedFace:
        """Return the face in a picture that starts `x` pixels further left and `y` pixels further up."""
        box = Box(self.box.x + x, self.box.y + y, self.box.width, self.box.height)
        return replace(self, box=box, landmarks=None if self.landmarks is None else self.landmarks + np.array([x, y]))

    def scaled(self, scale: float, width: int, height: int) -> DetectedFace:
        """Return the face in a picture `scale` times as large, its box clipped to `width` x `height` pixels."""
        left, top = max(0, round(self.box.x * scale)), max(0, round(self.box.y * scale))
        right = min(width, round((self.box.x + self.box.width) * scale))
        bottom = min(height, round((self.box.y + self.box.height) * scale))
        box = Box(left, top, max(0, right - left), max(0, bottom - top))
        return replace(self, box=box, landmarks=None if self.landmarks is None else self.landmarks * scale)

    def transformed(self, matrix: np.ndarray) -> DetectedFace:
        """Return the face under a rotation, float (2, 3): the box stays level and keeps its size."""
        box = self.box
        center = matrix[:, :2] @ [box.x + box.width / 2, box.y + box.height / 2] + matrix[:, 2]
        moved = Box(round(center[0] - box.width / 2), round(center[1] - box.height / 2), box.width, box.height)
        points = None if self.landmarks is None else self.landmarks @ matrix[:, :2].T + matrix[:, 2]
        return replace(self, box=moved, landmarks=points)


def suppress_overlaps(faces: Iterable[DetectedFace]) -> list[DetectedFace]:
    """Non-maximum suppression: of faces that overlap, the surest."""
    kept: list[DetectedFace] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if all(face.box.overlap(other.box) < _SAME_FACE for other in kept):
            kept.append(face)
    return kept


def tilt(eyes: np.ndarray) -> float:
    """Angle of the eye line in degrees, 0 where it is level: float (2, 2) -> -180 ... 180."""
    return float(np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1])))


def between(degrees: float, other: float) -> float:
    """How far one direction is from another: -180 ... 180 degrees."""
    return (degrees - other + 180) % 360 - 180
