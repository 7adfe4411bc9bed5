"""Pictures of imported galleries: portraits and face crops must be small WebP files, as this program writes them."""

import io
import warnings

from app.vision.alignment import PORTRAIT_SIDE, SIZE

MAX_BYTES = 3 * PORTRAIT_SIDE**2
"""Limit of a file: the size of a portrait's pixels without compression."""


def check_portrait(data: bytes, name: str, pixels: bool = True) -> None:
    """Raise `ValueError` unless a file is a WebP picture that is as large as a portrait at most.

    Args:
        data: The file.
        name: Its name, for the message.
        pixels: Whether to decode the pixels too. Otherwise only the structure of the file is checked, which takes a
            third of the time.
    """
    if _measure(data, pixels) is None:
        limit = f"at most {PORTRAIT_SIDE} x {PORTRAIT_SIDE} pixels and {MAX_BYTES} bytes"
        raise ValueError(f"{name} is not a WebP picture of {limit}")


def check_crop(data: bytes, name: str) -> None:
    """Raise `ValueError` unless a file is a face crop as WebP."""
    if _measure(data, pixels=True) != (SIZE, SIZE):
        raise ValueError(f"{name} is not a WebP picture of {SIZE} x {SIZE} pixels")


def _measure(data: bytes, pixels: bool) -> tuple[int, int] | None:
    """Return width and height, or None for other files than small WebP pictures."""
    # Importing Pillow takes 0.1 seconds.
    from PIL import Image

    # Data after the picture could be anything.
    if len(data) > MAX_BYTES or data[4:8] != (len(data) - 8).to_bytes(4, "little", signed=True):
        return None
    try:
        with warnings.catch_warnings():
            # Pillow warns about large pictures. The limit decides instead.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
                if max(image.size) > PORTRAIT_SIDE or getattr(image, "n_frames", 1) != 1:
                    return None
                if pixels:
                    image.load()
                return image.size
    except (OSError, ValueError, MemoryError, Image.DecompressionBombError):
        return None
