"""Times side by side with other tools: `.venv/bin/python -m bench.side_by_side [PHOTO_FOLDER] [--opencv FOLDER]`.

The same photos with one face at 1 and 12 megapixels, on one core and on all: this program's pipeline,
`face_recognition` (dlib), DeepFace, and with `--opencv` the short program that many would write instead:
`cv2.FaceDetectorYN` and `cv2.FaceRecognizerSF` on a copy of 1,280 pixels. Each runs in its own process, in turns;
medians. The time counts from the bytes of the file to the embeddings, for this program to the names.
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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np
from PIL import Image

from app.settings import ROOT
from bench.common import FOLDER, processor_seconds
from bench.dlib_peer import start_peer
from bench.opencv_peer import OpenCV
from tests import photos

MEGAPIXELS = (1, 12)
STAGES = ("decode", "detect", "embed", "rank")
OPENCV_SIDE = 1280
DEEPFACE = "DeepFace"
"""Measured at the smaller size only, since it takes seconds."""


Identify = Callable[[Path], tuple[dict[str, float], int]]
"""Identifies the faces of a photo, and returns the seconds of each stage and the number of faces."""


@dataclass(eq=False)
class Tool:
    """A tool in its own process, and what it took for photos of one size."""

    identify: Identify
    pid: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    processor: list[float] = field(default_factory=list)
    faces: list[int] = field(default_factory=list)

    def measure(self, path: Path, record: bool) -> None:
        """Identify a photo, and `record` the times and faces."""
        started = processor_seconds(self.pid)
        seconds, faces = self.identify(path)
        if record:
            self.processor.append(processor_seconds(self.pid) - started)
            self.faces.append(faces)
            for stage, value in (seconds | {"whole": sum(seconds.values())}).items():
                self.seconds[stage].append(value)


def collect_photos(folder: Path | None, count: int, into: Path) -> list[Path]:
    """Return photos with one face: two generated ones, and some of 0.5 to 1.5 megapixels of a folder with index.csv."""
    paths, faces = [], list(photos.portraits().values())
    for number, face in enumerate(faces[:: len(faces) // 2 + 1]):
        paths.append(into / f"portrait-{number}.jpg")
        paths[-1].write_bytes(photos.encode(photos.paste(face.resize((224, 224)), size=(1200, 840), side=380)))
    if folder and (folder / "index.csv").exists():
        with (folder / "index.csv").open(newline="", encoding="utf-8") as stream:
            single = [folder / row["file"] for row in csv.DictReader(stream) if row["faces"] == "1"]
        single = [path for path in single if 0.5e6 < np.prod(Image.open(path).size) < 1.5e6]
        paths += single[:: -(-len(single) // max(1, count - len(paths)))]
    return paths[:count]


def resize_photos(paths: list[Path], megapixels: float, into: Path) -> list[Path]:
    """Write copies of photos with a number of megapixels, as cameras encode them."""
    resized = []
    for path in paths:
        photo = Image.open(path).convert("RGB")
        scale = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
        size = round(photo.width * scale), round(photo.height * scale)
        resized.append(into / f"{path.stem}-{megapixels}.jpg")
        resized[-1].write_bytes(photos.encode(photo.resize(size, Image.Resampling.BICUBIC)))
    return resized


def this_program(folder: Path) -> Identify:
    """Load the pipeline of this program."""
    from app.recognition.recognizer import Recognizer
    from app.settings import Settings
    from bench.common import time_stages

    recognizer = Recognizer.load(Settings(database_url=f"sqlite:///{folder / 'bench.sqlite'}"))
    recognizer.warm_up()
    return lambda path: time_stages(recognizer, path.read_bytes())


def deepface() -> Identify:
    """Load DeepFace with its defaults: extract_faces, and VGG-Face's layers with random weights."""
    from deepface import DeepFace
    from deepface.models.facial_recognition import VGGFace

    network = VGGFace.base_model()
    network(np.zeros((1, 224, 224, 3), np.float32), training=False)

    def identify(path: Path) -> tuple[dict[str, float], int]:
        started = time.perf_counter()
        faces = DeepFace.extract_faces(str(path), enforce_detection=False)
        detected = time.perf_counter()
        for face in faces:
            crop = np.asarray(Image.fromarray(np.uint8(255 * face["face"])).resize((224, 224)), np.float32)
            network(crop[None], training=False)
        return {"detect": detected - started, "embed": time.perf_counter() - detected}, len(faces)

    return identify


