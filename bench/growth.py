"""What makes a photo slow: `.venv/bin/python -m bench.growth [--rounds 3]`.

The stages of a photo as its pixels grow, as its faces do, and as the gallery does; all sizes by turns, medians.
What clients do to it: `bench.clients`.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import numpy as np

from app import tracing
from app.gallery import embedding_rows
from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules
from app.recognition.recognizer import Recognizer
from app.settings import Settings
from bench.million import interleaved, named
from tests import photos

MEGAPIXELS = (0.25, 1, 4, 16)
FACES = (0, 1, 4, 16, 48)
ANCHORS = (10**2, 10**3, 10**4, 10**5, 10**6)
_EACH = 20
"""Anchors a person in the galleries."""


def of_pixels(megapixels: float) -> bytes:
    """One face that fills a third of the photo's height, as phones see it."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    size = (round(height * 4 / 3), height)
    return photos.encode(photos.paste(photos.portraits()[photos.PERSON], size=size, side=height // 3))


def of_faces(count: int) -> bytes:
    """So many faces of 110 pixels in two megapixels, in rows of up to twelve."""
    canvas = photos.background(1600, 1200)
    for place, face in enumerate(list(photos.portraits().values())[:count]):
        row, column = divmod(place, 12)
        row_of_faces = photos.paste(face, size=(120, 130), side=118)
        canvas.paste(row_of_faces, (40 + 128 * column, 60 + 260 * row))
    return photos.encode(canvas)


def gallery(anchors: int) -> Snapshot:
    """Random people."""
    rng = np.random.default_rng(anchors)
    people = anchors // _EACH
    rows = embedding_rows.unit_rows(rng.normal(size=(anchors, 128)).astype(np.float32))
    names = tuple(f"Person {number}" for number in range(people))
    return Snapshot(names, tuple(range(1, people + 1)), rows, np.arange(0, anchors + 1, _EACH), 1)


def timed(recognizer: Recognizer, data: bytes) -> dict[str, float]:
    """Seconds of each stage of one photo, and how many faces were found."""
    course = tracing.RequestTrace(deadline=float("inf"))
    tracing.start_trace(course)
    found = len(recognizer.identify(data).faces)
    tracing.end_trace()
    return {"found": found, **course.seconds}


def table(what: str, sizes: Iterable, measure: Callable[[object], dict[str, float]], rounds: int) -> None:
    """Measure all sizes by turns, and print a row for each."""
    rows = defaultdict(list)
    for turn in range(rounds + 1):
        for size in sizes:
            one = measure(size)
            if turn:  # The first is for warming up.
                rows[size].append(one)
    print(f"\n{what:<14}{'found':>7}" + "".join(f"{name:>9}" for name in (*tracing.STAGES[:4], "whole")) + "  (ms)")
    for size, measured in rows.items():
        middle = {
            name: float(np.median([one.get(name, 0.0) for one in measured])) for name in ("found", *tracing.STAGES)
        }
        cells = [1000 * middle[name] for name in tracing.STAGES[:4]]
        print(f"{size:<14}{middle['found']:>7.0f}" + "".join(f"{cell:>9.1f}" for cell in (*cells, sum(cells))))


def ranking(rules: Rules, rounds: int) -> None:
    """Print the time of one probe against galleries of growing size, and of the product with all templates."""
    print(f"\n{'anchors':<14}{'people':>7}{'rank':>9}{'product':>9}  (ms)")
    probe = embedding_rows.unit_rows(np.random.default_rng(1).normal(size=(1, 128)).astype(np.float32))[0]
    for anchors in ANCHORS:
        snapshot = gallery(anchors)
        matrix = snapshot.templates
        product, one = interleaved(lambda: matrix @ probe, lambda: named(probe, snapshot, rules), rounds=5 * rounds)  # noqa: B023
        print(f"{anchors:<14}{anchors // _EACH:>7}{1000 * one:>9.2f}{1000 * product:>9.2f}")


@click.command()
@click.option("--rounds", default=3, show_default=True)
def main(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        recognizer = Recognizer.load(Settings(database_url=f"sqlite:///{Path(folder) / 'bench.sqlite'}"))
        recognizer.warm_up()
        by_pixels = {size: of_pixels(size) for size in MEGAPIXELS}
        by_faces = {count: of_faces(count) for count in FACES}
        table("megapixels", MEGAPIXELS, lambda size: timed(recognizer, by_pixels[size]), rounds)
        table("faces", FACES, lambda size: timed(recognizer, by_faces[size]), rounds)
        ranking(recognizer.network.card.rules, rounds)


if __name__ == "__main__":
    main()
