"""Look-alikes of a person, and the spread of their anchors: each anchor is ranked as if it were a probe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.gallery.snapshot import Snapshot
from app.recognition.scoring import Head

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

    Costs one product of the matrix of all templates with a vector for each of the person's anchors.

    Args:
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
    """Return the class distances of a person's anchors to everyone: float32 (anchors, people).

    For the person themselves an anchor is compared with the template of the others (leave-one-out); NaN where there is
    no other.

    Args:
        own: the person's position.
        snapshot: the gallery.
        head: from distance to score.
    """
    distances = head.score_cosines(snapshot.person(own) @ snapshot.templates.T)
    distances[:, own] = leave_one_out(snapshot.person(own), head)
    return distances


def leave_one_out(anchors: np.ndarray, head: Head) -> np.ndarray:
    """Return the class distance of each anchor to the template of the others.

    Args:
        anchors: float32 (anchors, dims) of unit length, all of one person.
        head: from distance to score.

    Returns:
        float32 (anchors,); NaN for a lone anchor.
    """
    if len(anchors) < 2:
        return np.full(len(anchors), np.nan, np.float32)
    others = anchors.sum(axis=0) - anchors
    lengths = np.maximum(np.linalg.norm(others, axis=1), 1e-6)
    return head.score_cosines((anchors * others).sum(axis=1) / lengths)
