"""Calibration of a gallery on its own people: identification rates, and thresholds that keep a promised FPIR.

Every anchor is a probe against its person's other anchors (leave-one-out), and an impostor once its person is taken out
of the gallery. The other impostors are those that ship with the network. Anchors are typical photos, so new photos of
the same people are further from them: the TPIR is an upper bound, the FPIR is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.enrollment import look_alikes
from app.errors import TrainingError
from app.gallery.snapshot import Snapshot
from app.recognition.decision import FPIRS, Rules, find_matches
from app.training.calibration import thresholds
from app.training.evaluation.reliability import class_distances


@dataclass(frozen=True)
class GalleryRates:
    """How a gallery does with the rules in use.

    `named` and `misnamed` are shares of the anchors that get their own name, or another one; `impostors_named` and
    `left_out_named` are the FPIR of the two kinds of impostors. `shifts` holds (FPIR, shift) that would make the
    thresholds keep each FPIR on both kinds in this gallery, None where it has too few faces to tell.
    """

    people: int
    anchors: int
    impostors: int
    fpir: float
    named: float
    misnamed: float
    impostors_named: float
    left_out_named: float
    shifts: tuple[tuple[float, float | None], ...]


def measure(
    snapshot: Snapshot, rules: Rules, impostors: np.ndarray, tick: Callable[[], object] = lambda: None
) -> GalleryRates:
    """Measure a gallery.

    Args:
        snapshot: the gallery.
        rules: those in use.
        impostors: float32 (faces, dims), of people in no gallery.
        tick: called once per person.

    Raises:
        TrainingError: fewer than two people have two anchors.
    """
    several = [place for place in range(len(snapshot)) if snapshot.counts[place] > 1]
    if len(several) < 2:
        raise TrainingError("Calibration needs two people with two anchors each. Add photos: people add NAME PHOTO…")
    parts = []
    for place in several:
        parts.append(look_alikes.class_distances(place, snapshot, rules.head))
        tick()
    own = np.repeat(several, [len(part) for part in parts])
    known = np.concatenate(parts)
    left_out = known.copy()
    left_out[np.arange(len(own)), own] = np.inf
    others = class_distances(impostors, snapshot, rules.head)
    names, counts = find_matches(known, snapshot.counts, rules), snapshot.counts
    return GalleryRates(
        len(snapshot),
        int(snapshot.counts.sum()),
        len(impostors),
        rules.fpir,
        float((names == own).mean()),
        float(((names >= 0) & (names != own)).mean()),
        float((find_matches(others, counts, rules) >= 0).mean()),
        float((find_matches(left_out, counts, rules) >= 0).mean()),
        tuple((fpir, _shift(fpir, (others, left_out), snapshot, rules)) for fpir in FPIRS),
    )


def _shift(fpir: float, kinds: tuple[np.ndarray, ...], snapshot: Snapshot, rules: Rules) -> float | None:
    """The largest shift of the card's thresholds that keeps an FPIR on every kind of impostors."""
    if any(len(distances) * fpir < 1 for distances in kinds):
        return None
    card = rules.for_gallery(fpir, ())
    limits = np.array([card.threshold(int(count), len(snapshot)) for count in snapshot.counts])
    found = []
    for distances in kinds:
        certain = thresholds.clear(distances, rules.margin)
        excess = np.sort((certain - limits).min(axis=1))
        # Just under the first impostor who may not be named any more: rounded down, never up.
        found.append(float(np.floor(np.nextafter(excess[int(len(excess) * fpir)], -np.inf) * 1e5) / 1e5))
    return min(found)
