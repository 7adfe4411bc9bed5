"""The gallery in memory: all anchors, sorted by person, in blocks that a change replaces one by one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain

import numpy as np

from app.gallery import names as spelling

BLOCK_ROWS = 65_536
"""Anchors of a block, about: enough to keep a matrix product busy, few enough that a change copies little."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some people in a row: their `anchors`, person i's from row `starts[i]`, `counts[i]` of them.

    `starts` and `counts` are int64 (people,). The anchors are rows of a `matrix`, float32 (rows, dims), that
    other blocks may share, from row `first` on.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    matrix: np.ndarray
    first: int
    starts: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, people: Sequence[tuple[str, int]], parts: Sequence[np.ndarray]) -> Block:
        """Join people, (name, id) each, and their anchors, at least one person."""
        counts = np.array([len(part) for part in parts], dtype=np.int64)
        return cls(*zip(*people, strict=True), np.concatenate(parts), 0, np.cumsum(counts) - counts, counts)

    def __len__(self) -> int:
        return int(self.starts[-1] + self.counts[-1])

    @property
    def anchors(self) -> np.ndarray:
        """All anchors of these people: float32 (anchors, dims)."""
        return self.matrix[self.first : self.first + len(self)]

    @cached_property
    def means(self) -> np.ndarray:
        """Mean of each person's anchors, not normalized: float32 (people, dims)."""
        return np.add.reduceat(self.anchors, self.starts) / self.counts[:, None].astype(np.float32)

    def rows(self, position: int) -> np.ndarray:
        """The anchors of one of the block's people."""
        return self.anchors[self.starts[position] : self.starts[position] + self.counts[position]]


@dataclass(frozen=True, eq=False)
class Rejected:
    """Faces that are not the person they look like: `ids` of the people, and float32 (faces, dims)."""

    ids: tuple[int, ...] = ()
    embeddings: np.ndarray | None = None


@dataclass(frozen=True, eq=False, init=False)
class Snapshot:
    """Everyone who can be recognized at one moment. People without anchors are left out.

    `names` and `ids` have one entry a person; `blocks` have their anchors, in the same order; `rejected`
    has the faces that weigh against somebody; `revision` is the change number that this was read at; `shifts` are the
    thresholds' shifts of a calibrated gallery, see `verdict.Rules`.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    blocks: tuple[Block, ...]
    rejected: Rejected
    revision: int
    shifts: tuple[tuple[float, float], ...]

    def __init__(
        self,
        names: Sequence[str],
        ids: Sequence[int],
        anchors: np.ndarray,
        offsets: np.ndarray,
        revision: int,
        rejected: Rejected | None = None,
        shifts: tuple[tuple[float, float], ...] = (),
    ) -> None:
        """Take a whole gallery.

        Args:
            names: of everyone, in order.
            ids: of everyone.
            anchors: float32 (anchors, dims), unit length; kept, not copied.
            offsets: int64 (people + 1,): person i's anchors are rows `offsets[i]` to `offsets[i + 1]`.
            revision: the gallery's change number.
            rejected: the rejected faces, if any.
            shifts: see `verdict.Rules`, of a gallery that was calibrated.
        """
        self._fill(_split(tuple(names), tuple(ids), anchors, offsets), rejected or Rejected(), revision, shifts)
        self.__dict__.update(anchors=anchors, offsets=offsets)

    def _fill(
        self,
        blocks: tuple[Block, ...],
        rejected: Rejected,
        revision: int,
        shifts: tuple[tuple[float, float], ...],
    ) -> None:
        everyone = {
            "names": tuple(chain.from_iterable(block.names for block in blocks)),
            "ids": tuple(chain.from_iterable(block.ids for block in blocks)),
        }
        self.__dict__.update(everyone, blocks=blocks, rejected=rejected, revision=revision, shifts=shifts)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def counts(self) -> np.ndarray:
        """Anchors of each person: int64 (people,)."""
        return np.concatenate([block.counts for block in self.blocks] or [np.zeros(0, np.int64)])

    @cached_property
    def firsts(self) -> tuple[int, ...]:
        """The position of each block's first person, and the number of people: (blocks + 1,)."""
        return tuple(accumulate((len(block.names) for block in self.blocks), initial=0))

    @cached_property
    def offsets(self) -> np.ndarray:
        """Person i's anchors are rows `offsets[i]` to `offsets[i + 1]` of `anchors`: int64 (people + 1,)."""
        return _frozen(np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64))

    @cached_property
    def templates(self) -> np.ndarray:
        """Template of each person, the mean of their anchors at unit length: float32 (people, dims)."""
        means = np.concatenate([block.means for block in self.blocks])
        return _frozen(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6))

    @cached_property
    def runs(self) -> tuple[np.ndarray, ...]:
        """All anchors in as few pieces as they lie in memory, in order: float32 (anchors, dims) each."""
        pieces: list[tuple[np.ndarray, int, int]] = []
        for block in self.blocks:
            if pieces and pieces[-1][0] is block.matrix and pieces[-1][2] == block.first:
                pieces[-1] = (block.matrix, pieces[-1][1], block.first + len(block))
            else:
                pieces.append((block.matrix, block.first, block.first + len(block)))
        return tuple(matrix[first:last] for matrix, first, last in pieces)

    @property
    def anchors(self) -> np.ndarray:
        """All anchors: float32 (anchors, dims). A copy where changes have replaced blocks: not for every day."""
        whole = self.__dict__.get("anchors")
        return _frozen(np.concatenate([block.anchors for block in self.blocks])) if whole is None else whole

    def person(self, position: int) -> np.ndarray:
        """One person's anchors: float32 (anchors, dims)."""
        number = bisect_left(self.firsts, position + 1) - 1
        return self.blocks[number].rows(position - self.firsts[number])

    @cached_property
    def rejecting(self) -> np.ndarray:
        """The positions of the people whom `rejected` weighs against, -1 where they are not here: int64 (faces,)."""
        places = {key: place for place, key in enumerate(self.ids)} if self.rejected.ids else {}
        return np.array([places.get(key, -1) for key in self.rejected.ids], dtype=np.int64)

    def changed(
        self, people: Mapping[int, tuple[str, np.ndarray] | None], rejected: Rejected, revision: int
    ) -> Snapshot:
        """The gallery after a change, sharing every block that it left alone.

        Args:
            people: name and anchors by id of everyone who is other than before; None of those who are gone.
            rejected: all rejected faces as they are now.
            revision: the change number.
        """
        blocks = list(self.blocks)
        for key, person in people.items():
            _take_out(blocks, key)
            if person is not None and len(person[1]):
                _put_in(blocks, key, *person)
        after = object.__new__(Snapshot)
        after._fill(tuple(blocks), rejected, revision, self.shifts)
        return after


