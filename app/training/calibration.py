"""Every number that decides, chosen on faces the network was not trained on.

Known people's `calibration` pictures and the `calibration-stranger` people decide; `test` pictures and
`test-stranger` people only measure what came of it (see `evaluation`).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from app import crop, quality
from app.gallery.snapshot import Snapshot
from app.training.tiles import unit_hash
from app.verdict import Head, Rules, rank

ANCHOR_COUNTS = (1, 2, 3, 5, 8, 16, 32)
"""Numbers of anchors a person may have, at which thresholds are chosen; between them they are interpolated."""

STRANGERS_NAMED = 0.006
"""Share of calibration strangers that a threshold may let through. Under the promised 1 %, since other
strangers than those measured are to keep it too."""

SCALES = (2.0, 3.0, 4.0, 6.0, 8.0, 16.0)
"""Slopes of the head that are tried: a steep one turns the mean over a person's anchors into a vote, a flat
one into a mean of distances."""

WRONG_AMONG_CLOSE = 0.35
"""Names whose lead is about the margin may be wrong this often; under it both people are shown."""

STILL_JUDGED = 0.75
"""A face is worth judging while pictures degraded to its level reach this share of the usual top-1."""


def fit_head(distances: np.ndarray, different: np.ndarray) -> Head:
    """Logistic regression of `different` on the distance, both classes weighing the same (Platt 1999).

    Arguments:
        distances: float (pairs,), Euclidean.
        different: bool (pairs,).

    Returns:
        The head whose score of 0.5 is the threshold of a pair.
    """
    labels = different.astype(np.float64)
    weights = np.where(different, 0.5 / different.sum(), 0.5 / (~different).sum())
    design = np.column_stack([distances, np.ones_like(distances)]).astype(np.float64)
    solution = np.zeros(2)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ solution))
        slope = design.T @ (weights * (chance - labels))
        curve = (design * (weights * chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curve, slope)
        solution -= step
        if np.abs(step).max() < 1e-9:
            break
    return Head(float(solution[0]), float(-solution[1] / solution[0]))


def best_scale(shift: float, top1: Callable[[Head], float]) -> Head:
    """The head, of those with this shift, that ranks known people best; a score of 0.5 stays the pair's threshold.

    Arguments:
        shift: the distance at which the score is 0.5.
        top1: measures the closed-set top-1 with a head.
    """
    return max((Head(scale, shift) for scale in SCALES), key=top1)


def pair_distances(embeddings: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of faces: (float (pairs,) distances, bool (pairs,) different)."""
    first, second = np.triu_indices(len(embeddings), 1)
    cosines = (embeddings @ embeddings.T)[first, second]
    return np.sqrt(np.maximum(0, 2 - 2 * cosines)), people[first] != people[second]


def thinned(snapshot: Snapshot, count: int, seed: int = 1) -> Snapshot:
    """The gallery with at most `count` anchors a person, chosen by a hash."""
    keep: list[int] = []
    for name, start, end in zip(snapshot.names, snapshot.offsets[:-1], snapshot.offsets[1:], strict=True):
        rows = sorted(range(start, end), key=lambda row: unit_hash(f"{name}/{row}", seed))[:count]
        keep += sorted(rows)
    counts = np.minimum(snapshot.counts, count)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Snapshot(snapshot.names, snapshot.ids, snapshot.anchors[keep], offsets, snapshot.revision)


def closest(embeddings: np.ndarray, snapshot: Snapshot, head: Head) -> np.ndarray:
    """The smallest class distance of each face: float64 (faces,)."""
    return np.array([rank(one, snapshot, head)[0].class_distance for one in embeddings])


def class_thresholds(strangers: np.ndarray, snapshot: Snapshot, head: Head) -> tuple[tuple[int, float], ...]:
    """The class distance that `STRANGERS_NAMED` of the strangers come under, for each number of anchors.

    Arguments:
        strangers: float32 (faces, dims), of people the gallery does not hold.
        snapshot: the gallery.
        head: from distance to score.

    Returns:
        (anchors, class distance), rising in both: fewer anchors spread more, so they need a lower threshold.
    """
    rows = []
    for count in ANCHOR_COUNTS:
        if count > max(snapshot.counts.max(), 1):
            break
        smallest = np.sort(closest(strangers, thinned(snapshot, count), head))
        rows.append((count, float(smallest[int(len(smallest) * STRANGERS_NAMED)])))
    values = np.minimum.accumulate([value for _, value in rows][::-1])[::-1]
    return tuple((count, float(value)) for (count, _), value in zip(rows, values, strict=True))


def margin(known: np.ndarray, names: np.ndarray, snapshot: Snapshot, rules: Rules) -> float:
    """The least lead over the runner-up at which a name is right often enough.

    Arguments:
        known: float32 (faces, dims), of people in the gallery.
        names: str (faces,), who they are.
        snapshot: the gallery.
        rules: thresholds, to look at accepted faces alone.

    Returns:
        The largest lead up to which `WRONG_AMONG_CLOSE` of the faces with a lead of at most that are named wrongly.
    """
    leads, wrong = [], []
    for embedding, name in zip(known, names, strict=True):
        first, second = rank(embedding, snapshot, rules.head)[:2]
        if first.class_distance <= rules.threshold(first.anchors):
            leads.append(second.class_distance - first.class_distance)
            wrong.append(first.person != name)
    order = np.argsort(leads)
    share = np.cumsum(np.array(wrong)[order]) / np.arange(1, len(order) + 1)
    close = np.flatnonzero(share >= WRONG_AMONG_CLOSE)
    return float(np.array(leads)[order][close[-1]]) if len(close) else 0.0


def shrunk(crops: np.ndarray, eye_distance: float) -> np.ndarray:
    """What crops look like when their face has so few pixels between the eyes: uint8 (n, 112, 112, 3), same out."""
    side = max(4, round(crop.SIZE * eye_distance / np.hypot(*(crop.TEMPLATE[1] - crop.TEMPLATE[0]))))
    small = (cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in crops)
    return np.stack([cv2.resize(one, (crop.SIZE, crop.SIZE), interpolation=cv2.INTER_LINEAR) for one in small])


def blurred(crops: np.ndarray, sigma: float) -> np.ndarray:
    """Crops under a Gaussian blur of `sigma` pixels: uint8 (n, 112, 112, 3), same out."""
    return np.stack([cv2.GaussianBlur(one, (0, 0), sigma) for one in crops])


def typical_sharpness(crops: np.ndarray) -> float:
    """The median sharpness of crops, see `quality`: uint8 (n, 112, 112, 3) -> float."""
    return float(np.median([quality.measure(one, crop.TEMPLATE).sharpness for one in crops]))


def floor(levels: list[float], top1: Callable[[float], float], usual: float) -> float:
    """The hardest level of a degradation that still reaches `STILL_JUDGED` of the usual top-1.

    Arguments:
        levels: from easy to hard.
        top1: measures the closed-set top-1 at a level.
        usual: top-1 without degradation.

    Returns:
        The last level, in the order given, before top-1 falls below.
    """
    reached = levels[0]
    for level in levels:
        if top1(level) < STILL_JUDGED * usual:
            break
        reached = level
    return reached
