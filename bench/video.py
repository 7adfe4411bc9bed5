"""People in videos: scene changes found, people named by single frames and by tracks, and the time.

`.venv/bin/python -m bench.video PHOTO_FOLDER [--scenes 60]` makes a video of 1280 x 720 pixels and 25 frames a second
from the photos of a folder with `index.csv`, see shared/DATA.md. Each scene pans and zooms over a photo, some of them
with the noise and the motion blur of a dark room, and scenes follow by cuts, every fourth by a dissolve. Each person is
identified in every sampled frame alone, as in a photo, and by tracks. "Other names" are of people whom the index does
not list for the photo: they may be right.
"""

from __future__ import annotations

import csv
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from app.arrays import AnyArray
from app.recognition.recognizer import Recognizer
from app.recognition.results import IdentifiedFace
from app.recognition.videos import identify_video
from app.vision import decoding
from app.vision.video import Frame
from app.vision.video_decoder import VideoReader, limits_of
from bench.common import FOLDER, load_recognizer

SIZE, RATE = (1280, 720), 25
DISSOLVE = 12  # frames
EVERY_DISSOLVE, EVERY_DARK = 4, 3


@dataclass(frozen=True)
class Scene:
    """A photo, its people in the gallery, and when the video shows it, in seconds. `is_dark` adds noise and blur."""

    file: Path
    people: frozenset[str]
    start: float
    end: float
    is_dark: bool


def plan(folder: Path, count: int, gallery: set[str], rng: np.random.Generator) -> list[Scene]:
    """Choose photos with people of the gallery, and the others in turns, in a random order."""
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["file"], frozenset(row["people"].split(";")) & gallery) for row in csv.DictReader(file)]
    known, others = ([row for row in rows if bool(row[1]) is named] for named in (True, False))
    chosen = [*rng.permutation(np.array(known, object))[: count * 3 // 4]]
    chosen += [*rng.permutation(np.array(others, object))[: count - len(chosen)]]
    scenes, start = [], 0.0
    for number, (name, people) in enumerate(rng.permutation(np.array(chosen, object)).tolist()):
        end = start + int(rng.integers(2 * RATE, 6 * RATE)) / RATE
        scenes.append(Scene(folder / name, people, start, end, number % EVERY_DARK == 0))
        start = end
    return scenes


def draw(scenes: list[Scene], rng: np.random.Generator) -> Iterator[AnyArray]:
    """Yield all frames: uint8 (height, width, 3) BGR."""
    last: list[AnyArray] = []
    for number, scene in enumerate(scenes):
        frames = _pan(scene, rng)
        for position, frame in enumerate(frames):
            shown = frame
            if last and position < DISSOLVE:
                share = (position + 1) / (DISSOLVE + 1)
                shown = cv2.addWeighted(last[-1], 1 - share, frame, share, 0)
            yield shown
        last = [frame] if (number + 1) % EVERY_DISSOLVE == 0 else []


def _pan(scene: Scene, rng: np.random.Generator) -> Iterator[AnyArray]:
    pixels = decoding.decode(scene.file.read_bytes()).pixels[:, :, ::-1]
    height, width = pixels.shape[:2]
    fit = min(SIZE[0] / width, SIZE[1] / height)
    zooms = fit * rng.uniform(0.95, 1.35, 2)
    shifts = rng.uniform(-0.1, 0.1, (2, 2)) * SIZE
    count = round((scene.end - scene.start) * RATE)
    kernel = np.zeros((9, 9), np.float32)
    kernel[4] = 1 / 9
    for position in np.linspace(0, 1, count):
        zoom, shift = (one + position * (other - one) for one, other in (zooms, shifts))
        matrix = np.float32([[zoom, 0, SIZE[0] / 2 - zoom * width / 2], [0, zoom, SIZE[1] / 2 - zoom * height / 2]])
        matrix[:, 2] += shift
        frame = cv2.warpAffine(pixels, matrix, SIZE, flags=cv2.INTER_AREA, borderValue=(40, 40, 40))
        if scene.is_dark:
            frame = cv2.filter2D(frame, -1, kernel) if rng.random() < 0.5 else frame
            frame = np.clip(frame * 0.5 + rng.normal(0, 6, frame.shape), 0, 255).astype(np.uint8)
        yield frame


def encode(file: Path, scenes: list[Scene], rng: np.random.Generator) -> None:
    """Write the video as MPEG-4."""
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), RATE, SIZE)
    for frame in draw(scenes, rng):
        writer.write(frame)
    writer.release()


