"""Bytes -> an upright RGB picture. The only decoder of the project; formats and limits live here."""

from __future__ import annotations

import io
import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from app.errors import UnreadableImage

pillow_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Pillow's names of what is opened (MPO opens as JPEG); everything else is refused before a decoder sees it."""

FORMAT_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
"""The same for people."""

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .webp .gif .bmp .dib .tif .tiff .avif .avifs .heic .heif .hif .heics".split()
)
"""File name endings that `is_photo_file` goes by, and that a file picker offers."""

MAX_PIXELS = 40_000_000
"""Default limit of width x height, read from the header before anything is decoded."""

MAX_SCANS = 200
"""Most scans of a progressive JPEG. Cameras and programs write about ten; each costs a pass over the whole picture."""

_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    RuntimeError,
    EOFError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    struct.error,
)
"""What Pillow and its plugins were seen to raise on broken files; all of it means unreadable."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each EXIF orientation upright."""

_ORIENTATION = 0x0112

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    `pixels` is uint8 (height, width, 3), RGB, upright. `size` is width and height of the file's picture: a large
    JPEG is read at a half, a quarter or an eighth of it. None stands for the size of `pixels`.
    """

    pixels: np.ndarray
    size: tuple[int, int] | None = None

    @property
    def width(self) -> int:
        """Width of the file's picture, in which boxes and eyes are measured."""
        return self.size[0] if self.size else self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Height of the file's picture."""
        return self.size[1] if self.size else self.pixels.shape[0]

    @property
    def scale(self) -> float:
        """Pixels of the file's picture for one of `pixels`: 1 unless it was read at reduced scale."""
        return max(self.width, self.height) / max(self.pixels.shape[:2])


def decode(data: bytes, max_pixels: int = MAX_PIXELS, side: int | None = None) -> Picture:
    """Read a picture in this process. Bytes of strangers go through `decoder.Decoder`, which can be ended.

    Arguments, errors: those of `read`.
    """
    image, size = decode_image(data, max_pixels, side)
    return Picture(np.asarray(image), size)


def decode_image(
    data: bytes, max_pixels: int = MAX_PIXELS, side: int | None = None
) -> tuple[Image.Image, tuple[int, int]]:
    """Read a picture: first frame, EXIF orientation obeyed, transparency on white.

    Args:
        data: the bytes of a JPEG (MPO too), PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC/HEIF file.
        max_pixels: width x height that is still decoded.
        side: a JPEG is read at reduced scale if its largest side stays at least this; None reads all of it.

    Returns:
        The upright picture in RGB, and width and height of the file's picture.

    Raises:
        UnreadableImage: the bytes are none of these, are damaged, hold too many pixels or too many scans.
    """
    if not data:
        raise empty_file_error()
    # Inside a JPEG's coded data 0xff is followed by zero, so that only markers look like markers.
    if data[:2] == b"\xff\xd8" and data.count(b"\xff\xda") > MAX_SCANS:
        raise too_complex_error()
    with warnings.catch_warnings(), _sentences(max_pixels):
        # Pillow warns about odd metadata and near-bombs; the limit below decides instead.
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            size = image.size
            _refuse_bomb(size, max_pixels)
            _reduce(image, side)
            image.load()
            turn = _TURNS.get(_orientation(image))
            upright = _to_rgb(image)
    if turn is not None:
        upright = upright.transpose(turn)
    swapped = turn is not None and _swaps(turn)
    return upright, size[::-1] if swapped else size


def empty_file_error() -> UnreadableImage:
    """What to raise for a file without a byte."""
    return UnreadableImage("empty", "The file is empty. Choose another one.")


def too_complex_error() -> UnreadableImage:
    """What to raise for a picture that takes too much time or memory to read."""
    return UnreadableImage(
        "too_complex",
        "Reading the file takes more time or memory than one picture may. Save the picture anew, and send that copy.",
    )


def unreadable_error() -> UnreadableImage:
    """What to raise for bytes that are no picture."""
    return UnreadableImage(
        "unreadable", f"The file could not be read as a picture. Send a {FORMAT_NAMES} file that opens elsewhere."
    )


def is_photo_file(path: Path) -> bool:
    """Whether a file in a folder is worth opening, by its name: a known ending, not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


@contextmanager
def _sentences(max_pixels: int) -> Iterator[None]:
    """Turn whatever Pillow raises on bytes into a sentence; what was never seen before is logged besides."""
    try:
        yield
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise too_complex_error() from error
    except Image.DecompressionBombError as error:
        # The header promises so much that Pillow stops before anybody can ask for the size.
        raise UnreadableImage("too_many_pixels", f"The picture has too many pixels; {_most(max_pixels)}") from error
    except _DECODER_ERRORS as error:
        raise unreadable_error() from error
    except Exception as error:
        log.exception("A picture decoder failed in a new way.")
        raise unreadable_error() from error


def _refuse_bomb(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise UnreadableImage("too_many_pixels", f"The picture is {width} x {height} pixels; {_most(max_pixels)}")


def _most(max_pixels: int) -> str:
    return f"{max_pixels / 1e6:g} megapixels are the most that is read. Send a smaller copy."


def _reduce(image: Image.Image, side: int | None) -> None:
    """Let libjpeg leave out detail that nobody will look at; other formats have no such way."""
    largest = max(image.size)
    if image.format in ("JPEG", "MPO") and side is not None and largest >= 2 * side:
        image.draft(image.mode, tuple(max(1, pixels * side // largest) for pixels in image.size))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1, upright, where the EXIF data are broken."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except _DECODER_ERRORS:
        return 1


def _swaps(turn: Image.Transpose) -> bool:
    """Whether width and height change places."""
    return turn not in (
        Image.Transpose.FLIP_LEFT_RIGHT,
        Image.Transpose.FLIP_TOP_BOTTOM,
        Image.Transpose.ROTATE_180,
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        return _stretched(image).convert("RGB")
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        ground = Image.new("RGB", layered.size, "white")
        ground.paste(layered, mask=layered.getchannel("A"))
        return ground
    # Pillow would copy what is in RGB already.
    return image if image.mode == "RGB" else image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Integer and float pictures have no agreed white: their own range becomes 0 ... 255."""
    values = np.array(image, dtype=np.float64)
    np.nan_to_num(values, copy=False)
    low, high = values.min(), values.max()
    values -= low
    values *= 255 / max(high - low, 1e-12)
    return Image.fromarray(np.round(values, out=values).astype(np.uint8))
