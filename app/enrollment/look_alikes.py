"""Look-alikes of a person, and the spread of their anchors: each anchor is ranked like a probe."""

from dataclasses import dataclass

import numpy as np

from app.arrays import AnyArray, FloatArray
from app.gallery.snapshot import Snapshot
from app.recognition.scoring import Head

MAX_LOOK_ALIKES = 6
_SHORTLIST = 64  # people, closest to the mean of the anchors, whose mean distance is computed


@dataclass(frozen=True)
class Spread:
    """Mean, smallest and largest class distance of a person's anchors to the template of the other anchors."""

    mean: float
    min: float
    max: float


@dataclass(frozen=True)
class LookAlike:
    """Another person whom a person's anchors resemble."""

    id: int
    person: str
    class_distance: float  # mean of the anchors
    closer_anchors: int  # anchors that are closer to the other person than to their own


def find_look_alikes(person_id: int, snapshot: Snapshot, head: Head) -> tuple[Spread | None, tuple[LookAlike, ...]]:
    """Return a person's spread, None for fewer than two anchors, and look-alikes, the closest first."""
    if person_id not in snapshot.ids:
        return None, ()
    position = snapshot.ids.index(person_id)
    anchors = snapshot.person(position)
    own = leave_one_out(anchors, head)
    # Scoring all anchors against everyone would take a second in a large gallery.
    cosines = snapshot.templates @ anchors.mean(axis=0)
    cosines[position] = -np.inf
    count = min(_SHORTLIST, len(snapshot) - 1)
    shortlist = np.sort(np.argpartition(-cosines, count)[:count])
    distances = head.score_cosines(anchors @ snapshot.templates[shortlist].T)
    means = distances.mean(axis=0)
    # The own distance of a single anchor is NaN, so no other person counts as closer.
    closer = (distances < own[:, None]).sum(axis=0)
    spread = None if len(own) < 2 else Spread(float(own.mean()), float(own.min()), float(own.max()))
    return spread, tuple(
        LookAlike(snapshot.ids[other], snapshot.names[other], float(means[column]), int(closer[column]))
        for column in np.argsort(means, kind="stable")[:MAX_LOOK_ALIKES].tolist()
        for other in (int(shortlist[column]),)
    )


def class_distances(position: int, snapshot: Snapshot, head: Head) -> AnyArray:
    """Return the class distances of a person's anchors to everyone, see `leave_one_out`: float32 (anchors, people)."""
    distances = head.score_cosines(snapshot.person(position) @ snapshot.templates.T)
    distances[:, position] = leave_one_out(snapshot.person(position), head)
    return distances


def leave_one_out(anchors: FloatArray, head: Head) -> AnyArray:
    """Return the class distance of each of a person's anchors to the template of the others, NaN for a single one.

    Float32 (anchors, dims) of unit length to float32 (anchors,).
    """
    if len(anchors) < 2:
        return np.full(len(anchors), np.nan, np.float32)
    others = anchors.sum(axis=0) - anchors
    lengths = np.maximum(np.linalg.norm(others, axis=1), 1e-6)
    return head.score_cosines((anchors * others).sum(axis=1) / lengths)
