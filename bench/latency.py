"""Latency of one photo, compared with other tools: `.venv/bin/python -m bench.latency [PHOTO_FOLDER]`.

Photos of about a megapixel with one face, on one core and on all: this program's pipeline, `face_recognition` (dlib),
DeepFace, and the method of this program's first version. Each runs in its own process, in turns; medians.
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
from bench.common import FOLDER
from bench.dlib_peer import start_peer
from tests import photos

STAGES = ("decode", "detect", "embed", "rank")
FIRST_PEOPLE, FIRST_ANCHORS = 4, 32
FIRST = "first version"

Identify = Callable[[Path], dict[str, float]]
"""Identifies the faces of a photo, and returns the seconds of each stage."""


def collect_photos(folder: Path | None, into: Path) -> list[Path]:
    """Return photos of 0.5 to 1.5 megapixels with one face: generated ones, and some of a folder with index.csv."""
    paths, faces = [], list(photos.portraits().values())
    for number, face in enumerate(faces[:: len(faces) // 4 + 1]):
        paths.append(into / f"portrait-{number}.jpg")
        paths[-1].write_bytes(photos.encode(photos.paste(face.resize((224, 224)), size=(1200, 840), side=380)))
    if folder and (folder / "index.csv").exists():
        with (folder / "index.csv").open(newline="", encoding="utf-8") as stream:
            single = [folder / row["file"] for row in csv.DictReader(stream) if row["faces"] == "1"]
        single = [path for path in single if 0.5e6 < np.prod(Image.open(path).size) < 1.5e6]
        paths += single[:: len(single) // 8 + 1]
    return paths


def this_program(folder: Path) -> Identify:
    """Load the pipeline of this program."""
    from app.recognition.recognizer import Recognizer
    from app.settings import Settings
    from bench.common import time_stages

    recognizer = Recognizer.load(Settings(database_url=f"sqlite:///{folder / 'bench.sqlite'}"))
    recognizer.warm_up()
    return lambda path: time_stages(recognizer, path.read_bytes())[0]


def deepface() -> Identify:
    """Load DeepFace with its defaults: extract_faces, and VGG-Face's layers with random weights."""
    from deepface import DeepFace
    from deepface.models.facial_recognition import VGGFace

    network = VGGFace.base_model()
    network(np.zeros((1, 224, 224, 3), np.float32), training=False)

    def identify(path: Path) -> dict[str, float]:
        started = time.perf_counter()
        faces = DeepFace.extract_faces(str(path), enforce_detection=False)
        detected = time.perf_counter()
        for face in faces:
            crop = np.asarray(Image.fromarray(np.uint8(255 * face["face"])).resize((224, 224)), np.float32)
            network(crop[None], training=False)
        return {"detect": detected - started, "embed": time.perf_counter() - detected}

    return identify


def first_version() -> Identify:
    """Build the first version's comparison: both halves of its Siamese network for each anchor, random weights."""
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
    difference = layers.Lambda(lambda pair: keras.ops.abs(pair[0] - pair[1]), output_shape=(1024,))
    score = layers.Dense(1, activation="sigmoid")(difference([twin(left), twin(right)]))
    network = keras.Model([left, right], score)
    anchors = np.random.default_rng(0).random((FIRST_PEOPLE, FIRST_ANCHORS, 100, 100, 3), dtype=np.float32)
    network.predict([anchors[0], anchors[0]], verbose=0)

    def identify(path: Path) -> dict[str, float]:
        face = np.asarray(Image.open(path).convert("RGB").resize((100, 100)), np.float32) / 255
        started = time.perf_counter()
        for own in anchors:
            network.predict([np.repeat(face[None], FIRST_ANCHORS, axis=0), own], verbose=0)
        return {"embed": time.perf_counter() - started}

    return identify


@contextmanager
def in_process(load: Callable[..., Identify], *arguments: object) -> Iterator[Identify]:
    """Load a tool in its own process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _load, (load, *arguments)) as process:
        yield lambda path: process.submit(_identify, path).result()


_loaded: list[Identify] = []


def _load(load: Callable[..., Identify], *arguments: object) -> None:
    _loaded.append(load(*arguments))


def _identify(path: Path) -> dict[str, float]:
    return _loaded[0](path)


def measure(folder: Path | None, rounds: int) -> None:
    """Time every tool on every photo, and print the table."""
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (
        tempfile.TemporaryDirectory() as temporary,
        in_process(this_program, Path(temporary)) as own,
        start_peer() as peer,
        in_process(deepface) as deepface_alone,
        in_process(first_version) as first,
    ):
        paths = collect_photos(folder, Path(temporary))
        tools: dict[str, Identify] = {
            "this program": own,
            "face_recognition": lambda path: peer.find(path).seconds,
            "DeepFace": deepface_alone,
            FIRST: first,
        }
        for turn in range(rounds + 1):
            for path in paths:
                for name, identify in tools.items():
                    if name == FIRST and path != paths[0]:
                        continue  # It takes seconds for each face.
                    seconds = identify(path)
                    if turn:  # The first round warms up.
                        for stage, value in (seconds | {"whole": sum(seconds.values())}).items():
                            times[name][stage].append(value)
    base = times["this program"]
    per_face = np.median(np.add(base["embed"], base["rank"]))
    click.echo(f"{len(paths)} photos, {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores; milliseconds")
    click.echo(f"{'':<18}" + "".join(f"{stage:>10}" for stage in (*STAGES, "whole")) + f"{'ratio':>9}")
    for name, stages in times.items():
        medians = {stage: np.median(values) for stage, values in stages.items()}
        cells = [f"{1000 * medians[stage]:>10.1f}" if stage in medians else f"{'':>10}" for stage in (*STAGES, "whole")]
        # The first version's time is that of one face after detection.
        reference = per_face if name == FIRST else np.median(base["whole"])
        click.echo(f"{name:<18}{''.join(cells)}{medians['whole'] / reference:>9.1f}")
    click.echo(f"Embedding and ranking take {per_face / np.median(base['whole']):.0%} of the time.\n")


@click.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--rounds", default=3, show_default=True)
@click.option("--cores", type=int, help="Measure on these cores only. Default: on one core, then on all.")
def main(folder: Path | None, rounds: int, cores: int | None) -> None:
    """Measure and print."""
    if cores:
        measure(folder, rounds)
        return
    usable = sorted(os.sched_getaffinity(0))
    for count in dict.fromkeys((1, len(usable))):
        command = [sys.executable, "-m", "bench.latency", "--rounds", str(rounds), "--cores", str(count)]
        # Libraries count the cores when they are imported.
        taskset = ["taskset", "-c", ",".join(map(str, usable[:count]))]
        subprocess.run([*taskset, *command, *([str(folder)] if folder else [])], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
