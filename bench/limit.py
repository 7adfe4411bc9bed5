"""How far from the machine's limit: `[taskset -c 0] .venv/bin/python -m bench.limit [PHOTO] [--rounds 30]`.

A network cannot be faster than its multiply-adds at the rate of this machine's matrix product. Measured by turns: the
product, the twin on one face and on sixteen, yunet on a megapixel, and decoding the photo as a
JPEG library does it by itself, beside what the program's decoder takes. Without PHOTO, one made of a shipped portrait.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import click
import cv2
import numpy as np
from PIL import Image

from app.lazy_imports import import_quietly
from app.recognition import inference
from app.settings import Settings
from app.vision import alignment, backends
from app.vision.decoder_pool import DecoderPool
from bench.million import interleaved
from tests import photos

SIDE = 1024
"""Of the matrices: large enough to keep every core busy, small enough to stay near it."""


def detector_multiply_adds(width: int, height: int) -> int:
    """Multiply-adds of yunet's convolutions on a picture, its sides filled up to multiples of 32 as OpenCV does."""
    network = cv2.dnn.readNet(str(Settings().detector_home / backends.YUNET_WEIGHTS))
    shape = (1, 3, -(-height // 32) * 32, -(-width // 32) * 32)
    total = 0
    for number, _, made in zip(*network.getLayersShapes(shape), strict=True):
        layer = network.getLayer(int(number))
        if layer.type == "Convolution":
            total += int(np.prod(made[0])) * int(np.prod(np.shape(layer.blobs[0])[1:]))
    return total


@click.command()
@click.argument("photo", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--rounds", default=30, show_default=True)
def main(photo: Path | None, rounds: int) -> None:
    """Measure and print."""
    tensorflow = import_quietly("tensorflow")

    settings = Settings()
    network, decoder = inference.load_network(settings.model), DecoderPool.from_settings(settings)
    backend = backends.choose_backend(settings)
    portrait = photos.paste(photos.portraits()[photos.PERSON], size=(1200, 840), side=380)
    data = photo.read_bytes() if photo else photos.encode(portrait)
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    faces = np.zeros((16, alignment.SIZE, alignment.SIZE, 3), np.uint8)
    matrix = tensorflow.random.normal((SIDE, SIDE))
    calls = {
        "matrix product": lambda: tensorflow.matmul(matrix, matrix).numpy(),
        "embed one face": lambda: network.embed(faces[:1]),
        "embed 16 faces": lambda: network.embed(faces),
        "detect, one look": lambda: backends.extract_faces(pixels, backend, downloads=False),
        "decode, library": lambda: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")),
        "decode, ours": lambda: decoder.decode(data),
    }
    took = dict(zip(calls, interleaved(*calls.values(), rounds=rounds), strict=True))
    rate = SIDE**3 / took["matrix product"]
    face = network.card.raw["architecture"]["multiply_adds"]
    work = {"embed one face": face, "embed 16 faces": 16 * face}
    if backend == "yunet":
        work["detect, one look"] = detector_multiply_adds(pixels.shape[1], pixels.shape[0])
    cores = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores"
    print(f"{cores}: {rate / 1e9:.0f} thousand million multiply-adds a second")
    print(f"{'':<20}{'million':>9}{'limit':>10}{'measured':>11}{'ratio':>8}")
    for what, multiply_adds in work.items():
        limit = multiply_adds / rate
        print(
            f"{what:<20}{multiply_adds / 1e6:>9.0f}{1000 * limit:>7.1f} ms{1000 * took[what]:>8.1f} ms"
            f"{took[what] / limit:>8.1f}"
        )
    ours, library = took["decode, ours"], took["decode, library"]
    print(f"{'decode':<20}{'':>9}{1000 * library:>7.1f} ms{1000 * ours:>8.1f} ms{ours / library:>8.1f}")
    decoder.close()


if __name__ == "__main__":
    main()
