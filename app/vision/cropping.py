"""Cut and shrink decoded pictures for display."""

import numpy as np
from PIL import Image

from app.arrays import ByteArray
from app.vision.decoding import Picture
from app.vision.faces import Box

_FACE_MARGIN = 0.25


def cut_square(picture: Picture, box: Box) -> ByteArray:
    """Return the square around a box, with a margin, moved into the picture where it reaches over an edge.

    The result is uint8 (side, side, 3) RGB, at the scale of `Picture.pixels`.
    """
    height, width = picture.pixels.shape[:2]
    side = min(round((1 + 2 * _FACE_MARGIN) * max(box.width, box.height, 1) / picture.scale), width, height)
    left = round((box.x + box.width / 2) / picture.scale - side / 2)
    top = round((box.y + box.height / 2) / picture.scale - side / 2)
    left, top = min(max(0, left), width - side), min(max(0, top), height - side)
    return np.ascontiguousarray(picture.pixels[top : top + max(1, side), left : left + max(1, side)])


def shrink(pixels: ByteArray, side: int) -> Image.Image:
    """Return an image of at most `side` pixels on its longer side from pixels, uint8 (height, width, 3) RGB."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image
