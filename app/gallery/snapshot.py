"""Gallery in memory: names, anchors and templates of all people, for scoring a probe against everyone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from app.arrays import AnyArray, FloatArray, IntArray
from app.gallery.names import sort_key


@dataclass(frozen=True, eq=False)
class RejectedFaces:
    """Faces that were marked as not a person: the persons' IDs, and float32 (faces, dims)."""

    person_ids: tuple[int, ...] = ()
    embeddings: FloatArray = field(default_factory=lambda: np.zeros((0, 0), np.float32))


class Snapshot:
    """All people with anchors at one moment, sorted by name. Immutable, so that threads can share it.

    `anchors` is float32 (anchors, dims) of unit length, sorted by person, of which views are kept: person i has the
    rows `offsets[i]` to `offsets[i + 1]`, at least one. `templates` is float32 (people, dims), the mean of each
    person's anchors at unit length. `revision` is the number of the latest change. `shifts` are pairs of FPIR and
    threshold shift of a calibrated gallery, see `Rules.for_gallery`. `opted_out` are faces of people who must never be
    named, float32 (faces, dims), or None; people whose names are on that list are left out. `expires` is the first day
    in UTC on which the record of one of the people has expired, as 2026-12-31, or "".
    """

    def __init__(
        self,
        names: Sequence[str],
        ids: Sequence[int],
        anchors: FloatArray,
        offsets: IntArray,
        revision: int,
        rejected: RejectedFaces | None = None,
        shifts: tuple[tuple[float, float], ...] = (),
        opted_out: FloatArray | None = None,
        expires: str = "",
    ) -> None:
        sums = np.add.reduceat(anchors, offsets[:-1]) if len(names) else anchors
        self._set_people(names, ids, [anchors[first:last] for first, last in pairwise(offsets.tolist())], _unit(sums))
        self.revision, self.rejected, self.shifts = revision, rejected or RejectedFaces(), shifts
        self.opted_out, self.expires = opted_out, expires
        # Fill the cached property, which would otherwise copy the anchors.
        self.__dict__["anchors"] = anchors.view()
        self.anchors.flags.writeable = False

    def _set_people(
        self, names: Sequence[str], ids: Sequence[int], parts: Sequence[FloatArray], templates: FloatArray
    ) -> None:
        self.names, self.ids, self._parts, self.templates = tuple(names), tuple(ids), tuple(parts), templates
        for array in (*parts, templates):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.names)

    def person(self, position: int) -> FloatArray:
        """Return the anchors of the person at a position: float32 (anchors, dims)."""
        return self._parts[position]

    @cached_property
    def counts(self) -> IntArray:
        """Number of anchors of each person: int64 (people,)."""
        return np.array([len(part) for part in self._parts], dtype=np.int64)

    @cached_property
    def offsets(self) -> IntArray:
        """Index of each person's first anchor, and the number of anchors: int64 (people + 1,)."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.counts)])

    @cached_property
    def anchors(self) -> FloatArray:
        """All anchors, sorted by person: float32 (anchors, dims)."""
        return np.concatenate(self._parts) if self._parts else np.zeros((0, 0), np.float32)

    @cached_property
    def rejected_positions(self) -> IntArray:
        """Position of the person of each rejected face, -1 for people without anchors: int64 (faces,)."""
        positions = {person_id: position for position, person_id in enumerate(self.ids)}
        return np.array([positions.get(person_id, -1) for person_id in self.rejected.person_ids], dtype=np.int64)

    def apply_changes(
        self,
        people: Mapping[int, tuple[str, FloatArray] | None],
        rejected: RejectedFaces,
        revision: int,
        expires: str = "",
    ) -> Snapshot:
        """Return the snapshot after a change, which shares the anchors of all other people.

        `people` has name and anchors of each changed person by ID, None for people without anchors.
        """
        stale = [position for position, person_id in enumerate(self.ids) if person_id in people]
        names, ids, parts = list(self.names), list(self.ids), list(self._parts)
        for position in reversed(stale):
            del names[position], ids[position], parts[position]
        templates = np.delete(self.templates, stale, axis=0)
        new = [(person[0], person_id, person[1]) for person_id, person in people.items() if person]
        new.sort(key=lambda row: sort_key(row[0]))
        positions = [bisect_left(names, sort_key(name), key=sort_key) for name, _, _ in new]
        if new:
            # As in the constructor: another order of the additions would give another template.
            rows = np.concatenate([np.add.reduceat(anchors, [0]) for _, _, anchors in new])
            templates = np.insert(templates.reshape(-1, rows.shape[1]), positions, _unit(rows), axis=0)
        for position, (name, person_id, anchors) in reversed(list(zip(positions, new, strict=True))):
            names.insert(position, name)
            ids.insert(position, person_id)
            parts.insert(position, anchors)
        changed = object.__new__(Snapshot)
        changed._set_people(names, ids, parts, templates)
        changed.revision, changed.rejected, changed.shifts = revision, rejected, self.shifts
        # A change of the opt-out list loads everything again.
        changed.opted_out, changed.expires = self.opted_out, expires
        return changed


def _unit(rows: AnyArray) -> FloatArray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), dtype=np.float32)
