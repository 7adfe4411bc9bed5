"""Layout of boxes and names over a photo, in percent of the photo, so that they fit a photo of any displayed size."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from app.vision.faces import Box

Anchor = Literal["start", "middle", "end"]

# Displayed widths of a photo in CSS pixels, on a desktop and on a phone, and the size of a name.
_WIDE, _NARROW = 620.0, 358.0
_LETTER, _LINE, _GAP = 8.6, 18.0, 5.0

# Names near the left or right edge begin or end there.
_EDGE = 16.0


@dataclass(frozen=True)
class Label:
    """A box in percent of the photo's width and height, and the place of its name.

    `baseline` is a percentage, and `shift` moves the text from there by CSS pixels. A name that would overlap another
    one is shown on demand only: `crowded` at every width, `wide_only` on phones, where it may not cover a face either.
    """

    left: float
    top: float
    width: float
    height: float
    x: float
    anchor: Anchor
    baseline: float
    shift: float
    crowded: bool
    wide_only: bool

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the box, in percent."""
        return self.left + self.width / 2, self.top + self.height / 2


@dataclass(frozen=True)
class _Area:
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "_Area") -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def place_labels(boxes: Sequence[Box], names: Sequence[str], width: int, height: int) -> list[Label]:
    """Place a name over or below each box of a photo of `width` x `height` pixels, if possible beside other faces.

    Larger faces come first. A name "" takes no place.
    """
    photos = {shown: _Photo(shown, shown * height / width) for shown in (_WIDE, _NARROW)}
    labels: dict[int, Label] = {}
    for index in sorted(range(len(boxes)), key=lambda index: -boxes[index].area):
        box, name = boxes[index], names[index]
        options = [_label(box, width, height, below) for below in (False, True)]
        others = [_label(other, width, height, False) for other in boxes if other is not box]
        wide, narrow = photos.values()
        label = min(options, key=lambda option: (not wide.fits(option, name), wide.covers(option, name, others)))
        is_wide_only = not narrow.fits(label, name) or narrow.covers(label, name, others)
        label = replace(label, crowded=not wide.fits(label, name), wide_only=is_wide_only)
        for photo, hidden in ((wide, label.crowded), (narrow, label.crowded or label.wide_only)):
            if name and not hidden:
                photo.taken.append(photo.area(label, name))
        labels[index] = label
    return [labels[index] for index in range(len(boxes))]


@dataclass
class _Photo:
    """A photo as displayed, in CSS pixels, and the areas that names take."""

    width: float
    height: float
    taken: list[_Area] = field(default_factory=list)

    def area(self, label: Label, name: str) -> _Area:
        """Return the area of a name."""
        length = _LETTER * len(name)
        x = label.x / 100 * self.width
        left = {"start": x, "middle": x - length / 2, "end": x - length}[label.anchor]
        bottom = label.baseline / 100 * self.height + label.shift + _GAP
        return _Area(left, bottom - _LINE, left + length, bottom)

    def fits(self, label: Label, name: str) -> bool:
        """Return whether a name is inside the photo and overlaps no other name."""
        area = self.area(label, name)
        inside = area.left >= 0 and area.top >= 0 and area.right <= self.width and area.bottom <= self.height
        return inside and not any(area.overlaps(other) for other in self.taken)

    def covers(self, label: Label, name: str, others: Sequence[Label]) -> bool:
        """Return whether a name overlaps the box of another face."""
        area, x, y = self.area(label, name), self.width / 100, self.height / 100
        boxes = (_Area(b.left * x, b.top * y, (b.left + b.width) * x, (b.top + b.height) * y) for b in others)
        return any(area.overlaps(box) for box in boxes)


def _label(box: Box, width: int, height: int, below: bool) -> Label:
    left, top = 100 * box.x / width, 100 * box.y / height
    box_width, box_height = 100 * box.width / width, 100 * box.height / height
    middle = left + box_width / 2
    anchor: Anchor = "start" if middle < _EDGE else "end" if middle > 100 - _EDGE else "middle"
    x = max(0.5, left) if anchor == "start" else min(99.5, left + box_width) if anchor == "end" else middle
    baseline, shift = (top + box_height, _LINE) if below else (top, -_GAP - 2)
    return Label(left, top, box_width, box_height, x, anchor, baseline, shift, False, False)
