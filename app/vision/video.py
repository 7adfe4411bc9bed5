"""Video decoding: the frames of a video file at scene changes and every second, upright. Formats and limits.

OpenCV reads the file with FFmpeg. Untrusted files need `video_decoder.VideoDecoder`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np

from app.arrays import AnyArray, ByteArray
from app.errors import UnreadableImage
from app.vision.decoding import DecodeLimits, Picture, choose_reduction

FORMAT_NAMES = "MP4, MOV, MKV, WebM, AVI, MPEG or WMV"

# FFmpeg's names. Others, such as playlists, would open further files.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf"
# OpenCV passes them to FFmpeg. No protocol: the file is an open stream.
_OPTIONS_VARIABLE, _OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS", f"format_whitelist;{_FORMATS}|protocol_whitelist;none"

SAMPLE_SECONDS = 1.0
"""Longest time between two frames of one scene."""
_LOOK_SECONDS = 0.2
"""Time between two frames that are compared to find scene changes."""
_CUT_DIFFERENCE = 30.0
"""Mean difference of two frames, 0 ... 255, from which they show different scenes."""
_SMALL = (32, 18)
"""Size at which they are compared, where movement counts little."""

_CPU_PER_SECOND = 10
"""Processor time for a second of video. A damaged file may have a million frames in it."""

# Times of MP4 count from 1904. Later ones are damaged.
_SECONDS_TO_1970, _LATEST = 2_082_844_800, 4_000_000_000
_MOST_BOXES = 1000

_ROUNDING = 0.002  # seconds; files round times to milliseconds


@dataclass(frozen=True)
class VideoLimits(DecodeLimits):
    """Limits for one video file. `seconds` is the processor time for one second of video, in which one frame is read.

    `max_pixels` and `side` are for each frame.
    """

    duration: int  # seconds of video


class VideoFacts(NamedTuple):
    """Duration of a video in seconds, and its creation time in seconds since 1970, None if the file has none."""

    duration: float
    created: int | None


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame at `time` seconds from the start. `is_cut` says that a scene begins."""

    time: float
    is_cut: bool
    picture: Picture


def read_frames(stream: BinaryIO, limits: VideoLimits) -> Generator[Frame, None, VideoFacts]:
    """Yield frames of a trusted video in order, at scene changes and every second, and return what else the file says.

    Raises:
        UnreadableImage: `unreadable`, `too_many_pixels`, `too_complex` or `too_long`.
    """
    os.environ[_OPTIONS_VARIABLE] = _OPTIONS
    created = read_creation_time(stream)
    try:
        # OpenCV's types do not include binary files. More threads would need the memory of more frames.
        capture = cv2.VideoCapture(stream, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])  # type: ignore[call-overload]
    except cv2.error as error:
        raise _unreadable_error() from error
    try:
        return VideoFacts((yield from _sample(capture, limits)), created)
    except MemoryError as error:
        raise too_complex_error() from error
    except cv2.error as error:
        raise (too_complex_error() if error.code == cv2.Error.StsNoMem else _unreadable_error()) from error
    finally:
        capture.release()


def read_creation_time(stream: BinaryIO) -> int | None:
    """Return the creation time of an MP4 or MOV file in seconds since 1970 (UTC), None without one.

    See ISO/IEC 14496-12, 8.2.2 (Movie Header Box).
    """
    stream.seek(0)
    try:
        if _enter_box(stream, b"moov") and _enter_box(stream, b"mvhd"):
            version, _, _, _, *time = stream.read(12)
            seconds = int.from_bytes(bytes(time if version == 1 else time[:4]), "big") - _SECONDS_TO_1970
            return seconds if 0 < seconds < _LATEST else None
    except (OSError, ValueError, OverflowError):
        # Damaged sizes.
        pass
    finally:
        stream.seek(0)
    return None


def _enter_box(stream: BinaryIO, kind: bytes) -> bool:
    """Move to the content of the next box of a kind, and return whether there is one."""
    for _ in range(_MOST_BOXES):
        start, header = stream.tell(), stream.read(8)
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(stream.read(8), "big")
        if header[4:] == kind:
            return True
        if size < 8:
            return False
        stream.seek(start + size)
    return False


