"""Cut and shrink decoded pictures for display."""

import numpy as np
from PIL import Image

from app.arrays import ByteArray
from app.vision.closeups import Window
from app.vision.decoding import Picture
from app.vision.faces import Box

_FACE_MARGIN = 0.25


def cut_square(picture: Picture, box: Box) -> ByteArray:
    """Return the square around a box, with a margin, moved into the picture where it reaches over an edge.

    The result is uint8 (side, side, 3) RGB, at the scale of `Picture.region`.
    """
    window = face_window(picture, box)
    region = picture.region(window)
    height, width = region.pixels.shape[:2]
    side = min(max(1, round(window.width / region.scale)), width, height)
    left = min(max(0, round(window.left / region.scale) - region.left), width - side)
    top = min(max(0, round(window.top / region.scale) - region.top), height - side)
    return np.ascontiguousarray(region.pixels[top : top + side, left : left + side])


def face_window(picture: Picture, box: Box) -> Window:
    """Return the square around a box that `cut_square` shows."""
    side = min(round((1 + 2 * _FACE_MARGIN) * max(box.width, box.height, 1)), picture.width, picture.height)
    left, top = round(box.x + (box.width - side) / 2), round(box.y + (box.height - side) / 2)
    left, top = min(max(0, left), picture.width - side), min(max(0, top), picture.height - side)
    return Window(left, top, left + side, top + side)


def shrink(pixels: ByteArray, side: int) -> Image.Image:
    """Return an image of at most `side` pixels on its longer side from pixels, uint8 (height, width, 3) RGB."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image