def _frozen(array: np.ndarray) -> np.ndarray:
    """The array itself, read-only: a snapshot is shared by all threads."""
    array.flags.writeable = False
    return array


def _split(names: tuple[str, ...], ids: tuple[int, ...], anchors: np.ndarray, offsets: np.ndarray) -> tuple[Block, ...]:
    blocks, first = [], 0
    while first < len(names):
        last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + BLOCK_ROWS, side="right")) - 1)
        starts = np.asarray(offsets[first:last], dtype=np.int64) - offsets[first]
        counts = np.diff(offsets[first : last + 1]).astype(np.int64)
        blocks.append(Block(names[first:last], ids[first:last], anchors, int(offsets[first]), starts, counts))
        first = last
    return tuple(blocks)


def _take_out(blocks: list[Block], key: int) -> None:
    for number, block in enumerate(blocks):
        if key in block.ids:
            rest = [place for place, other in enumerate(block.ids) if other != key]
            people = [(block.names[place], block.ids[place]) for place in rest]
            blocks[number : number + 1] = [_made(people, [block.rows(place) for place in rest])] if rest else []
            return


def _put_in(blocks: list[Block], key: int, name: str, anchors: np.ndarray) -> None:
    order = spelling.order(name)
    number = max(0, bisect_left(blocks, order, key=lambda block: spelling.order(block.names[0])) - 1)
    block = blocks[number] if blocks else None
    people = list(zip(block.names, block.ids, strict=True)) if block else []
    parts = [block.rows(place) for place in range(len(people))]
    place = bisect_left(people, order, key=lambda person: spelling.order(person[0]))
    people.insert(place, (name, key))
    parts.insert(place, anchors)
    middle = len(people) // 2 if sum(map(len, parts)) > 2 * BLOCK_ROWS else 0
    halves = [slice(0, middle), slice(middle, None)]
    blocks[number : number + 1] = [_made(people[half], parts[half]) for half in halves if people[half]]


def _made(people: Sequence[tuple[str, int]], parts: Sequence[np.ndarray]) -> Block:
    block = Block.of(people, parts)
    _frozen(block.matrix)
    return block
