"""Distances -> scores -> ranking: everyone in the gallery, the smallest class distance first.

A probe's score against an anchor is sigmoid(scale * (Euclidean distance - shift)): 0 same, 1 different.
A person's class distance is the mean of the scores of all their anchors. One matrix product gives all of them;
rows of the table are made only when somebody looks at them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import overload

import cv2
import numpy as np

from app.gallery.snapshot import Snapshot

_CACHED = 32_768
"""Scores worked on at once, few enough to stay in the processor's cache."""

_SHARED = 4 * _CACHED
"""From so many anchors on, the cores share them out; fewer take one core a few milliseconds."""

_FEW = 64
"""So many rows are made one by one; for more, everyone's minimum and deviation are computed together."""


@dataclass(frozen=True)
class Head:
    """The network's last step, from distance to score."""

    scale: float
    shift: float

    def score(self, distance: np.ndarray) -> np.ndarray:
        """sigmoid(scale * (distance - shift)), elementwise: 0 same ... 1 different."""
        return 1.0 / (1.0 + np.exp(-self.scale * (distance - self.shift)))


@dataclass(frozen=True)
class PersonDistance:
    """One person's row of a ranking: mean, minimum and standard deviation of the scores of their anchors.

    `rejected` says that the face resembles one that was marked as not this person, which has put the class
    distance above the mean.
    """

    person: str
    class_distance: float
    min: float
    std: float
    anchors: int
    rejected: bool = False


class Ranking(Sequence[PersonDistance]):
    """Everyone in the gallery, the smallest class distance first; slices are tuples.

    Arguments:
        snapshot: the gallery.
        scores: float32 (anchors,), of the probe against every anchor.
        means: float32 (people,), the class distances.
        rejected: positions of the people for whom a rejected face counted.
    """

    def __init__(
        self, snapshot: Snapshot, scores: np.ndarray, means: np.ndarray, rejected: frozenset[int] = frozenset()
    ) -> None:
        self._snapshot = snapshot
        self._scores = scores
        self._means = means
        self._rejected = rejected
        # The few that decide come from a partition; the whole order costs more than the ranking itself.
        few = min(_FEW, len(means))
        closest = np.sort(np.argpartition(means, few - 1)[:few])
        self._first = closest[np.argsort(means[closest], kind="stable")]

    def __len__(self) -> int:
        return len(self._means)

    @overload
    def __getitem__(self, index: int) -> PersonDistance: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PersonDistance, ...]: ...
    def __getitem__(self, index):
        """The row at a place, or those of a slice."""
        if isinstance(index, slice):
            return tuple(self._rows(self._places(range(*index.indices(len(self))))))
        return next(self._rows(self._places([range(len(self))[index]])))

    def __iter__(self) -> Iterator[PersonDistance]:
        return self._rows(self._order)

    def scores(self, place: int) -> np.ndarray:
        """The scores against every anchor of the person at a place, in the order of `Snapshot.person`: float32."""
        return self._own_scores(self._places([range(len(self))[place]])[0])

    def rejections(self) -> tuple[tuple[PersonDistance, float], ...]:
        """The rows of those for whom a rejected face counted, and what their class distance would be without it."""
        positions = sorted(self._rejected)
        means = [float(self._own_scores(position).mean()) for position in positions]
        return tuple(zip(self._rows(positions), means, strict=True))

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self._means, kind="stable")

    @cached_property
    def _spreads(self) -> tuple[np.ndarray, np.ndarray]:
        """Everyone's smallest score and standard deviation."""
        starts, counts = self._snapshot.offsets[:-1], self._snapshot.counts
        means = np.add.reduceat(self._scores, starts) / counts
        squares = (self._scores - np.repeat(means, counts)) ** 2
        return np.minimum.reduceat(self._scores, starts), np.sqrt(np.add.reduceat(squares, starts) / counts)

    def _places(self, indices: Sequence[int]) -> Sequence[int]:
        order = self._first if max(indices, default=0) < len(self._first) else self._order
        return [int(order[index]) for index in indices]

    def _own_scores(self, position: int) -> np.ndarray:
        return self._scores[self._snapshot.offsets[position] : self._snapshot.offsets[position + 1]]

    def _rows(self, positions: Sequence[int]) -> Iterator[PersonDistance]:
        many = len(positions) > _FEW
        for position in positions:
            own = self._own_scores(position)
            least, spread = (one[position] for one in self._spreads) if many else (own.min(), own.std())
            yield PersonDistance(
                self._snapshot.names[position],
                float(self._means[position]),
                float(least),
                float(spread),
                len(own),
                position in self._rejected,
            )


