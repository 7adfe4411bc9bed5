"""Pool of sandboxed decoder processes, which bounds time and memory for untrusted photo files.

A limit on pixels is not enough. A small JPEG with thousands of scans occupies a core for half a minute, a small HEIC
takes a gigabyte, and a decoder's bug crashes the whole process. Without memfd (outside Linux), photos are decoded in
this process, with limits on pixels and scans only.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import IO, Any, TypeVar

import numpy as np

from app.errors import UnreadableImage
from app.scheduling import FairLock
from app.settings import ROOT, Settings
from app.vision import decoding
from app.vision.decoding import DecodeLimits, Header, Picture

T = TypeVar("T")

_START_SECONDS = 60

# Limit of the elapsed time, as a multiple of the processor time: a busy machine is slower.
_ELAPSED_PER_CPU = 4

# Memory, shared and not, that a process keeps between photos. A photo of 12 megapixels needs 49 MB.
_KEPT_BYTES = 64_000_000

# The whole environment of a process: no secrets. 32,000,000 is the largest value of MALLOC_MMAP_THRESHOLD_ in glibc.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES),
    "MALLOC_MMAP_THRESHOLD_": "32000000",
}


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
        if not hasattr(os, "memfd_create"):
            return decoding.decode(data, self.limits.max_pixels, self.limits.side)
        with self._process() as process:
            return process.decode(data)

    def read_header(self, data: bytes) -> Header:
        """Read the metadata of a photo as `decoding.read_header`, within the limits of time and memory."""
        if not data:
            raise decoding.empty_file_error()
        if not hasattr(os, "memfd_create"):
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


class _DecoderProcess:
    """A process and the memory shared with it. `stop` ends both, at the latest with this object."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._seconds = _ELAPSED_PER_CPU * limits.seconds
        self._files = os.memfd_create("files")
        self._pixels = os.memfd_create("pixels")
        arguments = (str(self._files), str(self._pixels), json.dumps(asdict(limits)))
        # A new program instead of a fork, which TensorFlow's threads would not survive.
        self._child = child = subprocess.Popen(
            [sys.executable, "-m", "app.vision.decoder_process", *arguments],
            cwd=ROOT,
            env=_ENVIRONMENT,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Messages of libraries may contain text of the file.
            stderr=subprocess.DEVNULL,
            pass_fds=(self._files, self._pixels),
        )
        assert child.stdin is not None
        assert child.stdout is not None
        self._stdin: IO[bytes] = child.stdin
        self._stdout: IO[bytes] = child.stdout
        self.stop = weakref.finalize(self, _stop, child, self._files, self._pixels)
        if self._read_line(_START_SECONDS) is None:
            self.stop()
            raise RuntimeError("The decoder process could not be started.")

    def decode(self, data: bytes) -> Picture:
        """Decode a photo, and stop the process if it exceeds the limits or its answer was not read."""
        return self._run(decoding.DECODE, data, self._read_picture)

    def read_header(self, data: bytes) -> Header:
        """Read the metadata of a photo in the same way."""
        return self._run(decoding.HEADER, data, _read_metadata)

    def _run(self, task: bytes, data: bytes, read: Callable[[dict[str, Any]], T | None]) -> T:
        try:
            result = self._ask(task, data, read)
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

    def _ask(self, task: bytes, data: bytes, read: Callable[[dict[str, Any]], T | None]) -> T | None:
        """Send a file and return what `read` makes of the answer, None if the process ended or took too long."""
        os.ftruncate(self._files, 0)
        os.pwrite(self._files, data, 0)
        line = None
        with suppress(BrokenPipeError):
            self._stdin.write(b"%b %d\n" % (task, len(data)))
            line = self._read_line(self._seconds)
        os.ftruncate(self._files, 0)
        if not line:
            return None
        answer = json.loads(line)
        if "code" in answer:
            raise UnreadableImage(answer["code"], answer["message"])
        return read(answer)

    def _read_line(self, seconds: float) -> bytes | None:
        """Return a line of the process, None if the process ended or took too long."""
        line, deadline = b"", time.monotonic() + seconds
        output = self._stdout.fileno()
        # Unlike select, poll works with descriptors over 1,023.
        poll = select.poll()
        poll.register(output, select.POLLIN)
        while not line.endswith(b"\n"):
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not poll.poll(1000 * remaining):
                return None
            if not (part := os.read(output, 65536)):
                return None
            line += part
        return line

    def _read_picture(self, answer: dict[str, Any]) -> Picture | None:
        """Copy the pixels: a compromised process must not change them later."""
        pixels = np.empty(answer["shape"], dtype=np.uint8)
        with open(self._pixels, "rb", closefd=False) as file:
            file.seek(answer["offset"])
            if file.readinto(pixels.data.cast("B")) < pixels.nbytes:
                return None
        if pixels.nbytes > _KEPT_BYTES:
            os.ftruncate(self._pixels, 0)
        width, height = answer["size"]
        return Picture(pixels, (width, height), answer["taken"])


def _read_metadata(answer: dict[str, Any]) -> Header:
    xmp = answer["xmp"]
    return Header(answer["orientation"], None if xmp is None else xmp.encode("latin-1"))


def _stop(child: subprocess.Popen[bytes], *descriptors: int) -> None:
    child.kill()
    # Waits, and closes the pipes.
    child.communicate()
    for descriptor in descriptors:
        os.close(descriptor)
