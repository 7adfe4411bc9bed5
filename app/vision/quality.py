"""Face quality: decide whether a detected face is clear enough to be identified.

The network embeds every crop, including pixelated, covered and empty ones, and the embedding may be close to a person
of the gallery. Faces under the `QualityFloor` of the model card get the verdict low quality instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import cv2
import numpy as np

from app.arrays import AnyArray, BoolArray, ByteArray, FloatArray
from app.vision.alignment import measure_eye_distance

# Detail is measured between forehead, chin and cheeks of a crop, in bands between two Gaussian blurs, in pixels.
_FACE_ROWS, _FACE_COLUMNS = slice(24, 104), slice(20, 92)
_FINE_SIGMAS, _COARSE_SIGMAS = (1.0, 2.0), (2.8, 5.6)

# In gray levels: less than an 8-bit picture can show, but more than rounding errors.
_NO_CONTRAST = 0.01


@dataclass(frozen=True)
class Quality:
    """Measures of one face. The defaults mean that a measure is not available; the floor then ignores it.

    `detail` is the contrast of fine divided by that of coarse structures of the crop. Blurring and enlarging lower it.
    `yaw` is the distance of the nose tip from the middle of the eyes along the eye line, in eye distances: about 0 from
    the front, 0.5 with the nose below an eye, 1 and more from the side. Networks trained with softmax losses give short
    embeddings to what they cannot recognize (Meng et al. 2021, https://arxiv.org/abs/2103.06627).
    """

    eye_distance: float  # in pixels of the picture
    detail: float
    yaw: float = 0.0
    close_confidence: float = 1.0  # of the detector in an enlarged view of the face
    norm: float = math.inf  # length of the raw embedding


@dataclass(frozen=True)
class QualityFloor:
    """Limits for `Quality`: a maximum for `yaw`, minima for the others. The defaults accept every face."""

    eye_distance: float = 0.0
    detail: float = 0.0
    yaw: float = math.inf
    close_confidence: float = 0.0
    norm: float = 0.0

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> QualityFloor:
        """Read the "quality" object of a model card; a KeyError or ValueError says that a limit is invalid."""
        return cls(**{field.name: float(values[field.name]) for field in fields(cls)})

    def to_dict(self) -> dict[str, float]:
        """Return the "quality" object of a model card, rounded so that no limit becomes stricter."""
        minima = {name: math.floor(value * 1000) / 1000 for name, value in asdict(self).items() if name != "yaw"}
        return minima | {"yaw": math.ceil(self.yaw * 1000) / 1000}

    def accepts(self, qualities: Sequence[Quality | None]) -> BoolArray:
        """Return which faces reach the limits: bool (faces,)."""
        return np.array([self.flaw(quality) is None for quality in qualities], dtype=bool)

    def flaw(self, quality: Quality | None) -> str | None:  # noqa: PLR0911
        """Return a sentence that says why the quality (None without eyes) is too low, or None if it is sufficient."""
        if quality is None:
            return "The detector found no eyes in this face, so it cannot be compared."
        if quality.eye_distance < self.eye_distance:
            return (
                f"This face is too small: its eyes are {quality.eye_distance:.1f} pixels apart. "
                f"The minimum is {self.eye_distance:.1f}. Use a larger photo."
            )
        if quality.yaw > self.yaw:
            return "This face is seen from the side. Use a photo from the front."
        if quality.detail < self.detail:
            return "This face is blurred or enlarged: it has less detail than its size suggests. Use a sharper photo."
        if quality.close_confidence == 0 < self.close_confidence:
            return "This is probably not a face: the detector finds none in an enlarged view."
        if quality.close_confidence < self.close_confidence or quality.norm < self.norm:
            return "This face is not clear enough: it is pixelated, mostly covered, or not a face."
        return None


def measure_quality(
    crop: ByteArray, landmarks: AnyArray, close_confidence: float | None = None, norm: float | None = None
) -> Quality:
    """Measure the quality of a face, whose landmarks are in pixels of the picture that `crop` is from."""
    return Quality(
        eye_distance=measure_eye_distance(landmarks),
        detail=_detail(crop),
        yaw=_yaw(landmarks),
        close_confidence=1.0 if close_confidence is None else close_confidence,
        norm=math.inf if norm is None else norm,
    )


def _detail(crop: ByteArray) -> float:
    gray = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.float32)
    fine, coarse = _band(gray, _FINE_SIGMAS), _band(gray, _COARSE_SIGMAS)
    return fine / coarse if coarse > _NO_CONTRAST else 0.0


def _band(gray: FloatArray, sigmas: tuple[float, float]) -> float:
    """Return the contrast of a face between two blurs: the root mean square of a difference of Gaussians."""
    sharp, soft = (cv2.GaussianBlur(gray, (0, 0), sigma)[_FACE_ROWS, _FACE_COLUMNS] for sigma in sigmas)
    return float(np.sqrt(np.square(sharp - soft).mean()))


def _yaw(landmarks: AnyArray) -> float:
    if len(landmarks) < 3:
        return 0.0
    left, right, nose = np.asarray(landmarks, dtype=np.float64)[:3]
    line = right - left
    return float(abs((nose - (left + right) / 2) @ line) / max(line @ line, 1e-12))
