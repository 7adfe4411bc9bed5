"""Who is easily taken for whom, as a person's own anchors tell: each is ranked as if it were a probe.

Anchors come from training pictures, so new photos of the same people lie further apart; what these numbers
are good for is comparing people with each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.gallery.snapshot import Snapshot
from app.verdict import Head

MOST = 6
"""Look-alikes given unless asked for another number."""


@dataclass(frozen=True)
class Spread:
    """Class distances of a person's anchors to the others of the same person: mean, smallest and largest."""

    mean: float
    min: float
    max: float


@dataclass(frozen=True)
class Lookalike:
    """Another person and how close the first one's anchors come to them.

    `class_distance` is the mean over those anchors; `mistaken` counts the anchors that rank this person
    before the one they belong to.
    """

    id: int
    person: str
    class_distance: float
    mistaken: int


def likeness(
    person_id: int, snapshot: Snapshot, head: Head, most: int = MOST
) -> tuple[Spread | None, tuple[Lookalike, ...]]:
    """Compare a person's anchors with everyone's.

    Costs one product of the matrix of all anchors with a vector for each of the person's anchors, as
    many probes would.

    Arguments:
        person_id: someone in the snapshot; others have no anchors, so no spread and no look-alikes.
        snapshot: the gallery.
        head: from distance to score.
        most: look-alikes wanted.

    Returns:
        The spread, None for a single anchor; the look-alikes, the closest first.
    """
    if person_id not in snapshot.ids:
        return None, ()
    own = snapshot.ids.index(person_id)
    distances = class_distances(own, snapshot, head)
    inside, outside = distances[:, own], np.delete(distances, own, axis=1)
    others = np.delete(np.arange(len(snapshot)), own)
    means = outside.mean(axis=0)
    # A lone anchor has nothing of its own to be compared with, so it is no one's mistake.
    mistaken = (outside < inside[:, None]).sum(axis=0)
    closest = tuple(
        Lookalike(snapshot.ids[others[i]], snapshot.names[others[i]], float(means[i]), int(mistaken[i]))
        for i in np.argsort(means, kind="stable")[:most]
    )
    spread = None if np.isnan(inside).any() else Spread(*(float(f(inside)) for f in (np.mean, np.min, np.max)))
    return spread, closest


def class_distances(own: int, snapshot: Snapshot, head: Head) -> np.ndarray:
    """Class distances of a person's anchors to everyone: float64 (anchors, people).

    To the person themselves an anchor is compared with the others alone; NaN where there is no other.

    Arguments:
        own: the person's position.
        snapshot: the gallery.
        head: from distance to score.
    """
    anchors, counts = snapshot.person(own), snapshot.counts.astype(np.float64)
    sums = np.empty((len(anchors), len(snapshot)))
    for block, first in zip(snapshot.blocks, snapshot.firsts, strict=False):
        scores = head.score(np.sqrt(np.maximum(2.0 - 2.0 * (anchors @ block.anchors.T), 0.0)))
        if first <= own < first + len(block.starts):
            itself = block.starts[own - first] + np.arange(len(anchors))
            scores[np.arange(len(anchors)), itself] = 0.0
        np.add.reduceat(scores, block.starts, axis=1, out=sums[:, first : first + len(block.starts)])
    counts[own] -= 1
    with np.errstate(invalid="ignore"):
        return sums / counts