def too_complex_error() -> UnreadableImage:
    """Return the error for a video that exceeds the limits of time or memory."""
    return UnreadableImage(
        "too_complex", "Decoding the video takes too much time or memory. Save it at a lower resolution, and use that."
    )


def _unreadable_error() -> UnreadableImage:
    return UnreadableImage(
        "unreadable", f"The file could not be read as a video. Use an {FORMAT_NAMES} file that plays elsewhere."
    )


def _sample(capture: cv2.VideoCapture, limits: VideoLimits) -> Generator[Frame, None, float]:
    clock = _Clock(capture)
    aspect = _pixel_aspect(capture)
    _check_size(capture, aspect, limits)
    _check_duration(clock.reported_duration, limits)
    started = time.process_time()
    next_look, shown = 0.0, None
    small: AnyArray | None = None
    while capture.grab():
        now = clock.advance()
        if now < next_look:
            continue
        _check_duration(now, limits)
        if time.process_time() - started > limits.seconds + _CPU_PER_SECOND * now:
            raise too_complex_error()
        found, image = capture.retrieve()
        if not found:
            continue
        next_look = now + _LOOK_SECONDS - _ROUNDING
        former, small = small, np.asarray(cv2.resize(image, _SMALL, interpolation=cv2.INTER_AREA), np.float32)
        is_cut = former is None or float(np.abs(small - former).mean()) >= _CUT_DIFFERENCE
        if is_cut or shown is None or now - shown >= SAMPLE_SECONDS - _ROUNDING:
            yield Frame(now, is_cut, _to_picture(image, aspect, limits))
            shown = now
    if shown is None:
        raise _unreadable_error()
    return clock.end


class _Clock:
    """Times of frames, which never run backwards."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        rate = capture.get(cv2.CAP_PROP_FPS)
        self._interval = 1 / rate if 1 <= rate <= 1000 else 1 / 25
        self._position: float | None = None
        self._now = 0.0
        frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.reported_duration = frames * self._interval if np.isfinite(frames) else 0.0

    def advance(self) -> float:
        """Return the time of the frame that was grabbed. Without a valid time, frames follow at the usual rate."""
        position = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._position is not None:
            step = position - self._position
            self._now += step if step > 0 and np.isfinite(step) else self._interval
        self._position = position
        return self._now

    @property
    def end(self) -> float:
        """Time at which the last frame ends."""
        return round(self._now + self._interval, 3)


def _pixel_aspect(capture: cv2.VideoCapture) -> float:
    """Return the width of a pixel of the upright picture in parts of its height."""
    width, height = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    aspect = width / height if width > 0 and height > 0 else 1.0
    if capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180:
        aspect = 1 / aspect
    # Files with other values are damaged.
    return aspect if 0.25 <= aspect <= 4 else 1.0


def _check_size(capture: cv2.VideoCapture, aspect: float, limits: VideoLimits) -> None:
    pixels = capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT) * max(aspect, 1 / aspect)
    if pixels > limits.max_pixels:
        raise UnreadableImage(
            "too_many_pixels",
            f"The video has frames of {pixels / 1e6:.4g} megapixels. The limit is {limits.max_pixels / 1e6:.4g}. "
            "Use a smaller copy.",
        )


def _check_duration(seconds: float, limits: VideoLimits) -> None:
    if seconds > limits.duration:
        limit = timedelta(seconds=limits.duration)
        raise UnreadableImage("too_long", f"The video is longer than the limit of {limit}. Use a part of it.")


def _to_picture(image: AnyArray, aspect: float, limits: VideoLimits) -> Picture:
    """Return a frame with square pixels, reduced like a JPEG."""
    height, width = image.shape[:2]
    # Enlarged, never reduced.
    width, height = round(width * max(1.0, aspect)), round(height * max(1.0, 1 / aspect))
    reduction = choose_reduction(width, height, limits.side)
    shown = (max(1, width // reduction), max(1, height // reduction))
    if shown != image.shape[1::-1]:
        image = np.asarray(cv2.resize(image, shown, interpolation=cv2.INTER_AREA))
    pixels: ByteArray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    return Picture(pixels, (width, height))
