"""Sandboxed process that decodes one video: `python -m app.vision.video_process`, started by `video_decoder`.

It reads the file from a descriptor and writes the pixels of each frame into shared memory.
"""

import json
import logging
import os
import signal
import sys
from typing import Any

import cv2

from app.errors import UnreadableImage
from app.vision.process_limits import set_limits
from app.vision.video import Frame, VideoLimits, read_frames


def main(pixels: int, file: int, limits: VideoLimits) -> None:
    """Decode a frame for each line of standard input. `pixels` and `file` are descriptors."""
    cv2.setNumThreads(1)
    set_limits(limits.max_pixels, limits.memory)
    print(json.dumps("ready"), flush=True)
    with open(file, "rb", closefd=False) as stream:
        frames = read_frames(stream, limits)
        for _ in sys.stdin.buffer:
            # Python has no handler for SIGPROF, so it ends the process wherever a decoder hangs.
            signal.setitimer(signal.ITIMER_PROF, limits.seconds)
            try:
                answer = _write(next(frames), pixels)
            except StopIteration as end:
                answer = end.value._asdict()
            except UnreadableImage as error:
                answer = {"code": error.code, "message": str(error)}
            signal.setitimer(signal.ITIMER_PROF, 0)
            print(json.dumps(answer), flush=True)


def _write(frame: Frame, pixels: int) -> dict[str, Any]:
    """Write a frame into the shared memory, and return its properties."""
    picture = frame.picture
    os.pwrite(pixels, picture.pixels.data, 0)
    size = (picture.width, picture.height)
    return {"time": frame.time, "cut": frame.is_cut, "shape": picture.pixels.shape, "size": size}


if __name__ == "__main__":
    logging.disable()
    main(int(sys.argv[1]), int(sys.argv[2]), VideoLimits(**json.loads(sys.argv[3])))
