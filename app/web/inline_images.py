"""Inline images (data URIs) for results pages: uploads are not stored, so pages cannot link to them."""

import base64
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from app.arrays import ByteArray
from app.recognition.results import IdentifiedFace, Probe
from app.vision.decoding import Picture
from app.vision.faces import Box

PHOTO_SIDE = 1400
"""Largest side of a photo on a results page, in pixels."""

_FACE_SIDE = 160
_FACE_MARGIN = 0.2


def photo(picture: Picture, side: int = PHOTO_SIDE) -> str:
    """Return the photo as a data URI, at most `side` pixels on its largest side."""
    return _image_uri(_resized(picture.pixels, side), quality=85)


def face(picture: Picture, face: IdentifiedFace | Probe) -> str:
    """Return a face's crop as a data URI, or the surroundings of its box if it has no crop."""
    pixels = _cut_box(picture, face.face.box) if face.crop is None else face.crop
    return _image_uri(_resized(pixels, _FACE_SIDE), quality=90)


def crop(pixels: ByteArray) -> str:
    """Return a face crop, uint8 (112, 112, 3) RGB, as a data URI."""
    return _image_uri(Image.fromarray(pixels), quality=90)


def json_uri(answer: dict[str, Any]) -> str:
    """Return an answer of the API as a data URI that a browser can save as a file."""
    text = json.dumps(answer, ensure_ascii=False, indent=2) + "\n"
    return _data_uri("application/json", text.encode())


def _cut_box(picture: Picture, box: Box) -> ByteArray:
    margin = round(_FACE_MARGIN * max(box.width, box.height))
    top, left = max(0, box.y - margin), max(0, box.x - margin)
    edges = (top, box.y + max(1, box.height) + margin, left, box.x + max(1, box.width) + margin)
    top, bottom, left, right = (round(edge / picture.scale) for edge in edges)
    return np.ascontiguousarray(picture.pixels[top:bottom, left:right])


def _resized(pixels: ByteArray, side: int) -> Image.Image:
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image


def _image_uri(image: Image.Image, quality: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return _data_uri("image/jpeg", buffer.getvalue())


def _data_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
