"""Choice of the quality floor: the smallest, blurriest and most rotate_picture face that the network can identify.

Size and detail are limited where the network no longer recognizes reduced copies of calibration faces. The other
measures are limited at the worst values of ordinary calibration faces, so that a share of `REFUSED` is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from app.arrays import ByteArray, FloatArray, IntArray
from app.recognition.inference import to_unit_length
from app.training.data.crops import Crops
from app.training.data.labeled_faces import Progress, no_progress
from app.vision import alignment
from app.vision.quality import Quality, QualityFloor, measure_quality

REFUSED = 0.005
"""Share of ordinary faces that the floor may refuse."""

STILL_RECOGNIZED = 0.5
"""Share of the usually recognized faces that must still be recognized in reduced copies."""

EYE_DISTANCES = (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 13.0)
"""Eye distances of the reduced copies in pixels."""

DETAIL_QUANTILE = 0.25
"""Quantile of the detail of the smallest faces that becomes the floor, so that most of them pass."""

SAMPLE = 400

MAX_YAW = 0.9
"""Of 35 celebrity photos with a yaw over 0.8, SFace recognizes 83 %, and 9 % come too close to another person. For
frontal photos it is 98 % and 4 %."""

_FPIR = 0.01
_STEPS = 20
_EYE_SPAN = float(np.hypot(*(alignment.EYES[1] - alignment.EYES[0])))

Embed = Callable[[ByteArray], FloatArray]
"""Embeds crops: uint8 (faces, 112, 112, 3) RGB to float32 (faces, dims), not scaled to unit length."""


def choose(
    crops: Crops, embeddings: FloatArray, positions: IntArray, embed: Embed, progress: Progress = no_progress
) -> QualityFloor:
    """Choose the quality floor of a network.

    Args:
        crops: Face crops, with one folder per person.
        embeddings: float32 (files, dims) of all `crops`, zeros where the detector missed the face.
        positions: Positions in `crops` of the calibration faces, all detected, of at least two people.
        embed: Network.
        progress: Called with the progress.

    Raises:
        ValueError: Fewer than two people have two faces.
    """
    vectors = embed(np.asarray(crops.crops[positions]))
    ordinary = _qualities(crops, positions, vectors)
    sample = np.arange(len(positions))[:: max(1, -(-len(positions) // SAMPLE))]
    recognition = Recognition.fit(crops.files, embeddings, positions[sample])
    faces = np.asarray(crops.crops[positions[sample]])
    required = STILL_RECOGNIZED * recognition.rate(vectors[sample])
    rates = []
    for step, eye_distance in enumerate(EYE_DISTANCES, start=1):
        rates.append(recognition.rate(embed(reduce_faces(faces, eye_distance))))
        progress("embedding reduced faces", step, len(EYE_DISTANCES))
    smallest = float(np.interp(required, np.maximum.accumulate(rates), EYE_DISTANCES))
    details = [measure_quality(face, alignment.TEMPLATE).detail for face in reduce_faces(faces, smallest)]
    return fit(ordinary, QualityFloor(smallest, float(np.quantile(details, DETAIL_QUANTILE)), MAX_YAW))


def fit(qualities: list[Quality], strictest: QualityFloor) -> QualityFloor:
    """Return the strictest floor that refuses at most `REFUSED` of ordinary faces.

    All measures except the yaw are limited at the same quantile, found by bisection.

    Args:
        qualities: Qualities of ordinary faces.
        strictest: Strictest allowed eye distance and detail, and the limit of the yaw.
    """
    low, high = 0.0, REFUSED
    for _ in range(_STEPS):
        share = (low + high) / 2
        accepted = _floor_at(qualities, strictest, share).accepts(qualities).mean()
        low, high = (share, high) if accepted >= 1 - REFUSED else (low, share)
    return _floor_at(qualities, strictest, low)


def reduce_faces(faces: ByteArray, eye_distance: float) -> ByteArray:
    """Return crops, uint8 (n, 112, 112, 3), with the detail of faces whose eyes are `eye_distance` pixels apart."""
    side = max(1, round(alignment.SIZE * eye_distance / _EYE_SPAN))
    small = (cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA) for face in faces)
    return np.stack(
        [cv2.resize(face, (alignment.SIZE, alignment.SIZE), interpolation=cv2.INTER_LINEAR) for face in small]
    )


@dataclass(frozen=True, eq=False)
class Recognition:
    """Open-set identification of calibration faces.

    `templates`, float32 (faces, dims), has for each face the template of its person's other faces. `threshold` is the
    cosine that 1 % of the faces reach with the template of another person.
    """

    templates: FloatArray
    threshold: float

    @classmethod
    def fit(cls, files: Sequence[str], embeddings: FloatArray, positions: IntArray) -> Recognition:
        """Build templates and choose the threshold; arguments as for `choose`.

        Raises:
            ValueError: Fewer than two people have two faces.
        """
        units = to_unit_length(embeddings)
        people, owners = np.unique([file.rpartition("/")[0] for file in files], return_inverse=True)
        sums = np.zeros((len(people), units.shape[1]), dtype=np.float32)
        np.add.at(sums, owners, units)
        probes, owners = units[positions], owners[positions]
        templates = to_unit_length(sums[owners] - probes)
        if len(np.unique(owners[templates.any(axis=1)])) < 2:
            raise ValueError("Fewer than two people have two faces. Add more faces per person.")
        calibrated = np.unique(owners)
        cosines = probes @ to_unit_length(sums[calibrated]).T
        cosines[calibrated[None] == owners[:, None]] = -1
        return cls(templates, float(np.quantile(cosines.max(axis=1), 1 - _FPIR)))

    def rate(self, embeddings: FloatArray) -> float:
        """Return the share of faces whose embedding, float32 (faces, dims), reaches the threshold of its person."""
        return float(((to_unit_length(embeddings) * self.templates).sum(axis=1) >= self.threshold).mean())


def _qualities(crops: Crops, positions: IntArray, vectors: FloatArray) -> list[Quality]:
    norms = np.linalg.norm(vectors, axis=1).tolist()
    return [
        measure_quality(np.asarray(crops.crops[position]), face.landmarks, face.close_confidence, norm)
        for position, norm in zip(positions, norms, strict=True)
        if (face := crops.face(position)) is not None and face.landmarks is not None
    ]


def _floor_at(qualities: list[Quality], strictest: QualityFloor, share: float) -> QualityFloor:
    def worst(name: str) -> float:
        return float(np.quantile([getattr(quality, name) for quality in qualities], share))

    return replace(
        strictest,
        eye_distance=min(strictest.eye_distance, worst("eye_distance")),
        detail=min(strictest.detail, worst("detail")),
        close_confidence=worst("close_confidence"),
        norm=worst("norm"),
    )
