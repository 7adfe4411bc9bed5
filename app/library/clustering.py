"""Clustering of face embeddings by average linkage, on the pairs of nearest neighbors.

Clusters merge while their mean cosine, raised for larger clusters, reaches a threshold: a mean of many pairs is more
certain than one pair. Each round merges all pairs of clusters that are the closest of both (reciprocal nearest
neighbors, Murtagh 1983). `bench.grouping` compares the method and its constants with others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.arrays import AnyArray, BoolArray, FloatArray, IntArray

Score = NDArray[np.float32]

_ROWS, _COLUMNS = 1024, 16384
"""Size of a block of cosines: 64 MB."""
_SCORED = 1 << 18
"""Pairs of clusters scored together: 256 MB."""
_WAITING = 10_000_000
"""Pairs that are found before the closest are kept: 120 MB."""
_PARTS = 16
"""Parts in which the closest pairs are kept, because sorting all of them would need several times their memory."""
_SUMMED = 1 << 17
"""Embeddings that are summed together: 64 MB."""
_CELL = 1000
"""Mean number of clusters of a cell."""


@dataclass(frozen=True)
class Linkage:
    """Constants of the clustering, measured by `bench.grouping`.

    Two clusters of a and b faces merge if their mean cosine times min(a * b, `most_pairs`) ** `exponent` is at least
    `threshold`. Pairs that reach the share `promising` of it are followed, since their clusters may grow. Two faces of
    one photo are different people, but collages and mirrors exist: clusters merge if at most
    the share `shared_photos` of the smaller one shares a photo with the other. Each face keeps `neighbors` pairs.
    Up to `exact` faces, all pairs are compared. Above, the faces of the `probes` closest of many cells are.
    """

    threshold: float = 0.48
    exponent: float = 0.07
    most_pairs: int = 100
    shared_photos: float = 0.05
    promising: float = 0.9
    neighbors: int = 30
    exact: int = 200_000
    probes: int = 32

    @property
    def least_score(self) -> float:
        """The smallest score of pairs of clusters that are followed."""
        return self.threshold * self.promising

    @property
    def least_cosine(self) -> float:
        """The mean cosine of this score for the largest clusters."""
        return self.least_score / float(self.most_pairs**self.exponent)

    def score(self, means: FloatArray, pairs: AnyArray) -> Score:
        """Return the scores of cluster pairs by their mean cosines and numbers of face pairs."""
        return np.asarray(means * np.minimum(pairs, self.most_pairs) ** self.exponent, np.float32)


@dataclass(eq=False)
class Clusters:
    """Clusters to merge, of one face or more.

    `sums` float32 (clusters, dims) has the sum of the unit embeddings and `sizes` (clusters,) the number of faces. Two
    `fixed` clusters never merge. `conflicts` int (pairs, 2) has pairs of clusters, one for each photo that shows both.
    The first `new` clusters are compared with all others; the others have been compared with each other. None means
    that all are new.
    """

    sums: FloatArray
    sizes: IntArray
    fixed: BoolArray
    conflicts: IntArray
    new: int | None = None

    def merge(self, linkage: Linkage) -> IntArray:
        """Merge clusters, in place, and return the cluster that contains each: int (clusters,)."""
        keys = _find_keys(self.sums, self.sizes, linkage, self.fixed, self.new)
        return _Merging(self, linkage).run(keys)


class _Merging:
    def __init__(self, clusters: Clusters, linkage: Linkage) -> None:
        self._clusters = clusters
        self._linkage = linkage
        self._count = len(clusters.sums)
        pairs = self._keys(clusters.conflicts[:, 0], clusters.conflicts[:, 1])
        self._conflicts, self._shared = np.unique(pairs, return_counts=True)

    def run(self, keys: IntArray) -> IntArray:
        clusters = self._clusters
        labels = np.arange(self._count)
        scores = self._score(keys)
        while True:
            merged, into = self._reciprocal(keys, scores)
            if not len(merged):
                return labels
            clusters.sums[into] += clusters.sums[merged]
            clusters.sizes[into] += clusters.sizes[merged]
            clusters.fixed[into] |= clusters.fixed[merged]
            target, changed = np.arange(self._count), np.zeros(self._count, bool)
            target[merged] = into
            changed[merged] = changed[into] = True
            labels = target[labels]
            self._contract_conflicts(target, changed)
            first, second = np.divmod(keys, self._count)
            touched = changed[first] | changed[second]
            first, second = target[first[touched]], target[second[touched]]
            distinct = first != second
            renewed = np.unique(self._keys(first[distinct], second[distinct]))
            renewed_scores = self._score(renewed)
            kept = renewed_scores > -np.inf
            keys = np.concatenate([keys[~touched], renewed[kept]])
            scores = np.concatenate([scores[~touched], renewed_scores[kept]])

    def _reciprocal(self, keys: IntArray, scores: Score) -> tuple[IntArray, IntArray]:
        """Return pairs of clusters to merge, each cluster once: the best pair of both."""
        likely = scores >= self._linkage.threshold
        (first, second), scores = np.divmod(keys[likely], self._count), scores[likely]
        best = np.zeros(self._count, np.float32)
        np.maximum.at(best, first, scores)
        np.maximum.at(best, second, scores)
        closest = (scores >= best[first]) & (scores >= best[second])
        first, second = first[closest], second[closest]
        # Several pairs may have the same score.
        for column in (0, 1):
            unique = np.unique((first, second)[column], return_index=True)[1]
            first, second = first[unique], second[unique]
        single = ~np.isin(first, second)
        return second[single], first[single]

    def _score(self, keys: IntArray) -> Score:
        """Return the scores of pairs: 0 for those that must not merge now, and -inf for those that never will."""
        clusters, linkage = self._clusters, self._linkage
        scores = np.empty(len(keys), np.float32)
        for start in range(0, len(keys), _SCORED):
            first, second = np.divmod(keys[start : start + _SCORED], self._count)
            pairs = clusters.sizes[first].astype(np.float32) * clusters.sizes[second]
            means = mean_cosines(clusters.sums, clusters.sizes, first, second)
            block = linkage.score(means, pairs)
            shared = self._count_shared(keys[start : start + _SCORED])
            block[shared > linkage.shared_photos * np.minimum(clusters.sizes[first], clusters.sizes[second])] = 0
            # The mean cosine of merged clusters is not above the larger one of both.
            block[(means < linkage.least_cosine) | (clusters.fixed[first] & clusters.fixed[second])] = -np.inf
            scores[start : start + _SCORED] = block
        return scores

    def _count_shared(self, keys: IntArray) -> IntArray:
        if not len(self._conflicts):
            return np.zeros(len(keys), np.int64)
        places = np.minimum(np.searchsorted(self._conflicts, keys), len(self._conflicts) - 1)
        return np.where(self._conflicts[places] == keys, self._shared[places], 0)

    def _contract_conflicts(self, target: IntArray, changed: BoolArray) -> None:
        first, second = np.divmod(self._conflicts, self._count)
        touched = changed[first] | changed[second]
        if not touched.any():
            return
        first, second = target[first], target[second]
        distinct = first != second
        keys = self._keys(first[distinct], second[distinct])
        self._conflicts, places = np.unique(keys, return_inverse=True)
        self._shared = np.bincount(places, self._shared[distinct], len(self._conflicts)).astype(np.int64)

    def _keys(self, first: IntArray, second: IntArray) -> IntArray:
        """Return pairs as single numbers, the smaller index first."""
        return np.minimum(first, second).astype(np.int64) * self._count + np.maximum(first, second)


def sum_clusters(embeddings: AnyArray, clusters_of: IntArray) -> FloatArray:
    """Sum the embeddings, float16 or float32 (faces, dims), of each cluster: float32 (clusters, dims)."""
    order = np.argsort(clusters_of, kind="stable")
    sums = np.zeros((clusters_of.max(initial=-1) + 1, embeddings.shape[1]), np.float32)
    for start in range(0, len(order), _SUMMED):
        rows = order[start : start + _SUMMED]
        clusters, starts = np.unique(clusters_of[rows], return_index=True)
        sums[clusters] += np.add.reduceat(embeddings[rows].astype(np.float32), starts, axis=0)
    return sums


def mean_cosines(sums: FloatArray, sizes: IntArray, first: IntArray, second: IntArray) -> FloatArray:
    """Return the mean cosine of the faces of pairs of clusters: float32 (pairs,)."""
    cosines = np.empty(len(first), np.float32)
    for start in range(0, len(first), _SCORED):
        one, other = first[start : start + _SCORED], second[start : start + _SCORED]
        pairs = sizes[one].astype(np.float32) * sizes[other]
        cosines[start : start + _SCORED] = np.einsum("ij,ij->i", sums[one], sums[other]) / pairs
    return cosines


def find_pairs(
    sums: FloatArray, sizes: IntArray, linkage: Linkage, fixed: BoolArray, new: int | None = None
) -> tuple[IntArray, IntArray]:
    """Return pairs of clusters whose score is at least `Linkage.least_score`: indices of both, each pair once.

    `sums` float32 (clusters, dims) and `sizes` are as in `Clusters`. Each cluster has about `Linkage.neighbors` pairs
    with the closest others. Pairs of two `fixed` ones are left out, and those without one of the first `new` clusters.
    """
    return np.divmod(_find_keys(sums, sizes, linkage, fixed, new), max(1, len(sums)))


def _find_keys(
    sums: FloatArray, sizes: IntArray, linkage: Linkage, fixed: BoolArray, new: int | None = None
) -> IntArray:
    """Return the pairs of `find_pairs` as single numbers: the smaller index times the number of clusters, plus the
    larger one.
    """
    # Only pairs of large clusters may have a small cosine.
    most_pairs = min(linkage.most_pairs, int(sizes.max(initial=1)) ** 2)
    least_cosine = linkage.least_score / most_pairs**linkage.exponent
    count = len(sums)
    new = count if new is None else new
    tiles = _all_tiles(count, new) if count <= linkage.exact else _cell_tiles(sums, sizes, linkage, new)
    pairs = _ClosestPairs(count, linkage.neighbors)
    for rows, columns in tiles:
        tile = _means(sums, sizes, rows) @ _means(sums, sizes, columns).T
        row, column = np.nonzero(tile >= least_cosine)
        first, second = rows[row], columns[column]
        near = tile[row, column]
        kept = linkage.score(near, sizes[first].astype(np.float32) * sizes[second]) >= linkage.least_score
        kept &= (first != second) & ~(fixed[first] & fixed[second])
        row, near, first, second = row[kept], near[kept], first[kept], second[kept]
        closest = _limit(row, near, linkage.neighbors)
        low, high = np.minimum(first, second)[closest], np.maximum(first, second)[closest]
        pairs.add(low.astype(np.int64) * count + high, near[closest])
    return pairs.keys()


def _means(sums: FloatArray, sizes: IntArray, clusters: IntArray) -> FloatArray:
    return np.asarray(sums[clusters] / sizes[clusters, None], np.float32)


class _ClosestPairs:
    """Keeps the pairs with the largest cosines of each cluster that is the first of a pair."""

    def __init__(self, count: int, neighbors: int) -> None:
        self._count = count
        self._neighbors = neighbors
        # Parts have as many first clusters each.
        self._part_clusters = -(-count // _PARTS)
        empty = np.zeros(0, np.int64), np.zeros(0, np.float32)
        self._parts: list[tuple[IntArray, FloatArray]] = [empty] * _PARTS
        self._waiting: list[tuple[IntArray, FloatArray]] = []
        self._size = 0

    def add(self, keys: IntArray, cosines: FloatArray) -> None:
        self._waiting.append((keys, cosines))
        self._size += len(keys)
        if self._size > _WAITING:
            self._keep_closest()

    def keys(self) -> IntArray:
        self._keep_closest()
        return np.concatenate([keys for keys, _ in self._parts])

    def _keep_closest(self) -> None:
        if not self._waiting:
            return
        keys, cosines = (np.concatenate(arrays) for arrays in zip(*self._waiting, strict=True))
        self._waiting.clear()
        self._size = 0
        part_of = keys // (self._count * self._part_clusters)
        for part, (known, known_cosines) in enumerate(self._parts):
            added = part_of == part
            unique, places = np.unique(np.concatenate([known, keys[added]]), return_index=True)
            unique_cosines = np.concatenate([known_cosines, cosines[added]])[places]
            closest = _limit(unique // self._count, unique_cosines, self._neighbors)
            # The closest come first, but parts are sorted.
            closest.sort()
            self._parts[part] = unique[closest], unique_cosines[closest]


def _limit(row: IntArray, cosines: FloatArray, count: int) -> IntArray:
    """Return the positions of the `count` largest cosines of each row; rows are sorted."""
    starts = np.searchsorted(row, row)
    if not len(row) or np.bincount(row).max() <= count:
        return np.arange(len(row))
    order = np.lexsort((-cosines, row))
    return order[np.arange(len(order)) - starts < count]


def _all_tiles(count: int, new: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the indices of rows and columns of blocks that contain all pairs with one of the first `new` clusters."""
    indices = np.arange(count)
    for start in range(0, new, _ROWS):
        for column in range(start, count, _COLUMNS):
            yield indices[start : min(start + _ROWS, new)], indices[column : column + _COLUMNS]


