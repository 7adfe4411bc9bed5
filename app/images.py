"""Bytes -> an upright RGB picture. The only decoder of the project; formats and limits live here."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Pillow's names of what is opened (MPO opens as JPEG); everything else is refused before a decoder sees it."""

FORMAT_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
"""The same for people."""

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .webp .gif .bmp .dib .tif .tiff .avif .avifs .heic .heif .hif .heics".split()
)
"""File name endings that `looks_like_picture` goes by, and that a file picker offers."""

MAX_PIXELS = 40_000_000
"""Default limit of width x height, read from the header before anything is decoded."""

_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    RuntimeError,
    EOFError,
    MemoryError,
    TypeError,
    Image.DecompressionBombError,
)
"""What Pillow and its plugins were seen to raise on broken files; all of it means unreadable."""


class UnreadableImage(ValueError):
    """The bytes are no picture that can be read; the message is a sentence for a person.

    `code` is stable and for programs: `empty`, `unreadable`, or `too_many_pixels`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture: `pixels` is uint8 (height, width, 3), RGB, upright."""

    pixels: np.ndarray

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.pixels.shape[0]


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture: first frame, EXIF orientation obeyed, transparency on white.

    Arguments:
        data: the bytes of a JPEG (MPO too), PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC/HEIF file.
        max_pixels: width x height that is still decoded.

    Raises:
        UnreadableImage: the bytes are none of these, are damaged, or hold too many pixels.
    """
    if not data:
        raise UnreadableImage("empty", "The file is empty. Choose another one.")
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd metadata and near-bombs; the limit below decides instead.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _refuse_bomb(image, max_pixels)
                image.load()
                pixels = np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except UnreadableImage:
        raise
    except _DECODER_ERRORS as error:
        raise UnreadableImage(
            "unreadable", f"The file could not be read as a picture. Send a {FORMAT_NAMES} file that opens elsewhere."
        ) from error
    return Picture(pixels)


def looks_like_picture(path: Path) -> bool:
    """Whether a file in a folder is worth opening, by its name: a known ending, not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _refuse_bomb(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"The picture is {width} x {height} pixels; {max_pixels / 1e6:g} megapixels are the most that is read. "
            "Send a smaller copy.",
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        return _stretched(image).convert("RGB")
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    return image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Integer and float pictures have no agreed white: their own range becomes 0 ... 255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = values.min(), values.max()
    return Image.fromarray(np.round((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8))