class Count:
    """Numbers of people who are shown, who were named, and of names of other people."""

    def __init__(self) -> None:
        self.shown = self.named = self.others = 0

    def add(self, people: frozenset[str], names: set[str]) -> None:
        """Add a scene or a frame with its people and the names that it got."""
        self.shown += len(people)
        self.named += len(people & names)
        self.others += len(names - people)

    def __str__(self) -> str:
        share = self.named / max(1, self.shown)
        return f"{self.named} of {self.shown} people named ({share:.1%}), {self.others} other names"


def read_frames(recognizer: Recognizer, file: Path) -> list[tuple[Frame, tuple[IdentifiedFace, ...]]]:
    """Identify each sampled frame as a photo."""
    with file.open("rb") as stream:
        return [
            (
                frame,
                recognizer.identify_faces(frame.picture, recognizer.detector.find_faces(frame.picture, False)).faces,
            )
            for frame in VideoReader(stream, limits_of(recognizer.settings)).frames()
        ]


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--scenes", "count", default=60, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(folder: Path, count: int, seed: int) -> None:
    """Make a video, identify the people in it, and print the results."""
    rng = np.random.default_rng(seed)
    with load_recognizer() as recognizer, tempfile.TemporaryDirectory() as temporary:
        scenes = plan(folder, count, set(recognizer.gallery.snapshot().names), rng)
        file = Path(temporary) / "video.mp4"
        encode(file, scenes, rng)
        click.echo(f"{len(scenes)} scenes, {scenes[-1].end:.0f} seconds, {file.stat().st_size / 1e6:.1f} MB\n")
        frames = read_frames(recognizer, file)
        _print_cuts(scenes, [frame for frame, _ in frames])
        alone = Count()
        for frame, faces in frames:
            scene = next(scene for scene in reversed(scenes) if scene.start <= frame.time + 0.001)
            if not any(0 <= frame.time - other.start < DISSOLVE / RATE for other in scenes):
                alone.add(scene.people, {face.verdict.person for face in faces if face.verdict.person})
        click.echo(f"frames:       {len(frames)} frames, {alone}")
        started, processor = time.perf_counter(), _processor_seconds()
        with file.open("rb") as stream:
            identified = identify_video(recognizer, stream)
        seconds, processor = time.perf_counter() - started, _processor_seconds() - processor
    tracks = Count()
    named = [face for face in identified.faces if face.verdict.person]
    for scene in scenes:
        # A person who is absent for seconds has one track, which other scenes interrupt.
        tracks.add(scene.people, scene.people & {face.verdict.person for face in named if _meets(face, scene)})
    for face in named:
        tracks.others += not any(face.verdict.person in scene.people for scene in scenes if _meets(face, scene))
    click.echo(f"tracks:       {len(identified.faces)} tracks, {tracks}")
    verdicts = [face.verdict.kind for face in identified.faces]
    click.echo("verdicts:     " + ", ".join(f"{verdicts.count(kind)} {kind}" for kind in sorted(set(verdicts))))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    per_second = f"{seconds / identified.duration:.2f} seconds, {processor / identified.duration:.2f} of processor time"
    click.echo(f"\n{per_second}, for a second of video; peak memory {memory:.0f} MB")


def _meets(face: IdentifiedFace, scene: Scene) -> bool:
    # The first frames of a dissolve show the scene before.
    return (
        face.time is not None and face.time.start < scene.end - 0.001 and face.time.end >= scene.start + DISSOLVE / RATE
    )


def _print_cuts(scenes: list[Scene], frames: list[Frame]) -> None:
    cuts = [frame.time for frame in frames if frame.is_cut]
    dissolves = [number % EVERY_DISSOLVE == 0 for number in range(len(scenes))]
    hard = [scene.start for scene, dissolve in zip(scenes, dissolves, strict=True) if not dissolve or scene.start == 0]
    found = sum(any(-0.001 <= cut - start <= 0.21 for cut in cuts) for start in hard)
    false = sum(not any(-0.001 <= cut - scene.start <= 0.8 for scene in scenes) for cut in cuts)
    click.echo(f"cuts:         {found} of {len(hard)} found, {false} within scenes")


def _processor_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
