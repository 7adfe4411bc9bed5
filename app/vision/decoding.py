"""Image decoding: the bytes of a photo file to an upright RGB picture. Formats and limits are defined here."""

import io
import logging
import math
import re
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pillow_heif
from PIL import Image
from PIL.Image import Transpose
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from app.arrays import ByteArray
from app.errors import UnreadableImage
from app.vision.closeups import Closeups, Region, Window
from app.vision.photo_files import RAW_FILE

pillow_heif.register_heif_opener()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Pillow's names of the accepted formats. MPO opens as JPEG. No other decoder sees a file."""

FORMAT_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .webp .gif .bmp .dib .tif .tiff .avif .avifs .heic .heif .hif .heics".split()
)
"""File name endings of photos, for folders and file pickers."""

MAX_PIXELS = 40_000_000
"""Default limit of width x height, which is read from the header before the file is decoded."""

REDUCTIONS = (8, 4, 2)
"""Whole numbers by which libjpeg can reduce a picture while it decodes it."""

# Aspect ratios from which a picture is searched at a longer side, and up to which it grows.
_WIDE, _WIDEST = 16 / 9, 8.0

MAX_SCANS = 200
"""Limit of the scans of a progressive JPEG. Encoders write about ten, and each costs a pass over the picture."""

# Within coded data, a zero or a restart marker (0xd0 to 0xd7) follows 0xff.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# Like libjpeg, ignore smaller markers, which have no length.
_SMALLEST_SEGMENT = 0xC0

# Exceptions of Pillow and its plugins on broken files.
_DECODER_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError, SyntaxError, RuntimeError, EOFError, TypeError)
_DECODER_ERRORS += (LookupError, ArithmeticError, AttributeError, struct.error)

