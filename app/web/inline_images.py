"""Pictures inside a results page: data URIs, since nothing of an upload is kept that could be linked to."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from app.recognition.results import IdentifiedFace, Probe
from app.vision.decoding import Picture
from app.vision.faces import Box

PHOTO_SIDE = 1400
"""Largest side of the photo on a results page, in pixels."""

_FACE_SIDE = 160
_FACE_MARGIN = 0.2


def photo(picture: Picture, side: int = PHOTO_SIDE) -> str:
    """The whole picture, reduced to so many pixels on its largest side, as a data URI."""
    return _data_uri(_reduced(Image.fromarray(picture.pixels), side), quality=85)


def face(picture: Picture, found: IdentifiedFace | Probe) -> str:
    """Return the crop of a face or, if it has none, the surroundings of its box, as a data URI."""
    pixels = _around(picture, found.face.box) if found.crop is None else found.crop
    return _data_uri(_reduced(Image.fromarray(pixels), _FACE_SIDE), quality=90)


def crop(pixels: np.ndarray) -> str:
    """A crop, uint8 (112, 112, 3) RGB, as a data URI."""
    return _data_uri(Image.fromarray(pixels), quality=90)


def json_uri(answer: dict[str, Any]) -> str:
    """An answer as a data URI, to be saved as a file."""
    text = json.dumps(answer, ensure_ascii=False, indent=2) + "\n"
    return "data:application/json;base64," + base64.b64encode(text.encode()).decode("ascii")


def _around(picture: Picture, box: Box) -> np.ndarray:
    margin = round(_FACE_MARGIN * max(box.width, box.height))
    top, left = max(0, box.y - margin), max(0, box.x - margin)
    edges = (top, box.y + max(1, box.height) + margin, left, box.x + max(1, box.width) + margin)
    top, bottom, left, right = (round(edge / picture.scale) for edge in edges)
    return np.ascontiguousarray(picture.pixels[top:bottom, left:right])


def _reduced(image: Image.Image, side: int) -> Image.Image:
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image


def _data_uri(image: Image.Image, quality: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
