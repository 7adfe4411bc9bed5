"""What the steps of training learn from, made one ahead in a thread.

Everything random depends on (seed, step) alone, so a run killed and resumed equals one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from app.training.augmentation import augment
from app.training.data.answers import Answers
from app.training.data.tiles import TileSet
from app.training.fit import losses
from app.training.fit.schedule import Plan
from app.vision import alignment


@dataclass(frozen=True)
class Pairs:
    """Draws batches of face numbers: half of each batch is one face of a person, half another of the same."""

    people: np.ndarray
    faces: np.ndarray

    def draw(self, step: int, plan: Plan) -> np.ndarray:
        """Positions of one batch: int (batch,), faces 2k and 2k + 1 of the same person where they have two.

        Every face comes first in a pair once a round, in an order of its own each round.
        """
        half = plan.batch // 2
        rng = np.random.default_rng([plan.seed, step])
        at = np.arange(step * half, (step + 1) * half)
        firsts = np.empty(half, dtype=np.int64)
        for lap in np.unique(at // len(self.faces)):
            order = np.random.default_rng([plan.seed, 7, int(lap)]).permutation(self.faces)
            here = at // len(self.faces) == lap
            firsts[here] = order[at[here] % len(self.faces)]
        seconds = [self._mate(first, rng) for first in firsts]
        return np.stack([firsts, seconds], axis=1).ravel()

    def _mate(self, first: int, rng: np.random.Generator) -> int:
        mates = self._by_person[self.people[first]]
        return int(mates[rng.integers(len(mates))])

    def __post_init__(self) -> None:
        members: dict[int, list[int]] = {}
        for face in self.faces:
            members.setdefault(int(self.people[face]), []).append(int(face))
        object.__setattr__(self, "_by_person", {person: np.array(faces) for person, faces in members.items()})


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    `seen` is what the learner is called with, float32 (batch, 112, 112, 3), normalized, unless it renders faces itself;
    `wanted` what it compares its embeddings with: `label`, int32 (batch,), `losses.NOBODY` for blends, and where there
    is a teacher `target`, float32 (batch, dims) of length 1.
    """

    step: int
    seen: np.ndarray | dict
    wanted: dict[str, np.ndarray]


def augmented(tiles: TileSet, pairs: Pairs, plan: Plan, start: int, answers: Answers | None = None) -> Iterator[Batch]:
    """Batches from step `start` on, made one ahead in a thread.

    Where there are answers of a teacher, a share of the faces, `plan.blended`, are blends that it was asked about.
    """
    cv2.setNumThreads(1)

    def picture(face: int, rng: np.random.Generator) -> tuple[np.ndarray, int, np.ndarray | None]:
        blend = answers.draw(face, rng) if answers and rng.random() < plan.blended else None
        if blend:
            return blend[0], losses.NOBODY, blend[1]
        tile, eyes = tiles.tiles[face], tiles.eyes[face]
        shown = augment.random_crop(tile, eyes, rng) if plan.augmented else alignment.align(tile, eyes)
        return shown, pairs.people[face], None if tiles.targets is None else tiles.targets[face]

    def make(step: int) -> Batch:
        chosen = pairs.draw(step, plan)
        made = [picture(face, np.random.default_rng([plan.seed, step, i])) for i, face in enumerate(chosen)]
        crops, labels, targets = zip(*made, strict=True)
        wanted = {"label": np.array(labels, dtype=np.int32)}
        wanted |= {} if targets[0] is None else {"target": np.stack(targets)}
        return Batch(step, alignment.normalize(np.stack(crops)), wanted)

    return ahead(make, start, plan.steps)


def ahead(make: Callable[[int], Batch], start: int, end: int) -> Iterator[Batch]:
    """The batches `make(start)` to `make(end - 1)`, each made in a thread while the one before it is learnt from."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(make, start) if start < end else None
        for step in range(start, end):
            ready = coming.result()
            if step + 1 < end:
                coming = pool.submit(make, step + 1)
            yield ready