_EXIF_ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
# DateTimeOriginal and DateTimeDigitized, in the IFD above. DateTime beside it changes with the file.
_EXIF_DATES = (0x9003, 0x9004)
_EXIF_DATE = re.compile(r"([0-9]{4}):([0-9]{2}):([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_DNG_VERSION = 0xC612
_SUBFILE_TYPE, _REDUCED_RESOLUTION = 0x00FE, 1
_TRANSPOSES = {
    2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
}  # fmt: skip
# From this orientation on, width and height change places. The others are mirrored in the upright picture, first.
_TURNED, _MIRRORED_ACROSS, _MIRRORED_DOWN = 5, (2, 3, 6, 7), (3, 4, 7, 8)

# Others of this container are HEIF, AVIF and RAW files.
_VIDEO_BRANDS = (b"iso", b"mp4", b"avc", b"qt", b"M4V", b"MSNV", b"3g", b"dash")
VIDEO_FILE = "The file is a video. Send a photo. The command `identify` reads videos by their ending, such as .mp4."

# Tasks of a decoder process.
DECODE, WINDOWS, HEADER = b"decode", b"windows", b"header"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DecodeLimits:
    """Limits for one photo file."""

    max_pixels: int  # width x height
    side: int  # A JPEG is decoded at reduced scale if its longer side keeps this many pixels.
    seconds: float  # processor time
    memory: int  # bytes


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded photo: upright `pixels`, uint8 (height, width, 3) RGB.

    `pixels` may show the file's picture at reduced scale. `closeups` then reads regions with more pixels.
    """

    pixels: ByteArray
    size: tuple[int, int] | None = None  # (width, height) of the file's picture
    taken: str | None = None  # EXIF date in the camera's local time, as 2024-12-31T23:59:59
    closeups: Closeups | None = None

    @property
    def width(self) -> int:
        """Width of the file's picture. Boxes and landmarks are in pixels of it."""
        return self.size[0] if self.size else int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height of the file's picture."""
        return self.size[1] if self.size else int(self.pixels.shape[0])

    @property
    def scale(self) -> float:
        """Pixels of the file's picture per pixel of `pixels`: 1 unless it was decoded at reduced scale."""
        return max(self.width, self.height) / int(max(self.pixels.shape[:2]))

    def needs_closeups(self, wanted: Sequence[tuple[Window, float]]) -> bool:
        """Return whether `load_closeups` would decode the file again."""
        return bool(self._missing(wanted))

    def load_closeups(self, wanted: Sequence[tuple[Window, float]]) -> bool:
        """Decode the file again for `region` if `pixels` have too few pixels for one of the windows.

        A window comes with the number of pixels of the file's picture that a pixel may show. Returns whether there are
        more pixels now.
        """
        missing = self._missing(wanted)
        if not self.closeups or not missing:
            return False
        return self.closeups.load([window for window, _ in missing], max(1.0, min(scale for _, scale in missing)))

    def _missing(self, wanted: Sequence[tuple[Window, float]]) -> list[tuple[Window, float]]:
        if not self.closeups:
            return []
        return [(window, scale) for window, scale in wanted if scale < self.scale and not self.closeups.find(window)]

    def region(self, window: Window) -> Region:
        """Return the pixels to cut a window from: those of `load_closeups`, else the whole picture."""
        region = self.closeups.find(window) if self.closeups else None
        return region or Region(self.pixels, self.scale)


class DecodedImage(NamedTuple):
    """An upright RGB image, (width, height) of the file's picture, and `Picture.taken`."""

    image: Image.Image
    size: tuple[int, int]
    taken: str | None


class Header(NamedTuple):
    """Metadata of a photo: its EXIF orientation, 1 ... 8, and its XMP packet, None without one."""

    orientation: int
    xmp: bytes | None


def search_side(width: int, height: int, side: int) -> int:
    """Return the longer side in pixels at which a picture is searched: `side`, more for panoramas with small faces."""
    aspect_ratio = max(width, height) / max(1, min(width, height))
    return round(side * math.sqrt(max(1.0, min(aspect_ratio, _WIDEST) / _WIDE)))


def choose_reduction(width: int, height: int, side: int) -> int:
    """Return by how much to reduce a picture, 8, 4, 2 or 1, so that it keeps the pixels of `search_side`."""
    needed = search_side(width, height, side)
    return next((factor for factor in REDUCTIONS if max(width, height) >= factor * needed), 1)


def decode(data: bytes, max_pixels: int = MAX_PIXELS, side: int | None = None) -> Picture:
    """Decode a trusted photo in this process; see `decode_image`. Untrusted bytes need `decoder_pool.DecoderPool`."""
    decoded = decode_image(data, max_pixels, side)
    return Picture(np.asarray(decoded.image), decoded.size, decoded.taken)


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS, side: int | None = None) -> DecodedImage:
    """Decode the first frame of a photo, apply its EXIF orientation and put transparency on white.

    The limits are those of `DecodeLimits`. Without `side`, a JPEG is decoded at full scale. A file that is damaged,
    exceeds a limit or has none of `FORMATS` raises `UnreadableImage`.
    """
    with _load(data, max_pixels, lambda w, h: 1 if side is None else choose_reduction(w, h, side)) as loaded:
        image = _turn_upright(_to_rgb(loaded.image), loaded.orientation)
        return DecodedImage(image, _upright_size(loaded.size, loaded.orientation), loaded.taken)


def decode_windows(
    data: bytes, windows: Sequence[Window], reduction: int, max_pixels: int = MAX_PIXELS
) -> list[Image.Image]:
    """Return upright RGB images of windows of a JPEG, which is reduced by one of `REDUCTIONS` or 1.

    The windows are in pixels of the reduced picture. Errors are those of `decode_image`.
    """
    with _load(data, max_pixels, lambda *_size: reduction) as loaded:
        stored = [_turn_back(window, loaded.image.size, loaded.orientation) for window in windows]
        return [_turn_upright(_to_rgb(loaded.image.crop(window)), loaded.orientation) for window in stored]


