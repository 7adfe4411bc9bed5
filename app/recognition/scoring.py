"""Ranking of everyone in the gallery by their distance to a probe, the smallest class distance first.

A person's template is the mean of their anchors at unit length. The class distance is the score of the probe against
the template, sigmoid(scale * (Euclidean distance - shift)): 0 same, 1 different. A probe that is the same picture as
an anchor gets the score against that anchor instead. One product with all templates orders everybody; anchors are
compared only for the people whose rows are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

from app.gallery.snapshot import Snapshot

SAME_PICTURE = 0.75
"""Cosine from which a probe counts as the same picture as an anchor. Copies made half as large or compressed to JPEG
quality 30 stay above it; no impostor is closer to any anchor of the shipped gallery than 0.65 (`bench.copies`)."""

_SHORTLIST = 64
"""People closest by template whose anchors are searched for the same picture, and rows made one by one."""


@dataclass(frozen=True)
class Head:
    """The network's last step, from distance to score."""

    scale: float
    shift: float

    def score(self, distance: np.ndarray) -> np.ndarray:
        """Return sigmoid(scale * (distance - shift)), elementwise: 0 same ... 1 different."""
        return 1.0 / (1.0 + np.exp(-self.scale * (distance - self.shift)))

    def score_cosines(self, cosines: np.ndarray) -> np.ndarray:
        """Return the scores of pairs of unit vectors: float (...) cosines to float (...)."""
        return self.score(np.sqrt(np.maximum(0, 2 - 2 * cosines)))


@dataclass(frozen=True)
class PersonDistance:
    """One person's row of a ranking.

    `class_distance` decides. `mean`, `min` and `std` describe the scores against the person's single anchors.
    `rejected` says that the face resembles one that was marked as not this person, which raised the class distance.
    """

    person: str
    class_distance: float
    mean: float
    min: float
    std: float
    anchors: int
    rejected: bool = False


class Ranking(Sequence[PersonDistance]):
    """Everyone in the gallery, the smallest class distance first; slices are tuples.

    Args:
        snapshot: the gallery.
        probe: float32 (dims,) of unit length.
        head: from distance to score.
        distances: float32 (people,), the class distances.
        before: class distances, by position, of the people whose distance a rejected face has raised.
    """

    def __init__(
        self, snapshot: Snapshot, probe: np.ndarray, head: Head, distances: np.ndarray, before: dict[int, float]
    ) -> None:
        self._snapshot = snapshot
        self._probe = probe
        self._head = head
        self._distances = distances
        self._before = before
        # The few that decide come from a partition: sorting everybody costs more than the product.
        self._first = closest(distances)

    def __len__(self) -> int:
        return len(self._distances)

    @overload
    def __getitem__(self, index: int) -> PersonDistance: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PersonDistance, ...]: ...
    def __getitem__(self, index):
        """Return the row at a place, or those of a slice."""
        if isinstance(index, slice):
            return tuple(self._rows(self._positions(range(*index.indices(len(self))))))
        return next(self._rows(self._positions([range(len(self))[index]])))

    def __iter__(self) -> Iterator[PersonDistance]:
        return self._rows(self._order)

    def scores(self, place: int) -> np.ndarray:
        """Return the scores against the anchors of the person at a place: float32 (anchors,)."""
        return self._anchor_scores(self._positions([range(len(self))[place]])[0])

    def rejections(self) -> tuple[tuple[PersonDistance, float], ...]:
        """Return the rows of those whose distance a rejected face has raised, each with the distance without it."""
        return tuple(zip(self._rows(list(self._before)), self._before.values(), strict=True))

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self._distances, kind="stable")

    @cached_property
    def _all_scores(self) -> np.ndarray:
        return self._head.score_cosines(np.concatenate([anchors @ self._probe for anchors in self._snapshot.runs]))

    def _positions(self, indices: Sequence[int]) -> Sequence[int]:
        order = self._first if max(indices, default=0) < len(self._first) else self._order
        return [int(order[index]) for index in indices]

    def _anchor_scores(self, position: int) -> np.ndarray:
        return self._head.score_cosines(self._snapshot.person(position) @ self._probe)

    def _rows(self, positions: Sequence[int]) -> Iterator[PersonDistance]:
        offsets = self._snapshot.offsets if len(positions) > _SHORTLIST else None
        for position in positions:
            if offsets is None:
                own = self._anchor_scores(position)
            else:
                own = self._all_scores[offsets[position] : offsets[position + 1]]
            yield PersonDistance(
                self._snapshot.names[position],
                float(self._distances[position]),
                float(own.mean()),
                float(own.min()),
                float(own.std()),
                len(own),
                position in self._before,
            )


def closest(distances: np.ndarray) -> np.ndarray:
    """Return the positions of the `_SHORTLIST` smallest distances in order: float (n,) to int (k,)."""
    count = min(_SHORTLIST, len(distances))
    found = np.sort(np.argpartition(distances, count - 1)[:count])
    return found[np.argsort(distances[found], kind="stable")]


def pair_score(first: np.ndarray, second: np.ndarray, head: Head) -> float:
    """Return the score of two faces, float32 (dims,) of unit length each: 0 same ... 1 different."""
    return float(head.score(np.linalg.norm(np.asarray(first, np.float64) - second)))


def rank(embedding: np.ndarray, snapshot: Snapshot, head: Head) -> Sequence[PersonDistance]:
    """Rank everyone in the gallery by their distance to a face.

    Args:
        embedding: float32 (dims,) of unit length, the probe.
        snapshot: the gallery.
        head: from distance to score.

    Returns:
        A `Ranking`; empty if the gallery has nobody.
    """
    if not len(snapshot):
        return ()
    probe = np.asarray(embedding, dtype=np.float32)
    distances = head.score_cosines(snapshot.templates @ probe)
    for position in closest(distances):
        cosine = float((snapshot.person(position) @ probe).max())
        if cosine >= SAME_PICTURE:
            distances[position] = min(distances[position], head.score_cosines(np.float32(cosine)))
    return Ranking(snapshot, probe, head, distances, _raise_rejected(probe, snapshot, head, distances))


def _raise_rejected(probe: np.ndarray, snapshot: Snapshot, head: Head, distances: np.ndarray) -> dict[int, float]:
    """Raise the class distances, in place, of people for whom a face like the probe was rejected.

    A rejected face counts for a probe that is closer to it than half way between the person's template and their
    closest anchor: then the class distance is what the score lacks to 1, if that is more. `bench/rejected.py` measures
    what that keeps away, and what it costs the person themselves.

    Returns:
        The class distances before, by position.
    """
    places = np.flatnonzero(snapshot.rejecting >= 0)
    if not len(places):
        return {}
    scores = head.score_cosines(snapshot.rejected.embeddings[places] @ probe)
    before: dict[int, float] = {}
    for position, score in zip(snapshot.rejecting[places].tolist(), scores.tolist(), strict=True):
        own = head.score_cosines(snapshot.person(position) @ probe)
        if score < (own.mean() + own.min()) / 2:
            before.setdefault(position, float(distances[position]))
            distances[position] = max(distances[position], 1 - score)
    return before
