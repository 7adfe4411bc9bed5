"""Growth of a photo's time with its pixels and faces: `.venv/bin/python -m bench.growth [--rounds N]`.

Prints the stages of photos by their pixels and by their faces, and how much longer large photos, photos without a face
and crowds take than a megapixel with one face. Photos run in turns; medians.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable

import click
import numpy as np

from app import tracing
from app.recognition.recognizer import Recognizer
from bench.common import load_recognizer, portrait_photo, processor_seconds, time_stages
from tests import photos

MEGAPIXELS = (0.25, 1, 4, 16)
FACES = (0, 1, 4, 16, 48)
STAGES = tracing.STAGES[:4]


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


def print_ratios(recognizer: Recognizer, rounds: int) -> None:
    """Print how much longer large photos take than one of a megapixel with a face; medians of photos in turns."""
    files = {
        "1 MP, one face": photo_of_size(1),
        "12 MP, one face": photo_of_size(12),
        "1 MP, no face": photos.encode(photos.background(1200, 900)),
        "12 MP, no face": photos.encode(photos.background(4000, 3000)),
        "2 MP, 48 faces": photo_of_faces(48),
    }
    seconds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for turn in range(rounds + 1):
        for name, data in files.items():
            started, started_processor = time.perf_counter(), processor_seconds(os.getpid())
            recognizer.identify(data)
            if turn:  # The first round warms up.
                used = processor_seconds(os.getpid()) - started_processor
                seconds[name].append((time.perf_counter() - started, used))
    medians = {name: np.median(values, axis=0) for name, values in seconds.items()}
    base = medians["1 MP, one face"]
    click.echo(f"\n{'':<18}{'ms':>7}{'ratio':>7}{'CPU ms':>9}{'ratio':>7}")
    for name, median in medians.items():
        (whole, processor), ratios = 1000 * median, median / base
        click.echo(f"{name:<18}{whole:>7.0f}{ratios[0]:>7.1f}{processor:>9.0f}{ratios[1]:>7.1f}")


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--tables/--no-tables", default=True, show_default=True, help="Print the stages, not only the ratios.")
def main(rounds: int, tables: bool) -> None:
    """Print the stages of a photo by its pixels and by its faces, and the ratios; medians."""
    with load_recognizer() as recognizer:
        if tables:
            print_table(recognizer, "megapixels", [(size, photo_of_size(size)) for size in MEGAPIXELS], rounds)
            print_table(recognizer, "faces", [(count, photo_of_faces(count)) for count in FACES], rounds)
        print_ratios(recognizer, rounds)


if __name__ == "__main__":
    main()
