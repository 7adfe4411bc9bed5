"""Processor time to decode 12 megapixels by format: `.venv/bin/python -m bench.formats [--rounds N]`.

Prints that of the decoder process, and that of its parent, which copies the pixels; means of a noisy photo.
"""

from __future__ import annotations

import io
import os
import time
from typing import Any

import click
import numpy as np
from PIL import Image

from app.settings import Settings
from app.vision.decoder_pool import DecoderPool
from bench.common import decoder_processes, portrait_photo, processor_seconds

NOISE = 2.5
FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"format": "JPEG", "quality": 90},
    "progressive JPEG": {"format": "JPEG", "quality": 90, "progressive": True},
    "TIFF, JPEG": {"format": "TIFF", "compression": "jpeg"},
    "WebP": {"format": "WEBP", "quality": 80, "method": 0},
    "PNG": {"format": "PNG", "compress_level": 1},
    "HEIC": {"format": "HEIF", "quality": 60},
}


def noisy_photo() -> Image.Image:
    """Return a photo of 12 megapixels with the noise of a camera."""
    noise = np.random.default_rng(0).normal(0, NOISE, (3000, 4000, 1))
    with Image.open(io.BytesIO(portrait_photo(4000, 3000, 1000))) as photo:
        return Image.fromarray(np.clip(np.asarray(photo) + noise, 0, 255).astype(np.uint8))


@click.command()
@click.option("--rounds", default=2, show_default=True)
def main(rounds: int) -> None:
    """Print the processor time of each format in milliseconds."""
    picture = noisy_photo()
    pool = DecoderPool.from_settings(Settings())
    pool.decode(portrait_photo())
    (pid,) = decoder_processes(os.getpid())
    click.echo(f"{'':<18}{'MB':>6}{'decoder':>9}{'parent':>8}  (ms)")
    for name, options in FORMATS.items():
        file = io.BytesIO()
        picture.save(file, **options)
        data = file.getvalue()
        pool.decode(data)
        before, parent_before = processor_seconds(pid), time.process_time()
        for _ in range(rounds):
            pool.decode(data)
        decoder, parent = processor_seconds(pid) - before, time.process_time() - parent_before
        times = f"{1000 * decoder / rounds:>9.0f}{1000 * parent / rounds:>8.0f}"
        click.echo(f"{name:<18}{len(data) / 1e6:>6.1f}{times}")
    pool.close()


if __name__ == "__main__":
    main()
