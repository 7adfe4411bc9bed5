"""Every number that decides, chosen on faces the network was not trained on.

Known people's `calibration` pictures and the `calibration-stranger` people decide; `test` pictures and
`test-stranger` people only measure what came of it (see `evaluation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from app import crop, quality
from app.gallery.snapshot import Snapshot
from app.training.reliability import class_distances
from app.training.tiles import unit_hash
from app.verdict import Head

ANCHOR_COUNTS = (1, 2, 3, 5, 8, 16, 32)
"""Numbers of anchors a person may have, at which thresholds are chosen; between them they are interpolated."""

GALLERY_SIZES = (1, 4, 16, 64, 200)
"""Numbers of people in a gallery, at which thresholds are chosen besides the whole."""

FALSE_ACCEPTS = (0.01, 0.001, 0.0001)
"""Shares of pairs of different people taken for one, for which the card gives the score."""

STRANGERS_NAMED = 0.006
"""Share of calibration strangers that may be named. Under the promised 1 %, since other strangers than those
measured are to keep it too."""

SCALES = (2.0, 3.0, 4.0, 6.0, 8.0, 16.0)
"""Slopes of the head that are tried: a steep one turns the mean over a person's anchors into a vote, a flat
one into a mean of distances."""

MARGINS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06)
"""Leads over the runner-up that are tried. Saving a photo anew moves one by nearly as much
(`bench.resaved`), so that a smaller one says nothing about who it is."""

DOUBTFUL = 1 / 3
"""Share of wrong names from which on a lead says too little: both people are shown instead."""

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


def strangers_named(distances: np.ndarray, weights: np.ndarray, limit: float, people: int) -> float:
    """How many strangers somebody of a gallery of `people` is nearer to than `limit`, on average over all galleries
    of that size that can be drawn from everyone: with k of n nearer, all but C(n - k, people) / C(n, people) of them.

    Arguments:
        distances: float (strangers, n), class distances to everyone.
        weights: float (strangers,), adding up to 1.
        limit: the class distance.
        people: at most n.
    """
    everyone = distances.shape[1]
    near = (distances < limit).sum(axis=1)
    # log C(n - k, m) - log C(n, m) for every k at once; none is left where fewer than m are not near.
    steps = np.arange(everyone)
    with np.errstate(divide="ignore"):
        factors = np.log(np.maximum(everyone - people - steps, 0)) - np.log(everyone - steps)
    spared = np.exp(np.concatenate([[0.0], np.cumsum(factors)]))
    return float(weights @ (1 - spared[near]))


def class_threshold(distances: np.ndarray, weights: np.ndarray, people: int, rate: float = STRANGERS_NAMED) -> float:
    """The largest class distance at which `strangers_named` stays under `rate`, to a hundred-thousandth."""
    low, high = 0.0, 1.0
    while high - low > 1e-5:
        middle = (low + high) / 2
        if strangers_named(distances, weights, middle, people) <= rate:
            low = middle
        else:
            high = middle
    return low


@dataclass(frozen=True, eq=False)
class Strangers:
    """Faces that a gallery must not name, in two groups that weigh the same.

    `faces` is float32 (faces, dims), of people the gallery does not hold; `left_out` is float32 (others, dims), of
    people whom it does hold, `names` says who they are: in a gallery without that person they are strangers too, and
    harder ones, since most galleries hold people of one kind.
    """

    faces: np.ndarray
    left_out: np.ndarray
    names: np.ndarray

    def distances(self, snapshot: Snapshot, head: Head) -> np.ndarray:
        """Class distances to everyone but themselves: float64 (faces + others, people)."""
        others = class_distances(self.left_out, snapshot, head)
        others[self.names[:, None] == np.array(snapshot.names)[None]] = np.inf
        return np.concatenate([class_distances(self.faces, snapshot, head), others])

    @property
    def weights(self) -> np.ndarray:
        """What each face weighs, both groups one half: float64 (faces + others,)."""
        groups = [len(group) for group in (self.faces, self.left_out)]
        share = 1 / sum(size > 0 for size in groups)
        return np.concatenate([np.full(size, share / max(1, size)) for size in groups])


def leads(distances: np.ndarray) -> np.ndarray:
    """How far the runner-up is behind the closest: float (faces, people) -> (faces,); infinite without one."""
    if distances.shape[1] < 2:
        return np.full(len(distances), np.inf)
    first, second = np.partition(distances, 1, axis=1)[:, :2].T
    return second - first


def best_margin(known: np.ndarray, names: np.ndarray, strangers: Strangers, snapshot: Snapshot, head: Head) -> float:
    """The margin under which a face is *unclear*: the one that lets most known faces be named, `doubtful` ones not.

    Strangers come near two people at once more often than known faces do, so a margin keeps them away, and the
    threshold may be higher; but a large one also silences known faces.

    Arguments:
        known: float32 (faces, dims), of people in the gallery.
        names: str (faces,), who they are.
        strangers: whom `STRANGERS_NAMED` of may be named.
        snapshot: the gallery.
        head: from distance to score.
    """
    distances, others = class_distances(known, snapshot, head), strangers.distances(snapshot, head)
    right = np.array(snapshot.names)[distances.argmin(axis=1)] == names

    def near(margin: float) -> np.ndarray:
        return distances.min(axis=1) <= class_threshold(clear(others, margin), strangers.weights, len(snapshot))

    best = max(MARGINS, key=lambda margin: (right & near(margin) & (leads(distances) >= margin)).mean())
    named = near(best)
    return max(best, doubtful(leads(distances)[named], right[named]))


def doubtful(leads: np.ndarray, right: np.ndarray) -> float:
    """The largest lead such that `DOUBTFUL` or more of the names with a smaller one are wrong.

    Arguments:
        leads: float (faces,), of known faces that are named.
        right: bool (faces,), whether by their own name.

    Returns:
        0 where even the smallest leads name nearly always rightly.
    """
    order = np.argsort(leads, kind="stable")
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    last = np.flatnonzero(wrong >= DOUBTFUL)
    return float(np.nextafter(leads[order[last[-1]]], np.inf)) if len(last) else 0.0


def clear(distances: np.ndarray, margin: float) -> np.ndarray:
    """Distances, infinite for faces that a margin makes unclear: float (faces, people), same out."""
    return np.where((leads(distances) >= margin)[:, None], distances, np.inf)


def class_thresholds(
    strangers: Strangers, snapshot: Snapshot, head: Head, margin: float
) -> tuple[tuple[int, tuple[tuple[int, float], ...]], ...]:
    """The class distance that `STRANGERS_NAMED` of the strangers are named under, for numbers of people and anchors.

    Arguments:
        strangers: whom the gallery must not name.
        snapshot: the gallery.
        head: from distance to score.
        margin: under which a face is unclear; it is counted for the whole gallery, not for parts of it.

    Returns:
        (people, ((anchors, class distance), ...)), in rising number of people. Distances rise in the anchors, since
        fewer spread more, and fall in the people, of whom more come near.
    """
    counts = [count for count in ANCHOR_COUNTS if count <= max(snapshot.counts.max(), 1)]
    sizes = [*(size for size in GALLERY_SIZES if size < len(snapshot)), len(snapshot)]
    table = np.zeros((len(sizes), len(counts)))
    for column, count in enumerate(counts):
        distances = strangers.distances(thinned(snapshot, count), head)
        for row, size in enumerate(sizes):
            known = clear(distances, margin) if size == len(snapshot) else distances
            table[row, column] = class_threshold(known, strangers.weights, size)
    table = np.minimum.accumulate(table[:, ::-1], axis=1)[:, ::-1]
    table = np.maximum.accumulate(table[::-1], axis=0)[::-1]
    return tuple(
        (size, tuple((count, float(value)) for count, value in zip(counts, row, strict=True)))
        for size, row in zip(sizes, table, strict=True)
    )


def false_accepts(distances: np.ndarray, different: np.ndarray, head: Head) -> tuple[tuple[float, float], ...]:
    """Scores that `FALSE_ACCEPTS` of the pairs of different people come under: (share, score) each."""
    others = np.sort(distances[different])
    return tuple((share, float(head.score(others[int(len(others) * share)]))) for share in FALSE_ACCEPTS)


def shrunk(crops: np.ndarray, eye_distance: float) -> np.ndarray:
    """What crops look like when their face has so few pixels between the eyes: uint8 (n, 112, 112, 3), same out."""
    side = max(4, round(crop.SIZE * eye_distance / np.hypot(*(crop.EYES[1] - crop.EYES[0]))))
    small = (cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in crops)
    return np.stack([cv2.resize(one, (crop.SIZE, crop.SIZE), interpolation=cv2.INTER_LINEAR) for one in small])


def blurred(crops: np.ndarray, sigma: float) -> np.ndarray:
    """Crops under a Gaussian blur of `sigma` pixels: uint8 (n, 112, 112, 3), same out."""
    return np.stack([cv2.GaussianBlur(one, (0, 0), sigma) for one in crops])


def typical_sharpness(crops: np.ndarray) -> float:
    """The median sharpness of crops, see `quality`: uint8 (n, 112, 112, 3) -> float."""
    return float(np.median([quality.measure(one, crop.EYES).sharpness for one in crops]))


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
