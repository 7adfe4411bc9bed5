"""Calibration: the score, the thresholds and the margin, chosen on identities not seen in training.

Rates are those of ISO/IEC 19795-1. Three kinds of impostors are kept apart, and a threshold keeps its FPIR on the
hardest of them. `measuring` reports, on other faces, what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.gallery.snapshot import Snapshot
from app.recognition.decision import FPIRS, LOOK_ALIKE_FPIR, PairRules, ThresholdTable, margins_to_runner_up
from app.recognition.scoring import Head
from app.training.data.splits import unit_hash
from app.training.evaluation.reliability import class_distances

ANCHOR_COUNTS = (1, 2, 3, 5, 10, 32, 64)
"""Numbers of anchors of a person at which thresholds are chosen. Between them they are interpolated."""

GALLERY_SIZES = (1, 4, 16, 64, 200)
"""Numbers of people in a gallery at which thresholds are chosen, besides the whole."""

FALSE_MATCH_RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Shares of pairs of different people for which the card has the score they stay under."""

FALSE_NON_MATCHES = 0.02
"""Share of pairs of the same person that "different people" may be said of."""

SCALE = 5.0
"""Slope of the score. It orders nothing and decides nothing; with this one distances fill the range from 0 to 1."""

MARGINS = (0.01, 0.02, 0.03, 0.04, 0.06)
"""Leads over the runner-up that are tried. Saving a photo again moves a lead by nearly the smallest
(`bench.resaved`)."""

DOUBTFUL = 1 / 3
"""Share of wrong names from which on a lead is too small: both people are shown instead."""

_CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Impostors:
    """Faces of people who are not in the gallery.

    `embeddings` is float32 (faces, dims). `names` is None, or str (faces,): gallery people who are taken out of the
    gallery for their own faces.
    """

    embeddings: np.ndarray
    names: np.ndarray | None = None

    def distances(self, snapshot: Snapshot, head: Head) -> np.ndarray:
        """Return class distances to everyone but themselves: float32 (faces, people)."""
        found = class_distances(self.embeddings, snapshot, head)
        if self.names is not None:
            found[self.names[:, None] == np.array(snapshot.names)[None]] = np.inf
        return found


Kinds = Mapping[str, Impostors]
"""Impostors by their kind, such as ordinary people or look-alikes."""


def fit_shift(embeddings: np.ndarray, people: np.ndarray) -> float:
    """Return the distance that tells pairs of one person from pairs of two with equal error rates.

    Args:
        embeddings: float32 (faces, dims) of unit length.
        people: (faces,), who each shows.
    """
    same, different = pair_distances(embeddings, people)
    limits = np.linspace(0, 2, 2001)
    misses = 1 - np.searchsorted(np.sort(same), limits, side="right") / len(same)
    accepts = np.searchsorted(np.sort(different), limits, side="right") / len(different)
    return float(limits[np.abs(misses - accepts).argmin()])


