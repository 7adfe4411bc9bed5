"""Processes of decoders without access to files and the network, and with limits on memory.

The parent starts a module of this package. It limits itself with `process_limits.set_limits`, prints a JSON line when
it is ready, and answers each line of standard input with a JSON line. Pixels come through shared memory.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

import numpy as np

from app.arrays import ByteArray
from app.settings import ROOT

KEPT_BYTES = 64_000_000
"""Memory, shared and not, that a process keeps between pictures. A picture of 12 megapixels needs 49 MB."""

_START_SECONDS = 60

# The whole environment of a process: no secrets. 32,000,000 is the largest value of MALLOC_MMAP_THRESHOLD_ in glibc.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": str(KEPT_BYTES),
    "MALLOC_MMAP_THRESHOLD_": "32000000",
}


def is_supported() -> bool:
    """Return whether this system has memory files, which Linux has. Without them, no process can be started."""
    return hasattr(os, "memfd_create")


class SandboxedProcess:
    """A process and the memory shared with it. `stop` ends both, at the latest with this object.

    Args:
        module: Module to run. Its arguments are the descriptors of the shared memory and of `descriptors`, and then
            `limits`.
        limits: As JSON.
        descriptors: Descriptors of files for the process. Those named here are closed with it.
        seconds: Longest time until it answers a line.
    """

    def __init__(self, module: str, limits: dict[str, Any], descriptors: Sequence[int], seconds: float) -> None:
        self._seconds = seconds
        self._pixels = os.memfd_create("pixels")
        passed = (self._pixels, *descriptors)
        try:
            # A new program instead of a fork, which TensorFlow's threads would not survive.
            self._child = child = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, passed), json.dumps(limits)],
                cwd=ROOT,
                env=_ENVIRONMENT,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Messages of libraries may contain text of the file.
                stderr=subprocess.DEVNULL,
                pass_fds=passed,
            )
        except BaseException:
            _close(passed)
            raise
        assert child.stdin is not None
        assert child.stdout is not None
        self._stdin: IO[bytes] = child.stdin
        self._stdout: IO[bytes] = child.stdout
        self.stop = weakref.finalize(self, _stop, child, *passed)
        if self._read_line(_START_SECONDS) is None:
            self.stop()
            raise RuntimeError("The decoder process could not be started.")

    def ask(self, line: bytes) -> dict[str, Any] | None:
        """Send a line and return the answer, None if the process ended or took too long."""
        self.send(line)
        return self.receive()

    def send(self, line: bytes) -> None:
        """Send a line without waiting for its answer."""
        # `receive` notices that the process has ended.
        with suppress(BrokenPipeError):
            self._stdin.write(line + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """Return the answer to a line that was sent, None if the process ended or took too long."""
        line = self._read_line(self._seconds)
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer

    def read_pixels(self, shape: Sequence[int], offset: int = 0) -> ByteArray | None:
        """Copy pixels from the shared memory, None if it has fewer: a compromised process must not change them."""
        pixels = np.empty(shape, dtype=np.uint8)
        with open(self._pixels, "rb", closefd=False) as file:
            file.seek(offset)
            if file.readinto(pixels.data.cast("B")) < pixels.nbytes:
                return None
        if pixels.nbytes > KEPT_BYTES:
            os.ftruncate(self._pixels, 0)
        return pixels

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


def _stop(child: subprocess.Popen[bytes], *descriptors: int) -> None:
    child.kill()
    # Waits, and closes the pipes.
    child.communicate()
    _close(descriptors)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
