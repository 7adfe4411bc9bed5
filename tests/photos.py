"""Photos for tests, made from the shipped portraits: no test needs a picture of a real person."""

from __future__ import annotations

import io
import json
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from app.settings import ROOT
from app.vision.alignment import SIZE

ANCHORS = ROOT / "anchors"

PERSON, OTHER = "Adam Sandler", "Camila Mendes"
"""Two people whose portraits the shipped network names, and who score as different people."""

ORIENTATIONS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture has to lie in a file whose EXIF orientation is the key."""


@cache
def portraits() -> dict[str, Image.Image]:
    """Every shipped portrait by its person's name."""
    people = json.loads((ANCHORS / "people.json").read_text(encoding="utf-8"))["people"]
    return {one["name"]: Image.open(ANCHORS / one["portrait"]).convert("RGB") for one in people if one["portrait"]}


def faces_of(*names: str) -> np.ndarray:
    """Return the portraits as crops, and a darker copy of each: uint8 (2 * names, 112, 112, 3)."""
    crops = [np.asarray(portraits()[name].resize((SIZE, SIZE), Image.Resampling.BICUBIC)) for name in names]
    return np.stack(crops + [(0.7 * one).astype(np.uint8) for one in crops])


@cache
def impostor() -> Image.Image:
    """Return a face that resembles nobody: the mean of eight portraits, sharpened since a mean is blurred."""
    faces = [face.resize((224, 224)) for _, face in sorted(portraits().items())[:8]]
    mean = Image.fromarray(np.mean(faces, axis=0).round().astype(np.uint8))
    return mean.filter(ImageFilter.UnsharpMask(radius=2, percent=200, threshold=0))


def background(width: int, height: int) -> Image.Image:
    """A soft gradient, something for a face to stand before."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    channels = [150 + 60 * down, 165 + 40 * across, 185 - 30 * down * across]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


def paste(*faces: Image.Image, size: tuple[int, int] = (900, 700), side: int = 260, tilt: float = 0.0) -> Image.Image:
    """Faces in a row on a larger canvas.

    Args:
        faces: square portraits, from left to right.
        size: width and height of the canvas.
        side: of every portrait on the canvas, in pixels.
        tilt: degrees every portrait is turned by, against the clock.
    """
    canvas = background(*size)
    oval = Image.new("L", (side, side))
    ImageDraw.Draw(oval).ellipse((side * 0.04, 0, side * 0.96, side), fill=255)
    oval = oval.filter(ImageFilter.GaussianBlur(side / 60))
    for place, face in enumerate(faces, start=1):
        turned = face.resize((side, side), Image.Resampling.BICUBIC).rotate(tilt, Image.Resampling.BICUBIC)
        left = round(size[0] * place / (len(faces) + 1) - side / 2)
        canvas.paste(turned, (left, (size[1] - side) // 2), oval)
    return canvas


def encode(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    """A picture as a file's bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def webp(gray: int = 0, side: int = 16) -> bytes:
    """Return a small picture as a gallery keeps it, of one color."""
    return encode(Image.new("RGB", (side, side), (gray, gray, gray)), "WEBP", lossless=True)


def crowd(count: int, side: int) -> Image.Image:
    """Return a square picture of `count` x `count` different portraits."""
    faces = list(portraits().values())
    cell = side // count
    picture = background(side, side)
    for place in range(count * count):
        face = faces[place * len(faces) // count**2].resize((cell - cell // 12, cell - cell // 12))
        picture.paste(face, (place % count * cell, place // count * cell))
    return picture