def opencv(folder: Path) -> Identify:
    """Load OpenCV's detector and network."""
    peer = OpenCV(folder, OPENCV_SIDE)

    def identify(path: Path) -> tuple[dict[str, float], int]:
        started = time.perf_counter()
        picture = peer.read(path)
        decoded = time.perf_counter()
        faces = peer.detect(picture)
        detected = time.perf_counter()
        for face in faces:
            peer.embed(picture, face)
        times = {"decode": decoded - started, "detect": detected - decoded, "embed": time.perf_counter() - detected}
        return times, len(faces)

    return identify


@contextmanager
def in_process(load: Callable[..., Identify], *arguments: object) -> Iterator[Tool]:
    """Load a tool in its own process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _load, (load, *arguments)) as process:
        yield Tool(lambda path: process.submit(_identify, path).result(), process.submit(os.getpid).result())


@contextmanager
def face_recognition() -> Iterator[Tool]:
    """Start `face_recognition` in its own environment."""
    with start_peer() as peer:

        def identify(path: Path) -> tuple[dict[str, float], int]:
            found = peer.find(path)
            return found.seconds, len(found.boxes)

        yield Tool(identify, peer.pid)


_loaded: list[Identify] = []


def _load(load: Callable[..., Identify], *arguments: object) -> None:
    _loaded.append(load(*arguments))


def _identify(path: Path) -> tuple[dict[str, float], int]:
    return _loaded[0](path)


def measure(folder: Path | None, opencv_folder: Path | None, count: int, rounds: int) -> None:
    """Time every tool on every photo, and print a table for each size."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        starts = {
            "this program": in_process(this_program, Path(temporary)),
            "face_recognition": face_recognition(),
            DEEPFACE: in_process(deepface),
        }
        if opencv_folder:
            starts["OpenCV"] = in_process(opencv, opencv_folder)
        started = {name: stack.enter_context(start) for name, start in starts.items()}
        originals = collect_photos(folder, count, Path(temporary))
        for megapixels in MEGAPIXELS:
            compared = [name for name in started if name != DEEPFACE or megapixels == MEGAPIXELS[0]]
            tools = {name: Tool(started[name].identify, started[name].pid) for name in compared}
            paths = resize_photos(originals, megapixels, Path(temporary))
            for turn in range(rounds + 1):
                for path in paths if turn else paths[:1]:  # The first photo warms up.
                    for tool in tools.values():
                        tool.measure(path, record=turn > 0)
            print_table(f"{megapixels} MP", tools, rounds)


def print_table(title: str, tools: dict[str, Tool], rounds: int) -> None:
    """Print the medians of each tool in milliseconds, and its whole time in that of the first tool."""
    cores = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores"
    columns = (*STAGES, "whole")
    click.echo(f"\n{title}, {cores}; milliseconds")
    click.echo(f"{'':<18}{'faces':>6}" + "".join(f"{name:>9}" for name in (*columns, "ratio", "CPU", "ratio")))
    base = next(iter(tools.values()))
    for name, tool in tools.items():
        medians = {stage: 1000 * np.median(values) for stage, values in tool.seconds.items()}
        cells = "".join(f"{medians[stage]:>9.1f}" if stage in medians else f"{'':>9}" for stage in columns)
        # Ratios of the same photo in the same turn.
        whole, processor = (
            np.median(np.divide(own, other))
            for own, other in ((tool.seconds["whole"], base.seconds["whole"]), (tool.processor, base.processor))
        )
        used = 1000 * np.median(tool.processor)
        click.echo(f"{name:<18}{sum(tool.faces) // rounds:>6}{cells}{whole:>9.1f}{used:>9.1f}{processor:>9.1f}")


@click.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--opencv", "opencv_folder", type=FOLDER, help="Folder with the ONNX files of YuNet and SFace.")
@click.option("--photos", "count", default=6, show_default=True, help="Number of photos.")
@click.option("--rounds", default=2, show_default=True)
@click.option("--cores", type=int, help="Measure on this number of cores only. Default: on one core, then on all.")
def main(folder: Path | None, opencv_folder: Path | None, count: int, rounds: int, cores: int | None) -> None:
    """Measure and print."""
    usable = sorted(os.sched_getaffinity(0))
    if cores == len(usable):
        measure(folder, opencv_folder, count, rounds)
        return
    arguments = [*([str(folder)] if folder else []), *(["--opencv", str(opencv_folder)] if opencv_folder else [])]
    for number in [cores] if cores else dict.fromkeys((1, len(usable))):
        command = [sys.executable, "-m", "bench.side_by_side", "--rounds", str(rounds), "--photos", str(count)]
        # Libraries count the cores when they are imported.
        taskset = ["taskset", "-c", ",".join(map(str, usable[:number]))]
        subprocess.run([*taskset, *command, "--cores", str(number), *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
