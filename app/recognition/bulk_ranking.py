"""The two closest people of many stored embeddings, as `scoring.rank` finds them, at a fraction of its time."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from app.arrays import AnyArray, BoolArray, FloatArray, IntArray
from app.gallery.snapshot import Snapshot
from app.recognition.scoring import SAME_PICTURE, SHORTLIST, Head, PersonDistance, raise_rejected

_EXCLUDED = 1.0
"""Class distance of a person whom a user ruled out."""


@dataclass(frozen=True, eq=False)
class ClosestPeople:
    """The closest people of each face, the closest first.

    `positions` are those of the snapshot, int64 (faces, 2 or fewer), and `distances` the class distances, float32.
    """

    positions: IntArray
    distances: AnyArray

    def ranking(self, face: int, snapshot: Snapshot) -> list[PersonDistance]:
        """Return the rows of one face for `decision.decide`; without the distances to single anchors."""
        return [
            PersonDistance(snapshot.names[position], distance, np.nan, np.nan, np.nan, int(snapshot.counts[position]))
            for position, distance in zip(self.positions[face].tolist(), self.distances[face].tolist(), strict=True)
        ]


class BulkRanking:
    """Ranks blocks of embeddings against a gallery. Safe to use from several threads, which NumPy keeps busy."""

    def __init__(self, snapshot: Snapshot, head: Head) -> None:
        self._snapshot = snapshot
        self._head = head
        self._least_cosines = _least_cosines(snapshot)
        self._rejected = np.unique(snapshot.rejected_positions[snapshot.rejected_positions >= 0])

    def closest(self, embeddings: FloatArray, excluded: Mapping[int, Set[int]] | None = None) -> ClosestPeople:
        """Return the closest people of each face.

        Args:
            embeddings: float32 (faces, dims) of unit length. Memory is 4 bytes per face and person, three times.
            excluded: Positions of people whom a user ruled out, by face.
        """
        if not len(self._snapshot) or not len(embeddings):
            return ClosestPeople(np.zeros((len(embeddings), 0), np.int64), np.zeros((len(embeddings), 0), np.float32))
        cosines = embeddings @ self._snapshot.templates.T
        self._raise_same_pictures(embeddings, cosines)
        positions = _largest_two(cosines)
        distances = self._head.score_cosines(np.take_along_axis(cosines, positions, axis=1))
        affected: BoolArray = np.logical_or.reduce(np.isin(positions, self._rejected), axis=1)
        affected[list(excluded or ())] = True
        for face in np.flatnonzero(affected).tolist():
            everyone = self._head.score_cosines(cosines[face])
            raise_rejected(embeddings[face], self._snapshot, self._head, everyone)
            everyone[list((excluded or {}).get(face, ()))] = _EXCLUDED
            positions[face] = np.argsort(everyone, kind="stable")[: positions.shape[1]]
            distances[face] = everyone[positions[face]]
        return ClosestPeople(positions, distances)

    def _raise_same_pictures(self, embeddings: FloatArray, cosines: FloatArray) -> None:
        """Replace, in place, the cosines of people of whom an anchor is the same picture as the face."""
        people = cosines.shape[1]
        shortlisted: AnyArray = cosines >= self._least_cosines
        if people > SHORTLIST:
            least = np.partition(cosines, people - SHORTLIST, axis=1)[:, people - SHORTLIST]
            shortlisted &= cosines >= least[:, None]
        # By person, since gathering the faces costs less than gathering anchors.
        for position, column in enumerate(np.ascontiguousarray(shortlisted.T)):
            faces = np.flatnonzero(column)
            if len(faces):
                closest = (embeddings[faces] @ self._snapshot.person(position).T).max(axis=1)
                same = closest >= SAME_PICTURE
                rows = faces[same]
                cosines[rows, position] = np.maximum(cosines[rows, position], closest[same])


def _least_cosines(snapshot: Snapshot) -> FloatArray:
    """Return the cosine to each template under which no anchor of the person is the same picture: float32 (people,).

    The angle of a face to the template is at most its angle to an anchor plus that of anchor and template.
    """
    widest = [
        np.arccos(np.clip((snapshot.person(position) @ template).min(), -1, 1))
        for position, template in enumerate(snapshot.templates)
    ]
    largest_angles = np.minimum(np.arccos(SAME_PICTURE) + np.array(widest, np.float64) + 1e-3, np.pi)
    return np.asarray(np.cos(largest_angles), np.float32)


def _largest_two(cosines: FloatArray) -> IntArray:
    """Return the columns of the two largest values of each row, the largest first: int64 (rows, 2 or fewer)."""
    first: IntArray = cosines.argmax(axis=1)
    if cosines.shape[1] == 1:
        return first[:, None]
    rows = np.arange(len(cosines))
    others = cosines.copy()
    others[rows, first] = -np.inf
    return np.stack([first, others.argmax(axis=1)], axis=1)
