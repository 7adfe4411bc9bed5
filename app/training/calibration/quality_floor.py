"""Choice of the quality floor: the smallest, blurriest and most rotated face that the network can identify.

Size and detail are limited where the network no longer recognizes reduced copies of calibration faces. The other
measures are limited at the worst values of ordinary calibration faces, so that a share of `REFUSED` is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from app.arrays import ByteArray, FloatArray, IntArray, TextArray
from app.recognition.inference import to_unit_length
from app.training.data.crops import Pipeline
from app.training.data.labeled_faces import LabeledFaces
from app.vision import alignment
from app.vision.quality import Quality, QualityFloor, measure_quality

REFUSED = 0.005
"""Share of ordinary faces that the floor may refuse."""

STILL_RECOGNIZED = 0.5
"""Share of the usually recognized faces that must still be recognized in reduced copies."""

DETAIL_QUANTILE = 0.25
"""Quantile of the detail of the smallest faces that becomes the floor, so that most of them pass."""

MAX_YAW = 0.9
"""Of 35 celebrity photos with a yaw over 0.8, SFace recognizes 83 %, and 9 % come too close to another person. For
frontal photos it is 98 % and 4 %."""

SAMPLE = 400
EYE_DISTANCES = (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 13.0)
_FPIR = 0.01
_STEPS = 20
_EYE_SPAN = float(np.hypot(*(alignment.EYES[1] - alignment.EYES[0])))


def choose(faces: LabeledFaces, pipeline: Pipeline) -> QualityFloor:
    """Choose the quality floor of a network.

    Raises:
        ValueError: Fewer than two people have two calibration faces.
    """
    positions = faces.positions("calibration")
    qualities = [quality for position in positions if (quality := faces.crops.qualities[position])]
    sample = positions[:: max(1, -(-len(positions) // SAMPLE))]
    recognition = Recognition.fit(faces.identities, faces.embeddings, sample)
    crops = np.asarray(faces.crops.crops[sample])
    rates = []
    for step, eye_distance in enumerate(EYE_DISTANCES, start=1):
        rates.append(recognition.rate(pipeline.network.embed_raw(reduce_faces(crops, eye_distance))))
        pipeline.progress("embedding reduced faces", step, len(EYE_DISTANCES))
    required = STILL_RECOGNIZED * recognition.rate(faces.embeddings[sample])
    smallest = float(np.interp(required, np.maximum.accumulate(rates), EYE_DISTANCES))
    details = [measure_quality(crop, alignment.TEMPLATE).detail for crop in reduce_faces(crops, smallest)]
    return fit(qualities, QualityFloor(smallest, float(np.quantile(details, DETAIL_QUANTILE)), MAX_YAW))


def fit(qualities: Sequence[Quality], strictest: QualityFloor) -> QualityFloor:
    """Return the strictest floor that refuses at most `REFUSED` of ordinary faces, by bisection.

    All measures except the yaw are limited at the same quantile. Eye distance and detail stay below `strictest`.
    """
    low, high = 0.0, REFUSED
    for _ in range(_STEPS):
        share = (low + high) / 2
        accepted = _floor_at(qualities, strictest, share).accepts(qualities).mean()
        low, high = (share, high) if accepted >= 1 - REFUSED else (low, share)
    return _floor_at(qualities, strictest, low)


def _floor_at(qualities: Sequence[Quality], strictest: QualityFloor, share: float) -> QualityFloor:
    measures = ("eye_distance", "detail", "close_confidence", "norm")
    worst = {name: float(np.quantile([getattr(quality, name) for quality in qualities], share)) for name in measures}
    for name in ("eye_distance", "detail"):
        worst[name] = min(worst[name], getattr(strictest, name))
    return replace(strictest, **worst)


def reduce_faces(crops: ByteArray, eye_distance: float) -> ByteArray:
    """Return crops, uint8 (n, 112, 112, 3), with the detail of faces whose eyes are `eye_distance` pixels apart."""
    side = max(1, round(alignment.SIZE * eye_distance / _EYE_SPAN))
    small = (cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA) for crop in crops)
    return np.stack(
        [cv2.resize(crop, (alignment.SIZE, alignment.SIZE), interpolation=cv2.INTER_LINEAR) for crop in small]
    )


@dataclass(frozen=True, eq=False)
class Recognition:
    """Open-set identification of calibration faces, each by the template of its person's other faces.

    `threshold` is the cosine that 1 % of the faces reach with the template of another person.
    """

    templates: FloatArray
    threshold: float

    @classmethod
    def fit(cls, identities: TextArray, embeddings: FloatArray, positions: IntArray) -> Recognition:
        """Build templates of all faces, and choose the threshold on those at `positions`.

        Raises:
            ValueError: Fewer than two people have two faces.
        """
        people, owners = np.unique(identities, return_inverse=True)
        sums = np.zeros((len(people), embeddings.shape[1]), dtype=np.float32)
        np.add.at(sums, owners, embeddings)
        probes, owners = embeddings[positions], owners[positions]
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
