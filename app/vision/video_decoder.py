"""Decode untrusted videos, each in a sandboxed process of its own, which cannot open any other file.

Without memory files (outside Linux), videos are decoded in this process, with limits on pixels and duration only.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from typing import Any, BinaryIO

from app.errors import UnreadableImage
from app.settings import Settings
from app.vision import video
from app.vision.decoder_pool import ELAPSED_PER_CPU
from app.vision.decoding import Picture
from app.vision.sandboxed_process import SandboxedProcess, is_supported
from app.vision.video import Frame, VideoFacts, VideoLimits


def limits_of(settings: Settings) -> VideoLimits:
    """Return the limits of the settings for videos."""
    return VideoLimits(
        settings.max_pixels,
        settings.detection_side,
        settings.decode_seconds,
        settings.decode_bytes,
        settings.max_video_seconds,
    )


class VideoReader:
    """The frames of one video, once.

    Example:
        >>> with open("clip.mp4", "rb") as file:
        ...     reader = VideoReader(file, limits_of(settings))
        ...     for frame in reader.frames():
        ...         print(frame.time, frame.picture.width)
        ...     print(reader.facts.duration)
    """

    def __init__(self, file: BinaryIO, limits: VideoLimits) -> None:
        self._file = file
        self._limits = limits
        self.facts: VideoFacts | None = None  # after the last frame

    def frames(self) -> Generator[Frame, None, None]:
        """Yield frames as `video.read_frames`, which defines the errors, within the limits of time and memory.

        While the caller uses a frame, the process decodes the next one.
        """
        self._file.seek(0)
        frames = self._read_sandboxed() if is_supported() else video.read_frames(self._file, self._limits)
        with closing(frames):
            self.facts = yield from frames

    def _read_sandboxed(self) -> Generator[Frame, None, VideoFacts]:
        limits = self._limits
        seconds = ELAPSED_PER_CPU * limits.seconds
        file = os.dup(self._file.fileno())
        process = SandboxedProcess("app.vision.video_process", asdict(limits), [file], seconds)
        try:
            process.send(b"next")
            while "duration" not in (answer := _check(process.receive())):
                pixels = process.read_pixels(answer["shape"])
                if pixels is None:
                    raise video.too_complex_error()
                process.send(b"next")
                width, height = answer["size"]
                yield Frame(answer["time"], answer["cut"], Picture(pixels, (width, height)))
            return VideoFacts(**answer)
        finally:
            process.stop()


def _check(answer: dict[str, Any] | None) -> dict[str, Any]:
    if answer is None:
        raise video.too_complex_error()
    if "code" in answer:
        raise UnreadableImage(answer["code"], answer["message"])
    return answer
