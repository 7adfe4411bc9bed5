"""Is a face worth judging? Its size in the picture and the sharpness of its crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from app.crop import aligned_eyes


@dataclass(frozen=True)
class Quality:
    """What a verdict may rest on: `eye_distance` in pixels of the picture, `sharpness` without unit."""

    eye_distance: float
    sharpness: float


@dataclass(frozen=True)
class QualityFloor:
    """The smallest and blurriest face still worth judging, from the model card."""

    eye_distance: float
    sharpness: float

    def accepts(self, qualities: Sequence[Quality | None]) -> np.ndarray:
        """Return which faces can be judged: bool (faces,)."""
        return np.array([self.flaw(quality) is None for quality in qualities], dtype=bool)

    def flaw(self, quality: Quality | None) -> str | None:
        """Why a face cannot be judged, as a sentence, or None if it can. No quality means no eyes."""
        if quality is None:
            return "The detector found no eyes in this face, so it cannot be aligned and compared."
        if quality.eye_distance < self.eye_distance:
            return (
                f"This face is too small to judge: its eyes are {quality.eye_distance:.0f} pixels apart, "
                f"{self.eye_distance:.0f} are needed."
            )
        if quality.sharpness < self.sharpness:
            return (
                f"This face is too blurred to judge: its sharpness is {quality.sharpness:.0f}, "
                f"{self.sharpness:.0f} is needed."
            )
        return None


def measure(crop: np.ndarray, landmarks: np.ndarray) -> Quality:
    """Measure a face.

    Args:
        crop: uint8 (112, 112, 3) RGB, aligned.
        landmarks: float (5, 2) or (2, 2), in pixels of the picture of the crop.

    The sharpness is the variance of the Laplacian (Pech-Pacheco et al. 2000,
    https://doi.org/10.1109/ICPR.2000.903548) on the grey crop.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    left, right = aligned_eyes(landmarks)
    distance = float(np.hypot(*(right - left)))
    return Quality(distance, float(cv2.Laplacian(grey, cv2.CV_64F).var()))
