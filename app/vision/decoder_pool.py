"""Pool of sandboxed decoder processes, which bounds time and memory for untrusted photo files.

A limit on pixels is not enough. A small JPEG with thousands of scans occupies a core for half a minute, a small HEIC
takes a gigabyte, and a decoder's bug crashes the whole process. Without memfd (outside Linux), photos are decoded in
this process, with limits on pixels and scans only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from app.arrays import ByteArray
from app.errors import UnreadableImage
from app.scheduling import FairLock
from app.settings import Settings
from app.vision import decoding
from app.vision.closeups import Closeups, Window
from app.vision.decoding import DecodeLimits, Header, Picture
from app.vision.sandboxed_process import SandboxedProcess, is_supported

T = TypeVar("T")

ELAPSED_PER_CPU = 4
"""Limit of the elapsed time, as a multiple of the processor time: a busy machine is slower."""


class DecoderPool:
    """Decode photos in at most `processes` other processes, which start on demand. Safe to use from several threads."""

    def __init__(self, limits: DecodeLimits, processes: int = 1) -> None:
        self.limits = limits
        self._idle: list[_DecoderProcess] = []
        self._slots = FairLock(processes)

    @classmethod
    def from_settings(cls, settings: Settings) -> DecoderPool:
        """Return a pool with the limits of the settings."""
        sizes = settings.max_pixels, settings.detection_side
        return cls(DecodeLimits(*sizes, settings.decode_seconds, settings.decode_bytes), settings.decoders)

    def decode(self, data: bytes) -> Picture:
        """Decode a photo as `decoding.decode_image`, which defines the errors, within the limits of time and memory."""
        if not data:
            raise decoding.empty_file_error()
        if not is_supported():
            picture = decoding.decode(data, self.limits.max_pixels, self.limits.side)
        else:
            with self._process() as process:
                picture = process.decode(data)
        if picture.scale == 1:
            return picture
        return replace(picture, closeups=Closeups((picture.width, picture.height), partial(self._read_windows, data)))

    def _read_windows(self, data: bytes, windows: Sequence[Window], reduction: int) -> list[ByteArray]:
        """Decode windows of a photo as `decoding.decode_windows`, within the limits of time and memory."""
        if not is_supported():
            images = decoding.decode_windows(data, windows, reduction, self.limits.max_pixels)
            return [np.asarray(image) for image in images]
        with self._process() as process:
            return process.decode_windows(data, windows, reduction)

    def read_header(self, data: bytes) -> Header:
        """Read the metadata of a photo as `decoding.read_header`, within the limits of time and memory."""
        if not data:
            raise decoding.empty_file_error()
        if not is_supported():
            return decoding.read_header(data, self.limits.max_pixels)
        with self._process() as process:
            return process.read_header(data)

    def close(self) -> None:
        """Stop all idle processes. The next photo starts one again."""
        while self._idle:
            self._idle.pop().stop()

    @contextmanager
    def _process(self) -> Iterator[_DecoderProcess]:
        with self._slots:
            try:
                process = self._idle.pop()
            except IndexError:
                process = _DecoderProcess(self.limits)
            try:
                yield process
            finally:
                if process.stop.alive:
                    self._idle.append(process)


class _DecoderProcess(SandboxedProcess):
    """A process that decodes one photo after the other, and the memory file from which it reads them."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._files = os.memfd_create("files")
        seconds = ELAPSED_PER_CPU * limits.seconds
        super().__init__("app.vision.decoder_process", asdict(limits), [self._files], seconds)

    def decode(self, data: bytes) -> Picture:
        """Decode a photo, and stop the process if it exceeds the limits or its answer was not read."""
        return self._run(decoding.DECODE, data, self._read_picture)

    def decode_windows(self, data: bytes, windows: Sequence[Window], reduction: int) -> list[ByteArray]:
        """Decode windows of a photo in the same way."""
        return self._run(
            decoding.WINDOWS, data, lambda _answer: self._read_windows(windows), (reduction, *chain(*windows))
        )

    def read_header(self, data: bytes) -> Header:
        """Read the metadata of a photo in the same way."""
        return self._run(decoding.HEADER, data, _read_metadata)

    def _run(
        self, task: bytes, data: bytes, read: Callable[[dict[str, Any]], T | None], numbers: Sequence[int] = ()
    ) -> T:
        try:
            result = self._decode_file(task, data, read, numbers)
        except UnreadableImage:
            # A complete answer.
            raise
        except BaseException:
            # The next file would get this answer.
            self.stop()
            raise
        if result is None:
            self.stop()
            raise decoding.too_complex_error()
        return result

    def _decode_file(
        self, task: bytes, data: bytes, read: Callable[[dict[str, Any]], T | None], numbers: Sequence[int]
    ) -> T | None:
        """Send a file and numbers, and return what `read` makes of the answer.

        None means that the process ended or took too long.
        """
        os.ftruncate(self._files, 0)
        os.pwrite(self._files, data, 0)
        answer = self.ask(b" ".join([task, *(b"%d" % number for number in (len(data), *numbers))]))
        os.ftruncate(self._files, 0)
        if answer is None:
            return None
        if "code" in answer:
            raise UnreadableImage(answer["code"], answer["message"])
        return read(answer)

    def _read_picture(self, answer: dict[str, Any]) -> Picture | None:
        pixels = self.read_pixels(answer["shape"], answer["offset"])
        width, height = answer["size"]
        return None if pixels is None else Picture(pixels, (width, height), answer["taken"])

    def _read_windows(self, windows: Sequence[Window]) -> list[ByteArray] | None:
        shapes = [(window.height, window.width, 3) for window in windows]
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        pixels = self.read_pixels([int(ends[-1])])
        if pixels is None:
            return None
        return [part.reshape(shape) for part, shape in zip(np.split(pixels, ends[:-1]), shapes, strict=True)]


def _read_metadata(answer: dict[str, Any]) -> Header:
    xmp = answer["xmp"]
    return Header(answer["orientation"], None if xmp is None else xmp.encode("latin-1"))