def _cell_tiles(sums: FloatArray, sizes: IntArray, linkage: Linkage, new: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield blocks of close clusters: the members of a cell around a random cluster, and the new ones that probe it."""
    every = len(sums)
    count = every // _CELL
    centers = _means(sums, sizes, np.random.default_rng(0).choice(every, count, replace=False))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    probed = np.empty((every, linkage.probes), np.int32)
    for start in range(0, every, _COLUMNS):
        cosines = _means(sums, sizes, np.arange(start, min(start + _COLUMNS, every))) @ centers.T
        cells = np.argpartition(-cosines, linkage.probes, axis=1)[:, : linkage.probes]
        order = np.argsort(-np.take_along_axis(cosines, cells, axis=1), axis=1)
        probed[start : start + _COLUMNS] = np.take_along_axis(cells, order, axis=1)
    members = np.argsort(probed[:, 0], kind="stable")
    member_ends = np.cumsum(np.bincount(probed[:, 0], minlength=count))
    cells_of = probed[:new].ravel()
    del probed
    probe_ends = np.cumsum(np.bincount(cells_of, minlength=count))
    probes = (np.argsort(cells_of, kind="stable") // linkage.probes).astype(np.int32)
    del cells_of
    for cell in range(count):
        columns = members[member_ends[cell - 1] if cell else 0 : member_ends[cell]]
        rows = probes[probe_ends[cell - 1] if cell else 0 : probe_ends[cell]]
        step = max(1, _ROWS * _COLUMNS // max(1, len(columns)))
        for start in range(0, len(rows), step):
            yield rows[start : start + step].astype(np.int64), columns
