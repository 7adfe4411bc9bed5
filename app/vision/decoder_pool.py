"""Decoding bytes of strangers in processes of their own, which can be ended: bounded in time and in memory.

A limit on pixels is not enough. A small JPEG with thousands of scans holds a core for half a minute, a small
HEIC takes a gigabyte, and a decoder's bug takes the whole process along. Where there is no memory without a
file to share (outside Linux), pictures are decoded in this process, and only pixels and scans are limited.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from app.errors import UnreadableImage
from app.settings import ROOT, Settings
from app.vision import decoding
from app.vision.decoding import Picture

WALL = 4
"""Times its processor time that a file may take by the clock, on a machine that has other things to do."""

_START_SECONDS = 60

_KEPT = 64_000_000
"""Bytes of memory, shared and not, that a process keeps between pictures: it need not be made and cleared anew for
those of usual size. Those of phones, 12 megapixels, take 49 MB while they are decoded."""

_MOST_IN_HEAP = 32_000_000
"""Bytes that are kept in one piece; the C library allows no more."""

_SHARES_MEMORY = hasattr(os, "memfd_create")

_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": str(_KEPT),
    "MALLOC_MMAP_THRESHOLD_": str(_MOST_IN_HEAP),
}
"""All that a process is told of the environment: nothing that could be a secret."""


@dataclass(frozen=True)
class DecodeLimits:
    """What a file may take: `max_pixels` of its picture, `seconds` of a core, `memory` in bytes.

    `side` is the largest side that a JPEG of reduced scale still has to have.
    """

    max_pixels: int
    side: int
    seconds: float
    memory: int


class DecoderPool:
    """Decodes pictures in other processes; safe to use from several threads.

    Args:
        limits: of every file.
        processes: most pictures decoded at once; a process is started when it is first needed.
    """

    def __init__(self, limits: DecodeLimits, processes: int = 1) -> None:
        self.limits = limits
        self._idle: list[_Process] = []
        self._slots = threading.BoundedSemaphore(processes)

    @classmethod
    def from_settings(cls, settings: Settings) -> DecoderPool:
        """The decoder with the settings' limits."""
        limits = DecodeLimits(
            settings.max_pixels, settings.detection_side, settings.decode_seconds, settings.decode_bytes
        )
        return cls(limits, settings.decoders)

    def decode(self, data: bytes) -> Picture:
        """Read a picture.

        Raises:
            UnreadableImage: as `images.read`, or the file takes more than the limits allow.
        """
        if not data:
            raise decoding.empty_file_error()
        if not _SHARES_MEMORY:
            return decoding.decode(data, self.limits.max_pixels, self.limits.side)
        with self._process() as process:
            return process.decode(data)

    def close(self) -> None:
        """End the processes; the next picture starts one again."""
        self._idle.clear()

    @contextmanager
    def _process(self) -> Iterator[_Process]:
        with self._slots:
            try:
                process = self._idle.pop()
            except IndexError:
                process = _Process(self.limits)
            try:
                yield process
            finally:
                self._idle.append(process)


class _Process:
    """One process and the memory shared with it; it is started anew when a file has ended it."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._files = os.memfd_create("files")
        self._pixels = os.memfd_create("pixels")
        self._child: subprocess.Popen | None = None
        self._end_child = lambda: None
        weakref.finalize(self, _close, self._files, self._pixels)

    def start(self) -> None:
        """Start the process if it does not run.

        Raises:
            RuntimeError: it cannot be started.
        """
        if self._child is not None:
            return
        limits = self._limits
        numbers = (self._files, self._pixels, limits.max_pixels, limits.side, limits.seconds, limits.memory)
        # A plain new program, never a fork: TensorFlow's threads would not survive that.
        self._child = subprocess.Popen(
            [sys.executable, "-m", "app.vision.decoder_process", *map(str, numbers)],
            cwd=ROOT,
            env=_ENVIRONMENT,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What libraries say about a file comes from the file.
            stderr=subprocess.DEVNULL,
            pass_fds=(self._files, self._pixels),
        )
        # Called at the latest when this object, or the whole program, is at its end.
        self._end_child = weakref.finalize(self, _end, self._child)
        if self._line(_START_SECONDS) is None:
            self._fail()
            raise RuntimeError("The process that decodes pictures could not be started.")

    def decode(self, data: bytes) -> Picture:
        """Read a picture.

        Raises:
            UnreadableImage: it cannot be read, or took too much.
        """
        self.start()
        os.ftruncate(self._files, 0)
        os.pwrite(self._files, data, 0)
        answer = self._ask(len(data))
        os.ftruncate(self._files, 0)
        if answer is None:
            raise self._fail()
        if "code" in answer:
            raise UnreadableImage(answer["code"], answer["message"])
        return self._picture(answer)

    def _ask(self, size: int) -> dict | None:
        """The process' answer about the file in the shared memory, or None if it died or took too long."""
        try:
            self._child.stdin.write(b"%d\n" % size)
        except BrokenPipeError:
            return None
        line = self._line(WALL * self._limits.seconds)
        return None if line is None else json.loads(line)

    def _line(self, seconds: float) -> bytes | None:
        """The next line that the process writes, or None if it dies or takes too long."""
        line, deadline = b"", time.monotonic() + seconds
        output = self._child.stdout.fileno()
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                return None
            part = os.read(output, 65536)
            if not part:
                return None
            line += part
        return line

    def _picture(self, answer: dict) -> Picture:
        """Copy the pixels: what the process does with the shared memory later changes no picture."""
        pixels = np.empty(answer["shape"], dtype=np.uint8)
        view, done = memoryview(pixels).cast("B"), 0
        while done < len(view):
            read = os.preadv(self._pixels, [view[done:]], answer["offset"] + done)
            if not read:
                raise self._fail()
            done += read
        if len(view) > _KEPT:
            os.ftruncate(self._pixels, 0)
        return Picture(pixels, tuple(answer["size"]))

    def _fail(self) -> UnreadableImage:
        """End the process, whatever it does, and say that the file is the reason."""
        self._end_child()
        self._child = None
        return decoding.too_complex_error()


def _end(child: subprocess.Popen) -> None:
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
