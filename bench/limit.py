"""Stages compared with the limit of the hardware: `.venv/bin/python -m bench.limit [PHOTO]`.

How the stages grow with pixels and faces: `bench.growth`. What clients do to a photo's time: `bench.server clients`.
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
from bench.common import interleave, portrait_photo

MATRIX_SIDE = 1024
"""Large enough to keep all cores busy, small enough to stay in the cache."""


def detector_multiply_adds(width: int, height: int) -> int:
    """Return the multiply-adds of YuNet's convolutions; OpenCV pads the sides to multiples of 32."""
    network = cv2.dnn.readNet(str(Settings().detector_home / backends.YUNET_WEIGHTS))
    shape = (1, 3, -(-height // 32) * 32, -(-width // 32) * 32)
    total = 0
    for number, _, outputs in zip(*network.getLayersShapes(shape), strict=True):
        layer = network.getLayer(int(number))
        if layer.type == "Convolution":
            total += int(np.prod(outputs[0])) * int(np.prod(np.shape(layer.blobs[0])[1:]))
    return total


@click.command()
@click.argument("photo", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--rounds", default=30, show_default=True)
def main(photo: Path | None, rounds: int) -> None:
    """Compare stages with the hardware: multiply-adds at the rate of a matrix product, and Pillow's decoder.

    Run it with `taskset -c 0` to measure one core.
    """
    settings = Settings()
    backend = backends.choose_backend(settings)
    tensorflow = import_quietly("tensorflow")
    network, decoder = inference.load_network(settings.model), DecoderPool.from_settings(settings)
    data = photo.read_bytes() if photo else portrait_photo()
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    reduced = cv2.resize(pixels, (640, round(640 * pixels.shape[0] / pixels.shape[1])))
    opencv = cv2.FaceDetectorYN.create(
        str(settings.detector_home / backends.YUNET_WEIGHTS), "", (reduced.shape[1], reduced.shape[0])
    )
    faces = np.zeros((16, alignment.SIZE, alignment.SIZE, 3), np.uint8)
    matrix = tensorflow.random.normal((MATRIX_SIDE, MATRIX_SIDE))
    calls = {
        "matrix product": lambda: tensorflow.matmul(matrix, matrix).numpy(),
        "embed one face": lambda: network.embed(faces[:1]),
        "embed 16 faces": lambda: network.embed(faces),
        "detect, one pass": lambda: backends.extract_faces(pixels, backend, downloads=False),
        "with OpenCV": lambda: opencv.detect(reduced),
        "decode, Pillow": lambda: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")),
        "decode": lambda: decoder.decode(data),
    }
    seconds = dict(zip(calls, interleave(*calls.values(), rounds=rounds), strict=True))
    rate = MATRIX_SIDE**3 / seconds["matrix product"]
    per_face = network.card.raw["architecture"]["multiply_adds"]
    work = {"embed one face": per_face, "embed 16 faces": 16 * per_face}
    if backend == "yunet":
        work["detect, one pass"] = work["with OpenCV"] = detector_multiply_adds(pixels.shape[1], pixels.shape[0])
    cores = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores"
    click.echo(f"{cores}: {rate / 1e9:.0f} billion multiply-adds a second")
    click.echo(f"{'':<20}{'million':>9}{'limit':>10}{'measured':>11}{'ratio':>8}")
    rows = [(name, f"{count / 1e6:.0f}", count / rate, seconds[name]) for name, count in work.items()]
    for name, count, bound, measured in [*rows, ("decode", "", seconds["decode, Pillow"], seconds["decode"])]:
        click.echo(f"{name:<20}{count:>9}{1000 * bound:>7.1f} ms{1000 * measured:>8.1f} ms{measured / bound:>8.1f}")
    decoder.close()


if __name__ == "__main__":
    main()
