"""Scoring: class distance of a probe to everyone in the gallery, by the template of each person.

A person's template is the mean of their anchors, scaled to unit length. The class distance is the network's score of
probe and template, sigmoid(scale * (Euclidean distance - shift)): 0 same ... 1 different. A probe that is the same
picture as an anchor gets the score against that anchor. One matrix product scores all people. Single anchors are
compared only for the people whose rows are read.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

from app.arrays import AnyArray, FloatArray, IntArray
from app.gallery.snapshot import Snapshot

SAME_PICTURE = 0.75
"""Cosine from which a probe counts as the same picture as an anchor. Copies made half as large or compressed to JPEG
quality 30 stay above it; no impostor is closer to any anchor of the shipped gallery than 0.65
(`bench.embeddings copies`)."""

SHORTLIST = 64  # people, closest by template, whose anchors are compared with the probe one by one


@dataclass(frozen=True)
class Head:
    """The network's last step, from distance to score."""

    scale: float
    shift: float

    def score(self, distance: AnyArray) -> AnyArray:
        """Return sigmoid(scale * (distance - shift)), elementwise: 0 same ... 1 different."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.scale * (distance - self.shift))))

    def score_cosines(self, cosines: AnyArray) -> AnyArray:
        """Return the scores of pairs of unit vectors: float (...) cosines to float (...)."""
        return self.score(np.sqrt(np.maximum(0, 2 - 2 * cosines)))


@dataclass(frozen=True)
class PersonDistance:
    """One row of a ranking. `mean`, `min` and `std` describe the scores against the person's single anchors."""

    person: str
    class_distance: float
    mean: float
    min: float
    std: float
    anchors: int
    rejected: bool = False  # whether a rejected face raised the class distance


@dataclass(frozen=True, eq=False)
class Ranking(Sequence[PersonDistance]):
    """Everyone in the gallery, the smallest class distance first. Rows are computed when they are read.

    `probe` is float32 (dims,) of unit length, and `distances` are the class distances, float32 (people,). `unrejected`
    has, by position, the class distances of people before a rejected face raised them.
    """

    _snapshot: Snapshot
    _probe: FloatArray
    _head: Head
    _distances: AnyArray
    _unrejected: dict[int, float]

    def __len__(self) -> int:
        return len(self._distances)

    @overload
    def __getitem__(self, index: int) -> PersonDistance: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PersonDistance, ...]: ...
    def __getitem__(self, index: int | slice) -> PersonDistance | tuple[PersonDistance, ...]:
        """Return a row, or a tuple of rows."""
        if isinstance(index, slice):
            return tuple(self._rows(self._positions(range(*index.indices(len(self))))))
        return next(self._rows(self._positions([range(len(self))[index]])))

    def __iter__(self) -> Iterator[PersonDistance]:
        return self._rows(self._order.tolist())

    def scores(self, rank: int) -> AnyArray:
        """Return the scores against the anchors of the person at a rank, from 0: float32 (anchors,)."""
        return self._anchor_scores(self._positions([range(len(self))[rank]])[0])

    def rejections(self) -> tuple[tuple[PersonDistance, float], ...]:
        """Return the rows that a rejected face raised, each with the class distance without it."""
        return tuple(zip(self._rows(list(self._unrejected)), self._unrejected.values(), strict=True))

    @cached_property
    def _first(self) -> list[int]:
        # Partitioning is enough for the first rows: sorting everyone costs more than the matrix product.
        return _closest(self._distances)

    @cached_property
    def _order(self) -> IntArray:
        return np.argsort(self._distances, kind="stable")

    @cached_property
    def _all_scores(self) -> AnyArray:
        return self._head.score_cosines(self._snapshot.anchors @ self._probe)

    def _positions(self, ranks: Sequence[int]) -> list[int]:
        order = self._first if max(ranks, default=0) < len(self._first) else self._order
        return [int(order[rank]) for rank in ranks]

    def _anchor_scores(self, position: int) -> AnyArray:
        return self._head.score_cosines(self._snapshot.person(position) @ self._probe)

    def _rows(self, positions: Sequence[int]) -> Iterator[PersonDistance]:
        offsets = self._snapshot.offsets
        for position in positions:
            if len(positions) > SHORTLIST:
                scores = self._all_scores[offsets[position] : offsets[position + 1]]
            else:
                scores = self._anchor_scores(position)
            yield PersonDistance(
                self._snapshot.names[position],
                float(self._distances[position]),
                float(scores.mean()),
                float(scores.min()),
                float(scores.std()),
                len(scores),
                position in self._unrejected,
            )


def rank(embedding: AnyArray, snapshot: Snapshot, head: Head) -> Sequence[PersonDistance]:
    """Return a `Ranking` of the gallery for a probe, float (dims,) of unit length, or () for an empty gallery."""
    return rank_faces(np.asarray(embedding)[None], snapshot, head)[0]


def rank_faces(embeddings: AnyArray, snapshot: Snapshot, head: Head) -> list[Sequence[PersonDistance]]:
    """Return `rank` of each face, float (faces, dims), in less time: each person is compared with all their faces."""
    if not len(snapshot):
        return [() for _ in embeddings]
    probes = np.asarray(embeddings, dtype=np.float32)
    distances = head.score_cosines(probes @ snapshot.templates.T)
    faces_by_person: dict[int, list[int]] = defaultdict(list)
    for face, row in enumerate(distances):
        for position in _closest(row):
            faces_by_person[position].append(face)
    for position, faces in faces_by_person.items():
        cosines = (snapshot.person(position) @ probes[faces].T).max(axis=0)
        for face, cosine in zip(faces, cosines, strict=True):
            if cosine >= SAME_PICTURE:
                distances[face, position] = min(distances[face, position], head.score_cosines(cosine))
    return [
        Ranking(snapshot, probe, head, row, raise_rejected(probe, snapshot, head, row))
        for probe, row in zip(probes, distances, strict=True)
    ]


def pair_score(first: AnyArray, second: AnyArray, head: Head) -> float:
    """Return the score of two faces, float32 (dims,) of unit length each: 0 same ... 1 different."""
    return float(head.score(np.asarray(np.linalg.norm(np.asarray(first, np.float64) - second))))


def _closest(distances: AnyArray) -> list[int]:
    """Return the positions of the `SHORTLIST` smallest distances in order."""
    count = min(SHORTLIST, len(distances))
    positions = np.sort(np.argpartition(distances, count - 1)[:count])
    order = np.argsort(distances[positions], kind="stable")
    return [int(position) for position in positions[order]]


def raise_rejected(probe: FloatArray, snapshot: Snapshot, head: Head, distances: AnyArray) -> dict[int, float]:
    """Raise the class distances, in place, of people for whom a face like the probe was rejected.

    A rejected face counts if the probe is closer to it than half way between the person's template and their closest
    anchor. The class distance becomes at least 1 minus the score against the rejected face. `bench.embeddings rejected`
    measures the effect. The result is the class distances before, by position.
    """
    rows = np.flatnonzero(snapshot.rejected_positions >= 0)
    before: dict[int, float] = {}
    if snapshot.rejected.embeddings is None or not len(rows):
        return before
    scores = head.score_cosines(snapshot.rejected.embeddings[rows] @ probe)
    for position, score in zip(snapshot.rejected_positions[rows].tolist(), scores.tolist(), strict=True):
        anchor_scores = head.score_cosines(snapshot.person(position) @ probe)
        if score < (anchor_scores.mean() + anchor_scores.min()) / 2:
            before.setdefault(position, float(distances[position]))
            distances[position] = max(distances[position], 1 - score)
    return before
