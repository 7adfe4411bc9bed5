"""How large a shortlist has to be: `python -m bench.shortlist [--people 100000] [--anchors 8] [--probes 200]`.

An approximate index would hold one centroid a person and give the closest few; those are ranked exactly. Random people
around the directions of the shipped gallery, random probes of known people and of strangers. Printed is how often the
shortlist holds the person whom exact ranking puts first, its first ten, and how long an exact re-rank takes.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from app.card import read_card
from app.gallery import shipped, vectors
from app.gallery.snapshot import Snapshot
from app.settings import Settings
from app.verdict import rank

_SIZES = (1, 10, 30, 100, 300, 1000, 3000)
_SPREADS = (0.04, 0.06, 0.09)
"""Standard deviations of an anchor's 128 numbers around its person's, from the shipped gallery's own on."""


def own_spread() -> float:
    """That of the shipped gallery."""
    real = shipped.read(Settings().anchors).snapshot()
    middles = np.add.reduceat(real.anchors, real.offsets[:-1]) / real.counts[:, None]
    return float((real.anchors - np.repeat(middles, real.counts, axis=0)).std())


def gallery(people: int, anchors: int, spread: float, rng: np.random.Generator) -> Snapshot:
    """Random people: float32 rows of length 1 around points drawn like the shipped people."""
    real = shipped.read(Settings().anchors).snapshot()
    middles = np.add.reduceat(real.anchors, real.offsets[:-1]) / real.counts[:, None]
    # Of the shipped middles' mean and covariance, so that crowds and empty regions are as in real embeddings.
    spots = rng.multivariate_normal(middles.mean(axis=0), np.cov(middles.T), size=people)
    spots = vectors.unit_rows(spots)
    rows = vectors.unit_rows(np.repeat(spots, anchors, axis=0) + spread * rng.normal(size=(people * anchors, 128)))
    names = tuple(f"Person {number}" for number in range(people))
    return Snapshot(names, tuple(range(people)), rows, np.arange(people + 1) * anchors, 1)


def probes(snapshot: Snapshot, count: int, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Faces of people in the gallery, by noise like that of their anchors: float32 (count, 128)."""
    owners = rng.integers(len(snapshot), size=count)
    middles = np.stack([snapshot.person(int(one)).mean(axis=0) for one in owners])
    return vectors.unit_rows(vectors.unit_rows(middles) + spread * rng.normal(size=middles.shape))


def recalls(snapshot: Snapshot, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """For each size of the shortlist the share of probes whose first is on it, that of the first ten, and the share of
    the exact ranking's probes for which the bound by the centroid held.
    """
    head = read_card(Settings().model).rules.head
    centroids = np.add.reduceat(snapshot.anchors, snapshot.offsets[:-1]) / snapshot.counts[:, None]
    order = {name: place for place, name in enumerate(snapshot.names)}
    first, ten, bound = np.zeros(len(_SIZES)), np.zeros(len(_SIZES)), 0.0
    for probe in asked:
        best = [order[row.person] for row in rank(probe, snapshot, head)[:10]]
        to_centroid = np.linalg.norm(centroids - probe, axis=1)
        ranks = np.argsort(np.argsort(to_centroid))[best]
        first += [ranks[0] < size for size in _SIZES]
        ten += [np.mean(ranks < size) for size in _SIZES]
        means = [np.linalg.norm(snapshot.person(place) - probe, axis=1).mean() for place in best]
        bound += np.mean(means >= to_centroid[best] - 1e-5)
    return first / len(asked), ten / len(asked), bound / len(asked)


def reranked(snapshot: Snapshot, people: int, asked: np.ndarray) -> float:
    """Milliseconds that an exact ranking of so many people takes, the least disturbed."""
    head = read_card(Settings().model).rules.head
    last = int(snapshot.offsets[people])
    part = Snapshot(
        snapshot.names[:people], snapshot.ids[:people], snapshot.anchors[:last], snapshot.offsets[: people + 1], 1
    )
    took = []
    for probe in asked[:20]:
        started = time.perf_counter()
        rank(probe, part, head)[:10]
        took.append(time.perf_counter() - started)
    return 1000 * min(took)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--anchors", type=int, default=8)
    parser.add_argument("--probes", type=int, default=200)
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    sizes = [size for size in _SIZES if size <= arguments.people]
    print(f"{arguments.people:,} people with {arguments.anchors} anchors, {arguments.probes} probes")
    print(f"spread in the shipped gallery: {own_spread():.3f}")
    print(f"{'recall of':<34}" + "".join(f"{size:>8}" for size in sizes))
    for spread in _SPREADS:
        snapshot = gallery(arguments.people, arguments.anchors, spread, rng)
        asked = probes(snapshot, arguments.probes, spread, rng)
        # Strangers: nobody is near, so that the order is hardest to guess.
        strangers = probes(gallery(arguments.probes, 1, spread, rng), arguments.probes, spread, rng)
        for who, some in (("known", asked), ("strangers", strangers)):
            first, ten, bound = recalls(snapshot, some)
            for what, row in (("the first", first), ("the first ten", ten)):
                label = f"{what}, {who}, spread {spread}"
                print(f"{label:<34}" + "".join(f"{share:8.1%}" for share in row[: len(sizes)]))
        print(f"  mean distance >= distance to the centroid: {bound:.1%}")
    few = min(1000, arguments.people)
    print(f"exact ranking of {few}: {reranked(snapshot, few, asked):.2f} ms, of all: ", end="")
    print(f"{reranked(snapshot, arguments.people, asked):.1f} ms")


if __name__ == "__main__":
    main()