def read_header(data: bytes, max_pixels: int = MAX_PIXELS) -> Header:
    """Read the metadata of a photo without decoding its pixels, or raise `UnreadableImage`.

    Broken metadata counts as none. Untrusted bytes need `decoder_pool.DecoderPool`.
    """
    _allow_pixels(max_pixels)
    with _translate_errors(max_pixels), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        # HEIF files rotate the picture themselves, and Pillow's plugin hides the EXIF orientation.
        orientation, xmp = image.info.get("original_orientation"), image.info.get("xmp")
        with suppress(*_DECODER_ERRORS):
            orientation = orientation or image.getexif().get(_EXIF_ORIENTATION)
        return Header(orientation if orientation in _TRANSPOSES else 1, xmp if isinstance(xmp, bytes) else None)


def empty_file_error() -> UnreadableImage:
    """Return the error for a file without bytes."""
    return UnreadableImage("empty", "The file is empty. Choose another one.")


def too_complex_error() -> UnreadableImage:
    """Return the error for a photo that exceeds the limits of scans, time or memory."""
    return UnreadableImage(
        "too_complex", "Decoding the photo takes too much time or memory. Save it again, and send that copy."
    )


def is_photo_file(path: Path) -> bool:
    """Return whether a path is a visible file with the ending of a photo."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


@contextmanager
def _translate_errors(max_pixels: int) -> Iterator[None]:
    """Translate the exceptions of Pillow and its plugins."""
    try:
        # Pillow warns about odd metadata and near-bombs. The limit decides instead.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise too_complex_error() from error
    except Image.DecompressionBombError as error:
        # Pillow raises it before the size can be read.
        raise _too_many_pixels_error("has too many megapixels", max_pixels) from error
    except Exception as error:
        if not isinstance(error, _DECODER_ERRORS):
            log.exception("A picture decoder failed with an unexpected error.")
        raise UnreadableImage(
            "unreadable", f"The file could not be read as a picture. Send a {FORMAT_NAMES} file that opens elsewhere."
        ) from error


def _has_too_many_scans(data: bytes) -> bool:
    """Return whether the first image of a JPEG file has more than `MAX_SCANS` scans.

    Bytes that look like scans may also be in metadata and in what follows the image, such as a motion photo's video.
    """
    # Counting bytes takes no time, and few files need more.
    if data.count(bytes([0xFF, _START_OF_SCAN])) <= MAX_SCANS:
        return False
    scans, position = 0, len(b"\xff\xd8")
    while scans <= MAX_SCANS and (found := _JPEG_MARKER.search(data, position)):
        marker, position = found[1][0], found.end()
        if marker == _END_OF_IMAGE:
            break
        scans += marker == _START_OF_SCAN
        if marker >= _SMALLEST_SEGMENT:
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return scans > MAX_SCANS


def _looks_like_video(data: bytes) -> bool:
    """Return whether a file begins like MP4, MOV, MKV, WebM, AVI or MPEG."""
    kind, brand = data[4:8], data[8:12]
    is_mp4 = kind in (b"moov", b"mdat", b"wide") or (kind == b"ftyp" and brand.startswith(_VIDEO_BRANDS))
    return is_mp4 or data.startswith((b"\x1aE\xdf\xa3", b"\0\0\1\xba")) or (data[:4], brand) == (b"RIFF", b"AVI ")


class _LoadedImage(NamedTuple):
    """The first frame of a file before it is turned upright, (width, height) of the file, and its metadata."""

    image: Image.Image
    size: tuple[int, int]
    orientation: int
    taken: str | None


@contextmanager
def _load(data: bytes, max_pixels: int, choose: Callable[[int, int], int]) -> Iterator[_LoadedImage]:
    """Decode a file, a JPEG reduced by what `choose` returns for its size, and translate errors of the block."""
    if not data:
        raise empty_file_error()
    if data[:2] == b"\xff\xd8" and _has_too_many_scans(data):
        raise too_complex_error()
    try:
        with _translate_errors(max_pixels):
            _allow_pixels(max_pixels)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                yield _load_first_frame(image, max_pixels, choose)
    except UnreadableImage as error:
        if error.code == "unreadable" and _looks_like_video(data):
            raise UnreadableImage("video_file", VIDEO_FILE) from error
        raise


def _load_first_frame(image: ImageFile, max_pixels: int, choose: Callable[[int, int], int]) -> _LoadedImage:
    width, height = image.size
    if width * height > max_pixels:
        raise _too_many_pixels_error(f"is {width * height / 1e6:.4g} megapixels", max_pixels)
    if isinstance(image, TiffImageFile) and _is_raw(image):
        raise UnreadableImage("raw_file", RAW_FILE)
    # Only libjpeg can decode at a reduced scale.
    if image.format in ("JPEG", "MPO") and (reduction := choose(width, height)) > 1:
        image.draft(image.mode, (max(1, width // reduction), max(1, height // reduction)))
    image.load()
    orientation, taken = 1, None
    # EXIF data may be broken.
    with suppress(*_DECODER_ERRORS):
        exif = image.getexif()
        orientation = exif.get(_EXIF_ORIENTATION, 1)
        taken = _read_date(exif)
    return _LoadedImage(image, (width, height), orientation if orientation in _TRANSPOSES else 1, taken)


def _turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    return image if orientation == 1 else image.transpose(_TRANSPOSES[orientation])


def _upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return size[::-1] if orientation >= _TURNED else size


def _turn_back(window: Window, size: tuple[int, int], orientation: int) -> tuple[int, int, int, int]:
    """Return a window of the upright picture as (left, top, right, bottom) of the stored image of a size."""
    width, height = _upright_size(size, orientation)
    left, top, right, bottom = window
    if orientation in _MIRRORED_ACROSS:
        left, right = width - right, width - left
    if orientation in _MIRRORED_DOWN:
        top, bottom = height - bottom, height - top
    return (top, left, bottom, right) if orientation >= _TURNED else (left, top, right, bottom)


def _allow_pixels(max_pixels: int) -> None:
    # Pillow refuses pictures of twice this number while it opens them.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_pixels)


def _read_date(exif: Image.Exif) -> str | None:
    fields = exif.get_ifd(_EXIF_IFD)
    for tag in _EXIF_DATES:
        # Cameras without a clock write zeros or spaces. `strptime` would import a module, which the sandbox forbids.
        if found := _EXIF_DATE.match(str(fields.get(tag, ""))):
            with suppress(ValueError):
                return datetime.fromisoformat("{}-{}-{}T{}:{}:{}".format(*found.groups())).isoformat()
    return None


def _is_raw(image: TiffImageFile) -> bool:
    """Return whether a TIFF file is a RAW file, whose first image is a thumbnail."""
    tags = image.tag_v2
    return _DNG_VERSION in tags or bool(tags.get(_SUBFILE_TYPE, 0) & _REDUCED_RESOLUTION)


def _too_many_pixels_error(description: str, max_pixels: int) -> UnreadableImage:
    limit = f"The limit is {max_pixels / 1e6:.4g}. Send a smaller copy."
    return UnreadableImage("too_many_pixels", f"The photo {description}. {limit}")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        # Integer and float pixels have no standard white: their range becomes 0 ... 255.
        values = np.nan_to_num(np.array(image, dtype=np.float64), copy=False)
        values -= values.min()
        values *= 255 / max(values.max(), 1e-12)
        return Image.fromarray(np.round(values, out=values).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        transparent = image.convert("RGBA")
        background = Image.new("RGB", transparent.size, "white")
        background.paste(transparent, mask=transparent.getchannel("A"))
        return background
    # Converting RGB to RGB would copy it.
    return image if image.mode == "RGB" else image.convert("RGB")
