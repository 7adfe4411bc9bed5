"""How a network does while it trains, on people whom it does not learn from: told in pairs, as LFW is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.training.data.splits import split_of
from app.training.data.tiles import TileSet
from app.training.evaluation.verification import folds_accuracy
from app.vision import alignment

PAIRS = 300
"""Pairs of one person, and as many of two, that are compared at most."""

_LEAST = 20
_BATCH = 64


class Validation:
    """Pairs of faces of the people held back for calibration, the same ones each time.

    Args:
        tiles: the faces.
        seed: of the split into people who train and others, and of the pairs.
    """

    def __init__(self, tiles: TileSet, seed: int) -> None:
        whose: dict[str, list[int]] = {}
        for place, (who, file) in enumerate(zip(tiles.identities, tiles.files, strict=True)):
            if split_of(who, file, seed) == "calibration-impostor":
                whose.setdefault(who, []).append(place)
        rng = np.random.default_rng([seed, 11])
        several = [faces for faces in whose.values() if len(faces) > 1]
        self._same = _pairs(several, rng, lambda: (rng.integers(len(several)),) * 2)
        everybody = list(whose.values())
        self._different = _pairs(everybody, rng, lambda: rng.choice(len(everybody), 2, replace=False))
        self._faces, places = np.unique([*self._same, *self._different], return_inverse=True)
        self._places = places.reshape(-1, 2)
        self._crops = [alignment.align(tiles.tiles[face], tiles.eyes[face]) for face in self._faces]

    @property
    def possible(self) -> bool:
        """Whether there are people enough to say anything."""
        return min(len(self._same), len(self._different)) >= _LEAST

    def accuracy(self, embed: Callable[[np.ndarray], np.ndarray]) -> float:
        """Share of the pairs told rightly, by thresholds chosen on the others of them.

        Args:
            embed: float32 (faces, 112, 112, 3), normalized, to unit-length (faces, dims).
        """
        batches = [self._crops[at : at + _BATCH] for at in range(0, len(self._crops), _BATCH)]
        embeddings = np.concatenate([np.asarray(embed(alignment.normalize(np.stack(batch)))) for batch in batches])
        first, second = embeddings[self._places].swapaxes(0, 1)
        different = np.arange(len(first)) >= len(self._same)
        mixed = np.random.default_rng(0).permutation(len(first))  # every fold gets pairs of both kinds
        return folds_accuracy(np.linalg.norm(first - second, axis=1)[mixed], different[mixed])[0]


def _pairs(people: list[list[int]], rng: np.random.Generator, draw: Callable) -> list[tuple[int, int]]:
    """Up to `PAIRS` different pairs of faces of the people that `draw` gives the numbers of."""
    found: set[tuple[int, int]] = set()
    if len(people) < 2:
        return []
    for _ in range(4 * PAIRS):
        one, other = draw()
        first, second = (
            rng.choice(people[one], 2, replace=False) if one == other else map(rng.choice, (people[one], people[other]))
        )
        found.add((min(int(first), int(second)), max(int(first), int(second))))
        if len(found) == PAIRS:
            break
    return sorted(found)
