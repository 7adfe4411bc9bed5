"""Calibration of your own gallery: TPIR and FPIR, and threshold shifts that keep the FPIR.

Every anchor is a probe against its person's other anchors (leave-one-out), and an impostor with its person left out of
the gallery. More impostors ship with the network. New photos differ more from the anchors than anchors from each
other, so the TPIR is an upper bound. The FPIR is not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.arrays import FloatArray
from app.enrollment import look_alikes
from app.errors import TrainingError
from app.gallery.snapshot import Snapshot
from app.recognition.decision import FPIRS, Rules, find_matches
from app.training.calibration.thresholds import class_distances, mask_ambiguous


@dataclass(frozen=True)
class GalleryRates:
    """Identification rates of a gallery with the FPIR setting `fpir`.

    `tpir` is the share of anchors that match their own person, `misidentified` that of another person.
    `impostor_fpir` is measured on the shipped impostors, `left_out_fpir` on anchors whose person is left out.
    `shifts` has (FPIR, shift) that keeps the FPIR for both, or None if there are too few faces for this FPIR.
    """

    people: int
    anchors: int
    impostors: int
    fpir: float
    tpir: float
    misidentified: float
    impostor_fpir: float
    left_out_fpir: float
    shifts: tuple[tuple[float, float | None], ...]


def measure(
    snapshot: Snapshot, rules: Rules, impostors: FloatArray, progress: Callable[[], object] = lambda: None
) -> GalleryRates:
    """Measure the identification rates of a gallery, with `impostors`, float32 (faces, dims), of people in no gallery.

    `progress` is called once per person.

    Raises:
        TrainingError: Fewer than two people have two anchors.
    """
    people = np.flatnonzero(snapshot.counts > 1)
    if len(people) < 2:
        raise TrainingError("Calibration needs two people with two anchors each. Add photos: people add NAME PHOTO…")
    parts = []
    for person in people:
        parts.append(look_alikes.class_distances(int(person), snapshot, rules.head))
        progress()
    own = np.repeat(people, [len(part) for part in parts])
    known = np.concatenate(parts)
    left_out = known.copy()
    left_out[np.arange(len(own)), own] = np.inf
    shipped = class_distances(impostors, snapshot, rules.head)
    matches, shipped_matches, left_out_matches = (
        find_matches(distances, snapshot.counts, rules) for distances in (known, shipped, left_out)
    )
    return GalleryRates(
        people=len(snapshot),
        anchors=int(snapshot.counts.sum()),
        impostors=len(impostors),
        fpir=rules.fpir,
        tpir=float((matches == own).mean()),
        misidentified=float(((matches >= 0) & (matches != own)).mean()),
        impostor_fpir=float((shipped_matches >= 0).mean()),
        left_out_fpir=float((left_out_matches >= 0).mean()),
        shifts=tuple((fpir, _choose_shift(fpir, (shipped, left_out), snapshot, rules)) for fpir in FPIRS),
    )


def _choose_shift(fpir: float, kinds: tuple[FloatArray, ...], snapshot: Snapshot, rules: Rules) -> float | None:
    if any(len(distances) * fpir < 1 for distances in kinds):
        return None
    card = rules.for_gallery(fpir, ())
    thresholds = np.array([card.threshold(int(count), len(snapshot)) for count in snapshot.counts])
    shifts = []
    for distances in kinds:
        excess = np.sort((mask_ambiguous(distances, rules.margin) - thresholds).min(axis=1))
        # Just under the first impostor that exceeds the FPIR, rounded down.
        shifts.append(float(np.floor(np.nextafter(excess[int(len(excess) * fpir)], -np.inf) * 1e5) / 1e5))
    return min(shifts)