def pair_score(first: np.ndarray, second: np.ndarray, head: Head) -> float:
    """Score of two faces: two float32 (dims,) of length 1 -> 0 same ... 1 different."""
    return float(head.score(np.linalg.norm(np.asarray(first, np.float64) - second)))


def rank(embedding: np.ndarray, snapshot: Snapshot, head: Head) -> Sequence[PersonDistance]:
    """Everyone in the gallery, the smallest class distance first.

    Arguments:
        embedding: float32 (dims,) of length 1, the probe.
        snapshot: the gallery.
        head: from distance to score.

    Returns:
        A `Ranking`; nothing if the gallery has nobody.
    """
    if not len(snapshot):
        return ()
    probe = np.asarray(embedding, dtype=np.float32)
    scores = np.empty(snapshot.offsets[-1], dtype=np.float32)
    means = np.empty(len(snapshot), dtype=np.float32)
    pieces, row = [], 0
    for anchors in snapshot.runs:
        for at in range(0, len(anchors), _CACHED):
            some = anchors[at : at + _CACHED]
            pieces.append((some, scores[row : row + len(some)]))
            row += len(some)
    score = partial(_score, probe, head)
    if len(scores) < _SHARED:
        for piece in pieces:
            score(piece)
    else:
        list(_threads().map(score, pieces))
    np.add.reduceat(scores, snapshot.offsets[:-1], out=means)
    means /= snapshot.counts
    return Ranking(snapshot, scores, *_weighed(probe, snapshot, head, scores, means))


@cache
def _threads() -> ThreadPoolExecutor:
    # As many as OpenCV may use here: in a worker of an archive it is one.
    return ThreadPoolExecutor(cv2.getNumThreads(), "ranking")


def _score(probe: np.ndarray, head: Head, piece: tuple[np.ndarray, np.ndarray]) -> None:
    """Write the scores of some anchors, float32 (anchors, dims), into float32 (anchors,)."""
    anchors, scores = piece
    np.dot(anchors, probe, out=scores)
    _scores_of_cosines(scores, head)


def _scores_of_cosines(values: np.ndarray, head: Head) -> None:
    """Turn cosines into scores in place: float32 (anchors,). For unit vectors |p - a|^2 = 2 - 2 p.a."""
    np.subtract(1, values, out=values)
    np.maximum(values, 0, out=values)
    values *= 2
    np.sqrt(values, out=values)
    values -= np.float32(head.shift)
    values *= np.float32(-head.scale)
    np.exp(values, out=values)
    values += 1
    np.reciprocal(values, out=values)


def _weighed(
    probe: np.ndarray, snapshot: Snapshot, head: Head, scores: np.ndarray, means: np.ndarray
) -> tuple[np.ndarray, frozenset[int]]:
    """Let rejected faces weigh: class distances, and the positions of those for whom one counted.

    A rejected face counts for a probe that is nearer to it than half way between the mean of the person's scores
    and the smallest: then the class distance is what the score lacks to 1, if that is more. `bench/rejected.py`
    measures what that keeps away, and what it costs the person themselves.
    """
    here = np.flatnonzero(snapshot.rejecting >= 0)
    if not len(here):
        return means, frozenset()
    cosines = snapshot.rejected.embeddings[here] @ probe
    _scores_of_cosines(cosines, head)
    counted = set()
    for position, score in zip(snapshot.rejecting[here].tolist(), cosines.tolist(), strict=True):
        own = scores[snapshot.offsets[position] : snapshot.offsets[position + 1]]
        if score < (own.mean() + own.min()) / 2:
            means[position] = max(means[position], 1 - score)
            counted.add(position)
    return means, frozenset(counted)
