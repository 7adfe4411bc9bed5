"""Videos for tests, made from the shipped portraits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tests import photos

RATE = 5  # frames a second

Scene = tuple[float, Sequence[str]]
"""Seconds, and the people from left to right."""


def encode(frames: Iterable[Image.Image], suffix: str = ".mp4", rate: float = RATE) -> bytes:
    """Return frames of one size as the bytes of a video file: MPEG-4, or MJPEG in AVI."""
    writer = None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"video{suffix}"
        codec = cv2.VideoWriter.fourcc(*("MJPG" if suffix == ".avi" else "mp4v"))
        for frame in frames:
            writer = writer or cv2.VideoWriter(str(file), codec, rate, frame.size)
            writer.write(np.asarray(frame)[:, :, ::-1].copy())
        writer.release()
        return file.read_bytes()


def clip(*scenes: Scene, suffix: str = ".mp4", size: tuple[int, int] = (320, 240), side: int = 130) -> bytes:
    """Return a video of scenes with portraits that move slowly. Each scene has a background of its own."""
    return encode(_frames(scenes, size, side), suffix)


def _frames(scenes: Sequence[Scene], size: tuple[int, int], side: int) -> Iterable[Image.Image]:
    for number, (seconds, names) in enumerate(scenes):
        picture = photos.paste(*(photos.portraits()[name] for name in names), size=size, side=side)
        for top in (0, size[1] * 6 // 7):
            picture.paste("white" if number % 2 else "black", (0, top, size[0], top + size[1] // 7))
        for frame in range(round(seconds * RATE)):
            yield picture.transform(size, Image.Transform.AFFINE, (1, 0, frame / 2, 0, 1, 0), Image.Resampling.BILINEAR)


def rotate(mp4: bytes, turns: int) -> bytes:
    """Return an MP4 file whose rotation matrix turns the picture by quarter turns with the clock."""
    at = mp4.index(b"tkhd") + 4
    # Version 0: version and flags, times, ID, duration, layer, group and volume come before the matrix.
    start = at + 40
    one = 0x10000
    matrix = {0: (one, 0, 0, one), 1: (0, one, -one, 0), 2: (-one, 0, 0, -one), 3: (0, -one, one, 0)}[turns]
    numbers = (matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, 0, 0, 0x40000000)
    return mp4[:start] + b"".join(number.to_bytes(4, "big", signed=True) for number in numbers) + mp4[start + 36 :]
