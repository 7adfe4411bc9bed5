"""Stages of the pipeline: `.venv/bin/python -m bench.stages growth|limit`.

`growth` prints the time of each stage by pixels and by faces. `limit` compares embedding, detection and decoding with
the limit of the hardware. What clients do to a photo's time: `bench.server clients`.
"""

from __future__ import annotations

import io
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import click
import cv2
import numpy as np
from PIL import Image

from app import tracing
from app.lazy_imports import import_quietly
from app.recognition import inference
from app.recognition.recognizer import Recognizer
from app.settings import Settings
from app.vision import alignment, backends
from app.vision.decoder_pool import DecoderPool
from bench.common import interleave, load_recognizer, portrait_photo, time_stages
from tests import photos

MEGAPIXELS = (0.25, 1, 4, 16)
FACES = (0, 1, 4, 16, 48)
STAGES = tracing.STAGES[:4]

MATRIX_SIDE = 1024
"""Large enough to keep all cores busy, small enough to stay in the cache."""


@click.group()
def main() -> None:
    """Measure the stages of the pipeline."""


def photo_of_size(megapixels: float) -> bytes:
    """Return a photo whose face fills a third of its height."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    return portrait_photo(round(height * 4 / 3), height, height // 3)


def photo_of_faces(count: int) -> bytes:
    """Return a photo of two megapixels with faces of 110 pixels, in rows of twelve."""
    canvas = photos.background(1600, 1200)
    for number, face in enumerate(list(photos.portraits().values())[:count]):
        row, column = divmod(number, 12)
        canvas.paste(photos.paste(face, size=(120, 130), side=118), (40 + 128 * column, 60 + 260 * row))
    return photos.encode(canvas)


def print_table(recognizer: Recognizer, title: str, files: Iterable[tuple[float, bytes]], rounds: int) -> None:
    """Time all files in turns, and print a row for each."""
    rows: dict[float, list[tuple[dict[str, float], int]]] = defaultdict(list)
    files = list(files)
    for turn in range(rounds + 1):
        for size, data in files:
            result = time_stages(recognizer, data)
            if turn:  # The first round warms up.
                rows[size].append(result)
    click.echo(f"\n{title:<14}{'found':>7}" + "".join(f"{name:>9}" for name in (*STAGES, "whole")) + "  (ms)")
    for size, results in rows.items():
        medians = [1000 * float(np.median([seconds.get(name, 0.0) for seconds, _ in results])) for name in STAGES]
        cells = "".join(f"{value:>9.1f}" for value in (*medians, sum(medians)))
        click.echo(f"{size:<14}{results[0][1]:>7}{cells}")


@main.command()
@click.option("--rounds", default=3, show_default=True)
def growth(rounds: int) -> None:
    """Print the stages of a photo by its pixels and by its faces, and ratios of large to small photos; medians."""
    with load_recognizer() as recognizer:
        print_table(recognizer, "megapixels", [(size, photo_of_size(size)) for size in MEGAPIXELS], rounds)
        print_table(recognizer, "faces", [(count, photo_of_faces(count)) for count in FACES], rounds)
        print_ratios(recognizer, rounds)


def print_ratios(recognizer: Recognizer, rounds: int) -> None:
    """Print how much longer large photos take than one of a megapixel with a face; medians of photos in turns."""
    files = {
        "1 MP, one face": photo_of_size(1),
        "12 MP, one face": photo_of_size(12),
        "12 MP, no face": photos.encode(photos.background(4000, 3000)),
        "2 MP, 48 faces": photo_of_faces(48),
    }
    seconds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for turn in range(rounds + 1):
        for name, data in files.items():
            started, started_cpu = time.perf_counter(), time.process_time()
            recognizer.identify(data)
            if turn:  # The first round warms up.
                seconds[name].append((time.perf_counter() - started, time.process_time() - started_cpu))
    medians = {name: np.median(values, axis=0) for name, values in seconds.items()}
    base = medians["1 MP, one face"]
    # The processor time of the decoder is that of another process.
    click.echo(f"\n{'':<18}{'ms':>7}{'ratio':>7}{'CPU ms':>9}{'ratio':>7}")
    for name, median in medians.items():
        (whole, cpu), ratios = 1000 * median, median / base
        click.echo(f"{name:<18}{whole:>7.0f}{ratios[0]:>7.1f}{cpu:>9.0f}{ratios[1]:>7.1f}")


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


@main.command()
@click.argument("photo", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--rounds", default=30, show_default=True)
def limit(photo: Path | None, rounds: int) -> None:
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
