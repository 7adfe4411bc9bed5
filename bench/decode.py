"""What decoding in a process of its own costs: `.venv/bin/python -m bench.decode [FOLDER]`.

Every photo of FOLDER, and portraits in every format, decoded by turns in this process and in the decoder's.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from app.settings import ROOT, Settings
from app.vision import decoding
from app.vision.decoder_pool import DecoderPool
from tests import photos

_ROUNDS = 7


def groups(folder: Path) -> dict[str, list[bytes]]:
    """What is decoded: files by the name of their group."""
    face = photos.portraits()[photos.PERSON]
    found = {
        f"{kind}, {width} x {height}": [photos.encode(photos.paste(face, size=(width, height), side=height // 2), kind)]
        for kind in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
        for width, height in ((1200, 900), (4000, 3000))
    }
    paths = [path for path in sorted(folder.glob("*")) if decoding.is_photo_file(path)] if folder.is_dir() else []
    if paths:
        found[f"{len(paths)} photos of {folder.name}"] = [path.read_bytes() for path in paths[:: len(paths) // 60 + 1]]
    return found


def main() -> None:
    """Measure and print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "photos"
    settings = Settings()
    decoder = DecoderPool.from_settings(settings)
    decoder.warm_up()
    print(f"{'':<28} {'here, ms':>9} {'decoder, ms':>12} {'ratio':>6}")
    for name, files in groups(folder).items():
        times = np.zeros((2, _ROUNDS, len(files)))
        for round_ in range(_ROUNDS):
            for number, data in enumerate(files):
                started = time.perf_counter()
                decoding.decode(data, settings.max_pixels, settings.detection_side)
                middle = time.perf_counter()
                decoder.decode(data)
                times[:, round_, number] = middle - started, time.perf_counter() - middle
        here, there = 1000 * np.median(times, axis=1).mean(axis=1)
        print(f"{name:<28} {here:>9.1f} {there:>12.1f} {there / here:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
