"""Choice of the quality floor: which faces are too small, blurred, turned or unclear for the network to identify.

Size and detail are limited where the network stops recognizing reduced copies of calibration faces. The other measures
are limited at the worst values of ordinary calibration faces, of which `REFUSED` are refused in all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from app.recognition.inference import to_unit_length
from app.training.data.crops import Crops
from app.vision import alignment
from app.vision.quality import Quality, QualityFloor, measure_quality

REFUSED = 0.005
"""Share of ordinary faces that the floor may refuse."""

STILL_RECOGNIZED = 0.5
"""Share of the usually recognized faces that must still be recognized in reduced copies."""

EYE_DISTANCES = (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 13.0)
"""Eye distances of the reduced copies in pixels, in rising order."""

LOWER_QUARTILE = 0.25
"""Quantile of the detail of faces of the smallest size that is the floor: most faces of that size must pass."""

SAMPLE = 400
"""About as many calibration faces are reduced and embedded again."""

PROFILE_YAW = 0.9
"""The largest yaw of a face. Of 35 celebrity photos over 0.8, SFace recognizes 83 %, and 9 % come too close to another
person; from the front 98 % and 4 % do."""

_FPIR = 0.01
_STEPS = 20
_EYE_SPAN = float(np.hypot(*(alignment.EYES[1] - alignment.EYES[0])))

Embed = Callable[[np.ndarray], np.ndarray]
"""Embeds crops: uint8 (faces, 112, 112, 3) RGB to float32 (faces, dims), before it scales them to unit length."""

Tick = Callable[[str, int, int], object]
"""Called with what is done, how much of it is done, and of how much."""


def choose(
    crops: Crops,
    embeddings: np.ndarray,
    places: np.ndarray,
    embed: Embed,
    tick: Tick = lambda what, done, total: None,
) -> QualityFloor:
    """Choose the quality floor of a network.

    Args:
        crops: face crops whose files are in one folder for each person.
        embeddings: float32 (files, dims), those of all `crops`, zeros where the detector missed the face.
        places: positions in `crops` of the calibration faces, of at least two people; the detector has found them.
        embed: the network.
        tick: called with the progress.

    Raises:
        ValueError: there are fewer than two people with two faces.
    """
    clear = embed(np.asarray(crops.crops[places]))
    ordinary = _qualities(crops, places, clear)
    sample = np.arange(len(places))[:: max(1, -(-len(places) // SAMPLE))]
    recognition = Recognition.fit(crops.files, embeddings, places[sample])
    faces = np.asarray(crops.crops[places[sample]])
    needed = STILL_RECOGNIZED * recognition.rate(clear[sample])
    rates = []
    for step, eye_distance in enumerate(EYE_DISTANCES):
        tick("judging small and blurred faces", step, len(EYE_DISTANCES))
        rates.append(recognition.rate(embed(reduce(faces, eye_distance))))
    tick("judging small and blurred faces", len(EYE_DISTANCES), len(EYE_DISTANCES))
    smallest = float(np.interp(needed, np.maximum.accumulate(rates), EYE_DISTANCES))
    details = [measure_quality(face, alignment.TEMPLATE).detail for face in reduce(faces, smallest)]
    detail = float(np.quantile(details, LOWER_QUARTILE))
    return fit(ordinary, QualityFloor(smallest, detail, PROFILE_YAW))


def fit(qualities: list[Quality], most: QualityFloor) -> QualityFloor:
    """Return the strictest floor that refuses at most `REFUSED` of ordinary faces.

    Every measure but the yaw is limited at the same quantile.

    Args:
        qualities: of ordinary faces.
        most: the strictest allowed limits of eye distance and detail, and the limit of the yaw; its other limits are
            ignored.
    """
    low, high = 0.0, REFUSED
    for _ in range(_STEPS):
        share = (low + high) / 2
        accepted = _floor(qualities, most, share).accepts(qualities).mean()
        low, high = (share, high) if accepted >= 1 - REFUSED else (low, share)
    return _floor(qualities, most, low)


def reduce(faces: np.ndarray, eye_distance: float) -> np.ndarray:
    """Return crops with the detail of faces whose eyes are `eye_distance` pixels apart.

    Args:
        faces: uint8 (n, 112, 112, 3).
        eye_distance: in pixels.

    Returns:
        uint8 (n, 112, 112, 3).
    """
    side = max(1, round(alignment.SIZE * eye_distance / _EYE_SPAN))
    small = (cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA) for face in faces)
    return np.stack(
        [cv2.resize(face, (alignment.SIZE, alignment.SIZE), interpolation=cv2.INTER_LINEAR) for face in small]
    )


@dataclass(frozen=True, eq=False)
class Recognition:
    """Open-set identification of calibration faces.

    `own` is float32 (faces, dims): for each face the template of its person, made of the person's other faces.
    `threshold` is the cosine that 1 % of the faces reach with the template of another person.
    """

    own: np.ndarray
    threshold: float

    @classmethod
    def fit(cls, files: Sequence[str], embeddings: np.ndarray, places: np.ndarray) -> Recognition:
        """Make templates and choose the threshold.

        Args:
            files: (faces,), one folder for each person.
            embeddings: float32 (faces, dims), zeros where the detector missed the face.
            places: positions of the calibration faces.

        Raises:
            ValueError: there are fewer than two people with two faces.
        """
        units = to_unit_length(embeddings)
        people, owner = np.unique([file.rpartition("/")[0] for file in files], return_inverse=True)
        sums = np.zeros((len(people), units.shape[1]), dtype=np.float32)
        np.add.at(sums, owner, units)
        probes, owner = units[places], owner[places]
        own = to_unit_length(sums[owner] - probes)
        if len(np.unique(owner[own.any(axis=1)])) < 2:
            raise ValueError("Fewer than two people have two faces. Give more faces of each person.")
        calibration_people = np.unique(owner)
        cosines = probes @ to_unit_length(sums[calibration_people]).T
        cosines[calibration_people[None] == owner[:, None]] = -1
        return cls(own, float(np.quantile(cosines.max(axis=1), 1 - _FPIR)))

    def rate(self, embeddings: np.ndarray) -> float:
        """Return the share of faces whose embedding, float32 (faces, dims), reaches the threshold of their person."""
        return float(((to_unit_length(embeddings) * self.own).sum(axis=1) >= self.threshold).mean())


def _qualities(crops: Crops, places: np.ndarray, embeddings: np.ndarray) -> list[Quality]:
    norms = np.linalg.norm(embeddings, axis=1).tolist()
    return [
        measure_quality(np.asarray(crops.crops[place]), detection.landmarks, detection.close_confidence, norm)
        for place, norm in zip(places, norms, strict=True)
        if (detection := crops.face(place)) is not None
    ]


def _floor(qualities: list[Quality], most: QualityFloor, share: float) -> QualityFloor:
    def worst(name: str, quantile: float) -> float:
        return float(np.quantile([getattr(quality, name) for quality in qualities], quantile))

    return replace(
        most,
        eye_distance=min(most.eye_distance, worst("eye_distance", share)),
        detail=min(most.detail, worst("detail", share)),
        close_confidence=worst("close_confidence", share),
        norm=worst("norm", share),
    )