def pair_distances(embeddings: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Euclidean distances of all pairs of one person, and of all pairs of two, float32 each.

    Args:
        embeddings: float32 (faces, dims) of unit length.
        people: (faces,), who each shows.
    """
    _, people = np.unique(people, return_inverse=True)
    same, different = [], []
    for start in range(0, len(embeddings), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(embeddings)))
        cosines = embeddings[rows] @ embeddings.T
        alike = people[rows][:, None] == people[None]
        later = np.arange(len(embeddings))[None] > rows[:, None]
        for found, wanted in ((same, alike & later), (different, ~alike & later)):
            found.append(np.sqrt(np.maximum(0, 2 - 2 * cosines[wanted])))
    return np.concatenate(same), np.concatenate(different)


def pair_rules(embeddings: np.ndarray, people: np.ndarray, head: Head) -> PairRules:
    """Choose the thresholds for comparing two photos.

    Args:
        embeddings: float32 (faces, dims) of unit length.
        people: (faces,), who each shows.
        head: from distance to score.
    """
    same, different = pair_distances(embeddings, people)
    different.partition([int(len(different) * rate) for rate in FALSE_MATCH_RATES])
    rates = [(rate, float(head.score(different[int(len(different) * rate)]))) for rate in FALSE_MATCH_RATES]
    return PairRules(tuple(rates), float(head.score(np.quantile(same, 1 - FALSE_NON_MATCHES))))


def thinned(snapshot: Snapshot, count: int, seed: int = 1) -> Snapshot:
    """Return the gallery with at most `count` anchors per person, chosen by a hash."""
    keep: list[int] = []
    for name, start, end in zip(snapshot.names, snapshot.offsets[:-1], snapshot.offsets[1:], strict=True):
        rows = sorted(range(start, end), key=lambda row: unit_hash(f"{name}/{row}", seed))[:count]
        keep += sorted(rows)
    counts = np.minimum(snapshot.counts, count)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Snapshot(snapshot.names, snapshot.ids, snapshot.anchors[keep], offsets, snapshot.revision)


def share_named(distances: np.ndarray, limit: float, people: int) -> float:
    """Return the share of impostors with a distance under `limit`, on average over galleries of `people`.

    Of n people of whom k are nearer than the limit, all but C(n - k, people) / C(n, people) of the galleries of that
    size name the impostor.

    Args:
        distances: float (impostors, n), class distances to everyone.
        limit: the class distance.
        people: at most n.
    """
    everyone = distances.shape[1]
    near = (distances < limit).sum(axis=1)
    # log C(n - k, m) - log C(n, m) for every k; minus infinity where fewer than m people are not near.
    steps = np.arange(everyone)
    with np.errstate(divide="ignore"):
        factors = np.log(np.maximum(everyone - people - steps, 0)) - np.log(everyone - steps)
    spared = np.exp(np.concatenate([[0.0], np.cumsum(factors)]))
    return float((1 - spared[near]).mean())


def class_threshold(distances: np.ndarray, people: int, fpir: float) -> float:
    """Return the largest class distance at which `share_named` stays within `fpir`, to a hundred-thousandth."""
    low, high = 0.0, 1.0
    while high - low > 1e-5:
        middle = (low + high) / 2
        if share_named(distances, middle, people) <= fpir:
            low = middle
        else:
            high = middle
    return low


def clear(distances: np.ndarray, margin: float) -> np.ndarray:
    """Return distances, infinite for faces that a margin makes ambiguous: float (faces, people), same out."""
    return np.where((margins_to_runner_up(distances) >= margin)[:, None], distances, np.inf)


def best_margin(known: np.ndarray, names: np.ndarray, kinds: Kinds, snapshot: Snapshot, head: Head) -> float:
    """Choose the margin with the highest TPIR at the default FPIR, ambiguous faces not counted as named.

    Impostors come near two people more often than known faces do, so a margin refuses them and the threshold may be
    higher; but a large one also refuses known faces.

    Args:
        known: float32 (faces, dims), of people in the gallery.
        names: str (faces,), who they are.
        kinds: the impostors.
        snapshot: the gallery.
        head: from distance to score.
    """
    distances = class_distances(known, snapshot, head)
    others = [impostors.distances(snapshot, head) for impostors in kinds.values()]
    right = np.array(snapshot.names)[distances.argmin(axis=1)] == names

    def near(margin: float) -> np.ndarray:
        limit = min(class_threshold(clear(one, margin), len(snapshot), FPIRS[0]) for one in others if len(one))
        return distances.min(axis=1) <= limit

    best = max(MARGINS, key=lambda margin: (right & near(margin) & (margins_to_runner_up(distances) >= margin)).mean())
    named = near(best)
    return max(best, doubtful(margins_to_runner_up(distances)[named], right[named]))


def doubtful(gaps: np.ndarray, right: np.ndarray) -> float:
    """Return the largest lead such that `DOUBTFUL` or more of the names with a smaller one are wrong.

    Args:
        gaps: float (faces,), leads of known faces that are named.
        right: bool (faces,), whether by their own name.

    Returns:
        0 where even the smallest leads name nearly always correctly.
    """
    order = np.argsort(gaps, kind="stable")
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    last = np.flatnonzero(wrong >= DOUBTFUL)
    return float(np.nextafter(gaps[order[last[-1]]], np.inf)) if len(last) else 0.0


def class_thresholds(
    kinds: Kinds, snapshot: Snapshot, head: Head, margin: float
) -> tuple[tuple[float, ThresholdTable], ...]:
    """Choose the class distances that keep each of `FPIRS`, and `LOOK_ALIKE_FPIR`, on every kind of impostors.

    A kind counts for a rate if it has a face for every share of that size, such as 1,000 for 0.1 %.

    Args:
        kinds: the impostors.
        snapshot: the gallery.
        head: from distance to score.
        margin: under which a face is ambiguous. It counts for the whole gallery, not for parts of it.

    Returns:
        (FPIR, ((people, ((anchors, class distance), ...)), ...)) each. Distances fall with the people, of whom more
        come near an impostor.
    """
    most = int(snapshot.counts.max())
    counts = [*(count for count in ANCHOR_COUNTS if count < most), most]
    sizes = [*(size for size in GALLERY_SIZES if size < len(snapshot)), len(snapshot)]
    rates = (*FPIRS, LOOK_ALIKE_FPIR)
    tables = np.ones((len(rates), len(sizes), len(counts)))
    for column, count in enumerate(counts):
        gallery = thinned(snapshot, count)
        for impostors in kinds.values():
            distances = impostors.distances(gallery, head)
            certain = clear(distances, margin)
            for row, size in enumerate(sizes):
                for layer, fpir in enumerate(rates):
                    if len(distances) * fpir < 1:
                        continue  # too few faces to tell
                    near = certain if size == len(snapshot) and fpir in FPIRS else distances
                    limit = class_threshold(near, size, fpir)
                    tables[layer, row, column] = min(tables[layer, row, column], limit)
    tables = np.maximum.accumulate(tables[:, ::-1], axis=1)[:, ::-1]
    # A stricter rate is never looser, whichever kinds are large enough to tell.
    tables[: len(FPIRS)] = np.minimum.accumulate(tables[: len(FPIRS)], axis=0)
    return tuple(
        (
            fpir,
            tuple(
                (size, tuple((count, float(value)) for count, value in zip(counts, row, strict=True)))
                for size, row in zip(sizes, table, strict=True)
            ),
        )
        for fpir, table in zip(rates, tables, strict=True)
    )
