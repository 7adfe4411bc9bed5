"""Regions of a photo that was decoded at reduced scale, decoded again with the pixels that small faces need."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.arrays import AnyArray, ByteArray, DoubleArray
from app.errors import UnreadableImage

log = logging.getLogger(__name__)


class Window(NamedTuple):
    """A rectangle of an upright picture in pixels, without its right and lower edge."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> int:
        """Area in pixels."""
        return self.width * self.height

    def contains(self, other: Window) -> bool:
        """Return whether another window is inside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )

    def union(self, other: Window) -> Window:
        """Return the smallest window that contains both."""
        return Window(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def clip(self, width: int, height: int) -> Window:
        """Return the part within a picture of `width` x `height` pixels."""
        left, top = min(max(0, self.left), width), min(max(0, self.top), height)
        return Window(left, top, min(max(left, self.right), width), min(max(top, self.bottom), height))

    def reduce(self, factor: int) -> Window:
        """Return the window in the picture reduced by a whole number, with all pixels that show a part of it."""
        return Window(self.left // factor, self.top // factor, -(-self.right // factor), -(-self.bottom // factor))


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of a part of a picture, uint8 (height, width, 3) RGB.

    `scale` are pixels of the file's picture per pixel. `left` and `top` are where the region starts, at its scale.
    """

    pixels: ByteArray
    scale: float
    left: int = 0
    top: int = 0

    def locate(self, points: AnyArray) -> DoubleArray:
        """Return where points of the file's picture, float (n, 2), are in `pixels`."""
        # Pixel centers are at half steps.
        return np.asarray((points + 0.5) / self.scale - 0.5 - [self.left, self.top], np.float64)


Reader = Callable[[Sequence[Window], int], Sequence[ByteArray]]
"""Decodes the picture reduced by a factor, and returns the pixels of windows at that scale."""


class Closeups:
    """Regions of a picture of `size` (width, height), which `read` decodes. Not safe to use from several threads."""

    def __init__(self, size: tuple[int, int], read: Reader) -> None:
        self._size = size
        self._read = read
        self._regions: list[tuple[Window, Region]] = []
        self._is_refused = False

    def load(self, windows: Sequence[Window], scale: float) -> bool:
        """Decode windows, with at most `scale` pixels of the file's picture per pixel, for `find`.

        Return False for a photo that takes too much time or memory at that scale, which is not tried again.
        """
        if self._is_refused:
            return False
        factor = 1
        while 2 * factor <= scale:
            factor *= 2
        clipped = [window.clip(*self._size) for window in windows]
        # Crowded windows overlap, and never need more memory than the picture.
        bounds = functools.reduce(Window.union, clipped)
        if sum(window.area for window in clipped) > bounds.area:
            clipped = [bounds]
        reduced = [window.reduce(factor) for window in clipped]
        try:
            parts = self._read(reduced, factor)
        except UnreadableImage as error:
            log.info("A photo was decoded at reduced scale only: %s", error)
            self._is_refused = True
            return False
        self._regions += [
            (window, Region(pixels, factor, small.left, small.top))
            for window, small, pixels in zip(clipped, reduced, parts, strict=True)
        ]
        return True

    def find(self, window: Window) -> Region | None:
        """Return a region that shows all of a window within the picture, None if none was loaded."""
        clipped = window.clip(*self._size)
        return next((region for bounds, region in self._regions if bounds.contains(clipped)), None)
