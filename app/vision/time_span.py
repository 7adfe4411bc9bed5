"""Time spans of videos. Imports little, because commands that read no picture use it."""

from __future__ import annotations

from typing import NamedTuple


class TimeSpan(NamedTuple):
    """When a video shows a face, in seconds from its start: first, last and `best` frame."""

    start: float
    end: float
    best: float

    def overlaps(self, other: TimeSpan) -> bool:
        """Return whether two faces are in the video at the same time."""
        return self.start <= other.end and other.start <= self.end
