"""Sandboxed decoder process: `python -m app.vision.decoder_process`, started by `decoder_pool`.

It reads files from one piece of memory that it shares with its parent, writes pixels into another, and gives
itself up when a file takes too much: its memory is limited, and so is the processor time of every file.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path

from PIL import Image

from app.errors import UnreadableImage
from app.vision import decoding


def main(files: int, pixels: int, max_pixels: int, side: int, seconds: float, memory: int) -> None:
    """Decode one file after another until standard input ends.

    Args:
        files: descriptor of the shared memory that files come in.
        pixels: descriptor of the shared memory that pictures go out in.
        max_pixels: as `images.read` takes it.
        side: as `images.read` takes it.
        seconds: processor time that a file may take.
        memory: bytes that the process may grow by.
    """
    # Later nothing can be opened: here come Pillow's formats, and the one part that it imports for some pictures alone.
    Image.init()
    import_module("PIL.ImageCms")
    _limit(memory, most_written=3 * max_pixels + 100)
    # Whoever stops the server tells all its processes; this one is needed until the last request is answered.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _say("ready")
    for line in sys.stdin.buffer:
        # Python leaves SIGPROF alone, so that it ends the process wherever a decoder may hang.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            answer = _decode(os.pread(files, int(line), 0), pixels, max_pixels, side)
        except UnreadableImage as error:
            answer = {"code": error.code, "message": str(error)}
        signal.setitimer(signal.ITIMER_PROF, 0)
        _say(answer)


def _decode(data: bytes, pixels: int, max_pixels: int, side: int) -> dict:
    """Write a file's pixels into the shared memory; where they begin, and how many there are."""
    image, size = decoding.decode_image(data, max_pixels, side)
    os.lseek(pixels, 0, os.SEEK_SET)
    # Pillow writes a PPM file, pixels after a short head, without a copy in between.
    with open(pixels, "wb", closefd=False) as file:
        image.save(file, "PPM")
        offset = file.tell() - 3 * image.width * image.height
    return {"offset": offset, "shape": [image.height, image.width, 3], "size": size}


def _say(answer: object) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def _limit(memory: int, most_written: int) -> None:
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_written, most_written))
    # A crash leaves no picture behind, and a decoder that was taken over opens no file and no connection. Processes
    # cannot be forbidden: to the system they are threads, which HEIC's decoder needs.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


if __name__ == "__main__":
    logging.disable()
    main(*(int(word) for word in sys.argv[1:5]), float(sys.argv[5]), int(sys.argv[6]))
