"""Face regions of metadata: areas of the stored picture, and their boxes in the upright one.

Metadata counts the picture as the file stores it, before its EXIF orientation is applied. See "Guidelines for Handling
Image Metadata" 2.0 of the Metadata Working Group, chapter 5.9, and
https://learn.microsoft.com/windows/win32/wic/-wic-people-tagging.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from app.vision.faces import Box

_INVERSE_ORIENTATION = {6: 8, 8: 6}
_SAME_AREA = 1e-3
_SAME_FACE = 0.3
"""Intersection over union of regions for one face. Programs draw boxes with and without hair and chin."""


class Area(NamedTuple):
    """A rectangle from its top left corner, in parts of the picture's width and height: 0 ... 1."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> tuple[float, float]:
        """Center as (x, y)."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def is_valid(self) -> bool:
        """Whether the area is a rectangle that meets the picture."""
        return (
            all(map(isfinite, self))
            and 0 < self.width <= 2
            and 0 < self.height <= 2
            and -self.width < self.x < 1
            and -self.height < self.y < 1
        )

    def equals(self, other: Area) -> bool:
        """Return whether two areas differ by rounding only."""
        return all(abs(one - two) < _SAME_AREA for one, two in zip(self, other, strict=True))

    def overlap(self, other: Area) -> float:
        """Return the intersection over union: 0 ... 1."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        shared = max(0.0, width) * max(0.0, height)
        return shared / max(1e-12, self.width * self.height + other.width * other.height - shared)

    def shows_same_face(self, other: Area) -> bool:
        """Return whether two areas are of one face."""
        return self.overlap(other) >= _SAME_FACE

    def upright(self, orientation: int) -> Area:
        """Return the area of the stored picture in the upright one, by the EXIF orientation, 1 ... 8."""
        return self.stored(_INVERSE_ORIENTATION.get(orientation, orientation))

    def stored(self, orientation: int) -> Area:
        """Return the area of the upright picture in the stored one, by the EXIF orientation, 1 ... 8."""
        x, y, width, height = self
        if orientation in (5, 6, 7, 8):
            x, y, width, height = y, x, height, width
        if orientation in (2, 3, 7, 8):
            x = 1 - x - width
        if orientation in (3, 4, 6, 7):
            y = 1 - y - height
        return Area(x, y, width, height)


@dataclass(frozen=True)
class Region:
    """A named face: its `area` of the stored picture."""

    name: str
    area: Area

    def equals(self, other: Region) -> bool:
        """Return whether both have the same name, and the same area but for rounding."""
        return self.name == other.name and self.area.equals(other.area)


def area_of(box: Box, width: int, height: int) -> Area:
    """Return the part of a picture of `width` x `height` pixels that a box covers, without what is outside."""
    left, top = max(0, box.x), max(0, box.y)
    right, bottom = min(width, box.x + box.width), min(height, box.y + box.height)
    return Area(left / width, top / height, max(0, right - left) / width, max(0, bottom - top) / height)


def stored_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Return width and height of the stored picture from those of the upright one."""
    return (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def contains(regions: Iterable[Region], region: Region) -> bool:
    """Return whether regions contain one, but for rounding."""
    return any(region.equals(other) for other in regions)
