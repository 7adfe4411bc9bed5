"""Thresholds and margin for identification (1:N) and verification (1:1), chosen on identities not seen in training.

FPIR, TPIR and FMR follow ISO/IEC 19795-1. An identification threshold keeps its FPIR on each of three kinds of
impostors: ordinary people, famous people, and gallery people who are left out of the gallery. `app.training.evaluation`
measures the result on other faces.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.arrays import AnyArray, BoolArray, FloatArray, TextArray
from app.gallery.snapshot import Snapshot
from app.recognition.decision import FPIRS, PairRules, ThresholdTable, margins_to_runner_up
from app.recognition.scoring import Head
from app.training.data.splits import unit_hash

ANCHOR_COUNTS = (1, 2, 3, 5, 10, 32, 64)
GALLERY_SIZES = (1, 4, 16, 64, 200)
"""Sizes at which thresholds are chosen, in addition to the whole gallery, and interpolated between."""

SCORE_SCALE = 5.0
"""Slope of the score. It changes neither order nor verdicts, and makes distances fill the range from 0 to 1."""

MARGINS = (0.01, 0.02, 0.03, 0.04, 0.06)
"""Candidate margins. Saving a photo again as JPEG moves a lead by nearly the smallest."""

MAX_ERROR_SHARE = 1 / 3
"""If this share of the matches with a small lead is wrong, the face is ambiguous."""

REPEATED_LOOK_ALIKES = 0.5
"""Smallest share of an impostor's other photos with the same closest person, for a distance that shows a look-alike."""

FALSE_MATCH_RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
FALSE_NON_MATCH_RATE = 0.02
"""Error rates of the thresholds "same person" and "different people" for comparing two photos."""

_CHUNK = 2048


def class_distances(embeddings: FloatArray, snapshot: Snapshot, head: Head) -> FloatArray:
    """Return float32 (faces, people) class distances, as `scoring.rank` without its same-picture rule."""
    return head.score_cosines(embeddings @ snapshot.templates.T)


@dataclass(frozen=True, eq=False)
class Impostors:
    """Faces of people who are not in the gallery: `embeddings` is float32 (faces, dims) of unit length.

    `people`, str (faces,), are gallery people who are left out of the gallery for their own faces, or None.
    """

    embeddings: FloatArray
    people: TextArray | None = None

    def distances(self, snapshot: Snapshot, head: Head) -> FloatArray:
        """Return float32 (faces, people) class distances, infinite for a face's own person."""
        distances = class_distances(self.embeddings, snapshot, head)
        if self.people is not None:
            distances[self.people[:, None] == np.array(snapshot.names)[None]] = np.inf
        return distances


Kinds = Mapping[str, Impostors]


def limit_anchors(snapshot: Snapshot, count: int, seed: int = 1) -> Snapshot:
    """Return the gallery with at most `count` anchors per person, chosen by a hash."""
    kept: list[int] = []
    for name, start, end in zip(snapshot.names, snapshot.offsets[:-1], snapshot.offsets[1:], strict=True):
        kept += sorted(sorted(range(start, end), key=lambda row: unit_hash(f"{name}/{row}", seed))[:count])
    offsets = np.concatenate([[0], np.cumsum(np.minimum(snapshot.counts, count))])
    return Snapshot(snapshot.names, snapshot.ids, snapshot.anchors[kept], offsets, snapshot.revision)


def mean_fpir(distances: AnyArray, threshold: float, people: int) -> float:
    """Return the FPIR at a threshold, on average over all galleries of a size.

    If k of n people are closer to an impostor than the threshold, C(n - k, people) of C(n, people) galleries contain
    none of them. `distances` is float (impostors, n), class distances.
    """
    total = distances.shape[1]
    close = (distances < threshold).sum(axis=1)
    # log C(n - k, people) - log C(n, people) for every k; minus infinity if fewer than `people` people are not close.
    steps = np.arange(total)
    with np.errstate(divide="ignore"):
        factors = np.log(np.maximum(total - people - steps, 0)) - np.log(total - steps)
    unmatched = np.exp(np.concatenate([[0.0], np.cumsum(factors)]))
    return float((1 - unmatched[close]).mean())


def choose_threshold(distances: AnyArray, people: int, fpir: float) -> float:
    """Return the largest class distance at which `mean_fpir` is at most `fpir`, in steps of 1e-5."""
    steps = bisect_right(range(1, 100_001), fpir, key=lambda step: mean_fpir(distances, step * 1e-5, people))
    return steps * 1e-5


def mask_ambiguous(distances: AnyArray, margin: float) -> AnyArray:
    """Return float (faces, people) distances, infinite for faces whose lead is under the margin."""
    return np.where((margins_to_runner_up(distances) >= margin)[:, None], distances, np.inf)


def choose_margin(known: FloatArray, people: TextArray, kinds: Kinds, snapshot: Snapshot, head: Head) -> float:
    """Choose the margin with the highest TPIR at the default FPIR.

    Impostors come close to two people more often than known faces do. A margin refuses them, which allows a higher
    threshold, but a large margin also refuses known faces. `known` is float32 (faces, dims) of the gallery `people`.
    """
    distances = class_distances(known, snapshot, head)
    impostor_distances = [impostors.distances(snapshot, head) for impostors in kinds.values()]
    is_correct = np.array(snapshot.names)[distances.argmin(axis=1)] == people

    def is_close(margin: float) -> BoolArray:
        masked = [mask_ambiguous(part, margin) for part in impostor_distances if len(part)]
        threshold = min(choose_threshold(part, len(snapshot), FPIRS[0]) for part in masked)
        return np.asarray(distances.min(axis=1) <= threshold)

    leads = margins_to_runner_up(distances)
    best = max(MARGINS, key=lambda margin: (is_correct & is_close(margin) & (leads >= margin)).mean())
    matched = is_close(best)
    return max(best, unreliable_lead(leads[matched], is_correct[matched]))


