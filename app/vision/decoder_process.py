"""Sandboxed decoder process: `python -m app.vision.decoder_process`, started by `decoder_pool`.

It reads files from one piece of shared memory and writes pixels into another. The kernel limits its memory and the
processor time of each file.
"""

import json
import logging
import os
import signal
import sys
from importlib import import_module
from typing import Any

from PIL import Image

from app.errors import UnreadableImage
from app.vision.closeups import Window
from app.vision.decoding import HEADER, WINDOWS, DecodeLimits, decode_image, decode_windows, read_header
from app.vision.process_limits import set_limits


def main(pixels: int, files: int, limits: DecodeLimits) -> None:
    """Decode files until standard input ends. `pixels` and `files` are descriptors of the shared memory."""
    # Import now what Pillow imports on first use: no file can be opened later.
    Image.init()
    import_module("PIL.ImageCms")
    set_limits(limits.max_pixels, limits.memory)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin.buffer:
        # Python has no handler for SIGPROF, so it ends the process wherever a decoder hangs.
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)
        try:
            task, size, *numbers = line.split()
            data = os.pread(files, int(size), 0)
            if task == HEADER:
                answer = _read_header(data, limits)
            elif task == WINDOWS:
                answer = _decode_windows(data, pixels, limits, [int(number) for number in numbers])
            else:
                answer = _decode(data, pixels, limits)
        except UnreadableImage as error:
            answer = {"code": error.code, "message": str(error)}
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(answer), flush=True)


def _decode(data: bytes, pixels: int, limits: DecodeLimits) -> dict[str, Any]:
    """Write the pixels of a file into the shared memory, and return their offset and shape."""
    image, size, taken = decode_image(data, limits.max_pixels, limits.side)
    os.lseek(pixels, 0, os.SEEK_SET)
    # Pillow writes a PPM file, a header and the pixels, without a copy.
    with open(pixels, "wb", closefd=False) as file:
        image.save(file, "PPM")
        offset = file.tell() - 3 * image.width * image.height
    return {"offset": offset, "shape": [image.height, image.width, 3], "size": size, "taken": taken}


def _decode_windows(data: bytes, pixels: int, limits: DecodeLimits, numbers: list[int]) -> dict[str, Any]:
    """Write the pixels of windows into the shared memory, one after the other. `numbers` are reduction and windows."""
    reduction, edges = numbers[0], numbers[1:]
    windows = [Window(*edges[start : start + 4]) for start in range(0, len(edges), 4)]
    os.lseek(pixels, 0, os.SEEK_SET)
    with open(pixels, "wb", closefd=False) as file:
        for image in decode_windows(data, windows, reduction, limits.max_pixels):
            file.write(image.tobytes())
    return {}


def _read_header(data: bytes, limits: DecodeLimits) -> dict[str, Any]:
    orientation, xmp = read_header(data, limits.max_pixels)
    return {"orientation": orientation, "xmp": None if xmp is None else xmp.decode("latin-1")}


if __name__ == "__main__":
    logging.disable()
    main(int(sys.argv[1]), int(sys.argv[2]), DecodeLimits(**json.loads(sys.argv[3])))
