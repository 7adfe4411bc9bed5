"""Inline images (data URIs) for results pages: uploads are not stored, so pages cannot link to them."""

import base64
import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from PIL import Image

from app.arrays import ByteArray
from app.recognition.results import IdentifiedFace, Probe
from app.vision.cropping import cut_square, shrink
from app.vision.decoding import Picture

PHOTO_SIDE = 1400
"""Largest side of a photo on a results page, in pixels."""


def photo(picture: Picture, side: int = PHOTO_SIDE) -> str:
    """Return the photo as a data URI, at most `side` pixels on its largest side."""
    return _image_uri(shrink(picture.pixels, side), quality=85)


def face(picture: Picture, face: IdentifiedFace | Probe, side: int = 160) -> str:
    """Return the square around a face's box as a data URI, at most `side` pixels large."""
    return _image_uri(shrink(cut_square(picture, face.face.box), side), quality=80, kind="WEBP")


def crop(pixels: ByteArray) -> str:
    """Return a face crop, uint8 (112, 112, 3) RGB, as a data URI."""
    return _image_uri(Image.fromarray(pixels), quality=90)


def json_uri(answer: dict[str, Any]) -> str:
    """Return an answer of the API as a data URI that a browser can save as a file."""
    text = json.dumps(answer, ensure_ascii=False, indent=1) + "\n"
    return _data_uri("application/json", text.encode())


def csv_uri(rows: Iterable[Sequence[object]]) -> str:
    """Return rows of cells as the data URI of a CSV file."""
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return _data_uri("text/csv", file.getvalue().encode("utf-8", "replace"))


def _image_uri(image: Image.Image, quality: int, kind: Literal["JPEG", "WEBP"] = "JPEG") -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return _data_uri(f"image/{kind.lower()}", buffer.getvalue())


def _data_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
