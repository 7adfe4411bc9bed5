"""How fast beside what else one could use: `.venv/bin/python -m bench.side_by_side [FOLDER] [--rounds N]`.

One photo of about a megapixel with one face, on one core and on all: this program's core, `face_recognition` (dlib),
DeepFace by itself, and the method of this program's first version. Each in a process of its own, whose memory and
threads are its own; all by turns, photo by photo; medians.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
from PIL import Image

from app.settings import ROOT
from bench.rival import rival
from tests import photos

STEPS = ("decode", "detect", "embed", "rank")
SEED_PEOPLE, SEED_ANCHORS = 4, 32
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)

Way = Callable[[Path], dict[str, float]]
"""Names the faces of a photo; gives the seconds of each step."""


def pictures(folder: Path | None, into: Path) -> list[Path]:
    """Photos of half to one and a half megapixels with one face: some of `folder`, and portraits before a ground."""
    made, faces = [], list(photos.portraits().values())
    for number, face in enumerate(faces[:: len(faces) // 4 + 1]):
        made.append(into / f"portrait-{number}.jpg")
        made[-1].write_bytes(photos.encode(photos.paste(face.resize((224, 224)), size=(1200, 840), side=380)))
    if folder and (folder / "index.csv").exists():
        with (folder / "index.csv").open(newline="", encoding="utf-8") as stream:
            alone = [folder / row["file"] for row in csv.DictReader(stream) if row["faces"] == "1"]
        alone = [path for path in alone if 0.5e6 < np.prod(Image.open(path).size) < 1.5e6]
        made += alone[:: len(alone) // 8 + 1]
    return made


def ours(folder: Path) -> Way:
    """The core of this program, as every door uses it."""
    from app import tracing
    from app.recognition.recognizer import Recognizer
    from app.settings import Settings

    recognizer = Recognizer.load(Settings(database_url=f"sqlite:///{folder / 'bench.sqlite'}"))
    recognizer.warm_up()

    def way(path: Path) -> dict[str, float]:
        course = tracing.RequestTrace(deadline=float("inf"))
        tracing.start_trace(course)
        recognizer.identify(path.read_bytes())
        tracing.end_trace()
        return dict(course.seconds)

    return way


def deepface() -> Way:
    """DeepFace's own path with its defaults: extract_faces, then one embedding by VGG-Face's layers, unlearnt."""
    from deepface import DeepFace
    from deepface.models.facial_recognition import VGGFace

    network = VGGFace.base_model()
    network(np.zeros((1, 224, 224, 3), np.float32), training=False)

    def way(path: Path) -> dict[str, float]:
        began = time.perf_counter()
        faces = DeepFace.extract_faces(str(path), enforce_detection=False)
        detected = time.perf_counter()
        for face in faces:
            small = np.asarray(Image.fromarray(np.uint8(255 * face["face"])).resize((224, 224)), np.float32)
            network(small[None], training=False)
        return {"detect": detected - began, "embed": time.perf_counter() - detected}

    return way


def seed() -> Way:
    """The first version's: both halves of its Siamese network for each of 4 x 32 anchors, and for as many copies of
    the face; layers as they were, unlearnt. Only its comparison, after detection.
    """
    import keras

    layers = keras.layers
    twin = keras.Sequential([layers.Input((100, 100, 3))])
    for filters, size in ((64, 10), (128, 7), (256, 7)):
        twin.add(layers.Conv2D(filters, size, activation="relu"))
        twin.add(layers.MaxPooling2D(2, padding="same"))
    twin.add(layers.Conv2D(256, 3, activation="relu"))
    twin.add(layers.Flatten())
    twin.add(layers.Dense(1024, activation="sigmoid"))
    left, right = layers.Input((100, 100, 3)), layers.Input((100, 100, 3))
    apart = layers.Lambda(lambda pair: keras.ops.abs(pair[0] - pair[1]), output_shape=(1024,))
    whole = keras.Model([left, right], layers.Dense(1, activation="sigmoid")(apart([twin(left), twin(right)])))
    anchors = np.random.default_rng(0).random((SEED_PEOPLE, SEED_ANCHORS, 100, 100, 3), dtype=np.float32)
    whole.predict([anchors[0], anchors[0]], verbose=0)

    def way(path: Path) -> dict[str, float]:
        face = np.asarray(Image.open(path).convert("RGB").resize((100, 100)), np.float32) / 255
        began = time.perf_counter()
        for own in anchors:
            whole.predict([np.repeat(face[None], SEED_ANCHORS, axis=0), own], verbose=0)
        return {"embed": time.perf_counter() - began}

    return way


@contextmanager
def apart(make: Callable[..., Way], *arguments: object) -> Iterator[Way]:
    """A way in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin, (make, *arguments)) as alone:
        yield lambda path: alone.submit(_go, path).result()


_mine: list[Way] = []
"""The way of this process, if it is one of those."""


def _begin(make: Callable[..., Way], *arguments: object) -> None:
    _mine.append(make(*arguments))


def _go(path: Path) -> dict[str, float]:
    return _mine[0](path)


def measure(folder: Path | None, rounds: int) -> None:
    """Time every way on every photo, and print the table."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (
        tempfile.TemporaryDirectory() as temporary,
        apart(ours, Path(temporary)) as own,
        rival() as dlib,
        apart(deepface) as alone,
        apart(seed) as first,
    ):
        shown = pictures(folder, Path(temporary))
        ways = {"this program": own, "face_recognition": lambda path: dlib.ask(path).seconds}
        ways |= {"DeepFace": alone, "first version": first}
        for turn in range(rounds + 1):
            for path in shown:
                for name, way in ways.items():
                    if name == "first version" and path != shown[0]:
                        continue  # Seconds a face, whatever the photo.
                    seconds = way(path)
                    if turn:  # The first is for warming up.
                        for step, value in (seconds | {"whole": sum(seconds.values())}).items():
                            found[name][step].append(value)
    base = found["this program"]
    own_face = np.median(np.add(base["embed"], base["rank"]))
    print(f"{len(shown)} photos, {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores; milliseconds")
    print(f"{'':<18}" + "".join(f"{step:>10}" for step in (*STEPS, "whole")) + f"{'ratio':>9}")
    for name, steps in found.items():
        medians = {step: np.median(values) for step, values in steps.items()}
        cells = [f"{1000 * medians[step]:>10.1f}" if step in medians else f"{'':>10}" for step in (*STEPS, "whole")]
        # The first version's time is that of one face after detection.
        against = own_face if name == "first version" else np.median(base["whole"])
        print(f"{name:<18}{''.join(cells)}{medians['whole'] / against:>9.1f}")
    share = own_face / np.median(base["whole"])
    print(f"Embedding and ranking are {100 * share:.0f} % of the whole.\n", flush=True)


@click.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--rounds", default=3, show_default=True)
@click.option("--cores", type=int, help="Measure on so many cores only; without it on one, then on all.")
def main(folder: Path | None, rounds: int, cores: int | None) -> None:
    """Measure and print."""
    if cores:
        measure(folder, rounds)
        return
    usable = sorted(os.sched_getaffinity(0))
    for count in dict.fromkeys((1, len(usable))):
        command = [sys.executable, "-m", "bench.side_by_side", "--rounds", str(rounds), "--cores", str(count)]
        # Before anything is imported, since libraries count the cores when they start.
        allowed = ["taskset", "-c", ",".join(map(str, usable[:count]))]
        subprocess.run([*allowed, *command, *([str(folder)] if folder else [])], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
