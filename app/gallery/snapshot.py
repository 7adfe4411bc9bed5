"""The gallery in memory: one immutable matrix of all anchors, sorted by person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everyone who can be recognised at one moment.

    `names` and `ids` have one entry a person; `anchors` is float32 (anchors, dims), unit length, the
    anchors of person i in rows `offsets[i]` to `offsets[i + 1]`; `offsets` is int64 (people + 1,);
    `revision` is the gallery's change number that this was read at. People without anchors are left out.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    anchors: np.ndarray
    offsets: np.ndarray
    revision: int

    @property
    def counts(self) -> np.ndarray:
        """Anchors of each person: int64 (people,)."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.names)