def unreliable_lead(gaps: AnyArray, is_correct: BoolArray) -> float:
    """Return the largest lead under which `MAX_ERROR_SHARE` or more of the matches are wrong, 0 if there is none."""
    order = np.argsort(gaps, kind="stable")
    error_shares = np.cumsum(~is_correct[order]) / np.arange(1, len(order) + 1)
    unreliable = np.flatnonzero(error_shares >= MAX_ERROR_SHARE)
    return float(np.nextafter(gaps[order[unreliable[-1]]], np.inf)) if len(unreliable) else 0.0


def choose_tables(
    kinds: Kinds, snapshot: Snapshot, head: Head, margin: float
) -> tuple[tuple[float, ThresholdTable], ...]:
    """Choose the thresholds that keep each of `FPIRS` on every kind of impostors.

    A kind with fewer than 1 / FPIR faces does not count for that FPIR. The margin applies to the whole gallery only,
    not to parts of it. Thresholds fall with the number of people.
    """
    max_count = int(snapshot.counts.max())
    counts = [*(count for count in ANCHOR_COUNTS if count < max_count), max_count]
    sizes = [*(size for size in GALLERY_SIZES if size < len(snapshot)), len(snapshot)]
    tables = np.ones((len(FPIRS), len(sizes), len(counts)))
    for column, count in enumerate(counts):
        gallery = limit_anchors(snapshot, count)
        for impostors in kinds.values():
            distances = impostors.distances(gallery, head)
            masked = mask_ambiguous(distances, margin)
            for row, size in enumerate(sizes):
                for layer, fpir in enumerate(FPIRS):
                    if len(distances) * fpir < 1:
                        continue
                    part = masked if size == len(snapshot) else distances
                    tables[layer, row, column] = min(tables[layer, row, column], choose_threshold(part, size, fpir))
    tables = np.maximum.accumulate(tables[:, ::-1], axis=1)[:, ::-1]
    # Fewer kinds count for a stricter FPIR, whose threshold must still not be higher.
    tables = np.minimum.accumulate(tables, axis=0)
    rows = [[tuple(zip(counts, row, strict=True)) for row in table] for table in tables.tolist()]
    return tuple((fpir, tuple(zip(sizes, table, strict=True))) for fpir, table in zip(FPIRS, rows, strict=True))


def choose_look_alike(embeddings: FloatArray, people: TextArray, snapshot: Snapshot, head: Head) -> float:
    """Choose the largest class distance of a look-alike, 0 if no distance is small enough.

    Two people look alike if several photos show it: up to this distance, the closest person of a photo is on average
    also the closest of `REPEATED_LOOK_ALIKES` of the other photos of the same impostor.

    Args:
        embeddings: Faces of people who are not in the gallery, float32 (faces, dims). Those with one face do not count.
        people: Who they are, str (faces,).
        snapshot: The gallery.
        head: From distance to score.
    """
    _, owners, photos = np.unique(people, return_inverse=True, return_counts=True)
    distances = class_distances(embeddings, snapshot, head)
    closest = np.stack([owners, distances.argmin(axis=1)])
    _, groups, same = np.unique(closest, axis=1, return_inverse=True, return_counts=True)
    has_others = photos[owners] > 1
    repeated = (same[groups.ravel()] - 1)[has_others] / (photos[owners] - 1)[has_others]
    smallest = distances.min(axis=1)[has_others]
    order = np.argsort(smallest, kind="stable")
    shares = np.cumsum(repeated[order]) / np.arange(1, len(order) + 1)
    meaningful = np.flatnonzero(shares >= REPEATED_LOOK_ALIKES)
    return float(smallest[order[meaningful[-1]]]) if len(meaningful) else 0.0


def pair_distances(embeddings: FloatArray, people: AnyArray) -> tuple[FloatArray, FloatArray]:
    """Return the Euclidean distances of all same-person pairs and of all different-person pairs of faces."""
    _, people = np.unique(people, return_inverse=True)
    same, different = [], []
    for start in range(0, len(embeddings), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(embeddings)))
        distances = np.sqrt(np.maximum(0, 2 - 2 * embeddings[rows] @ embeddings.T))
        is_same = people[rows][:, None] == people[None]
        is_later = np.arange(len(embeddings))[None] > rows[:, None]
        same.append(distances[is_same & is_later])
        different.append(distances[~is_same & is_later])
    return np.concatenate(same), np.concatenate(different)


def equal_error_distance(embeddings: FloatArray, people: AnyArray) -> float:
    """Return the distance of two photos at which FMR and FNMR are equal."""
    same, different = pair_distances(embeddings, people)
    thresholds = np.linspace(0, 2, 2001)
    fnmr = 1 - np.searchsorted(np.sort(same), thresholds, side="right") / len(same)
    fmr = np.searchsorted(np.sort(different), thresholds, side="right") / len(different)
    return float(thresholds[np.abs(fnmr - fmr).argmin()])


def choose_pair_rules(embeddings: FloatArray, people: AnyArray, head: Head) -> PairRules:
    """Return the thresholds for comparing two photos."""
    same, different = pair_distances(embeddings, people)
    ranks = [int(len(different) * rate) for rate in FALSE_MATCH_RATES]
    different.partition(ranks)
    scores = [float(head.score(different[rank])) for rank in ranks]
    different_score = float(head.score(np.asarray(np.quantile(same, 1 - FALSE_NON_MATCH_RATE))))
    return PairRules(tuple(zip(FALSE_MATCH_RATES, scores, strict=True)), different_score)
