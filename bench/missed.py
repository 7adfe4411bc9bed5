"""Whose faces are missed: `.venv/bin/python -m bench.missed [FOLDER] [--scenes 60]`.

This program's detector beside `face_recognition` (dlib, HOG): on the photos of FOLDER, a face that dlib finds and this
program does not; and on shipped portraits pasted 40 pixels large into scenes of 2,000 pixels, those that either finds.
Missed ones are listed, with where dlib saw them: it also finds faces where none are.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np

from app.settings import Settings
from app.vision import decoding
from app.vision.detection import Detector
from app.vision.faces import Box
from bench.rival import Rival, rival
from tests import photos

SMALL, SCENE = 40, (2000, 1500)


def near(one: Box, other: Box) -> bool:
    """Whether two boxes mean one face: the middle of either lies in the other."""

    def inside(a: Box, b: Box) -> bool:
        x, y = a.x + a.width / 2, a.y + a.height / 2
        return b.x <= x <= b.x + b.width and b.y <= y <= b.y + b.height

    return inside(one, other) and inside(other, one)


def boxes(detector: Detector, path: Path) -> list[Box]:
    """What this program finds."""
    return [face.box for face in detector.find_faces(decoding.decode(path.read_bytes(), side=detector.side))]


def scenes(count: int, into: Path) -> list[tuple[Path, Box]]:
    """Portraits, each at a random place of a scene; with where."""
    rng, made = np.random.default_rng(1), []
    for number, face in enumerate(list(photos.portraits().values())[:count]):
        canvas = photos.background(*SCENE)
        # The portrait's face fills two thirds of its width.
        side = round(SMALL * 1.5)
        x, y = int(rng.integers(SCENE[0] - side)), int(rng.integers(SCENE[1] - side))
        canvas.paste(photos.paste(face, size=(side, side), side=side), (x, y))
        path = into / f"{number}.png"
        canvas.save(path)
        made.append((path, Box(x, y, side, side)))
    return made


def on_photos(detector: Detector, dlib: Rival, folder: Path) -> None:
    """Photo by photo; print the sums and what was missed."""
    ours, theirs, missed, fewer = 0, 0, [], 0
    for path in sorted(path for path in folder.iterdir() if decoding.is_photo_file(path)):
        mine = boxes(detector, path)
        other = [Box(*box) for box in dlib.ask(path).boxes]
        ours, theirs = ours + len(mine), theirs + len(other)
        missed += [(path.name, box) for box in other if not any(near(box, one) for one in mine)]
        fewer += sum(not any(near(box, one) for one in other) for box in mine)
    print(f"{folder.name}: found {ours}, face_recognition {theirs}")
    print(f"  {len(missed)} of its faces missed here, {fewer} of these missed there")
    for name, box in missed:
        print(f"  missed: {name} at {box.x}, {box.y}, {box.width} x {box.height}")


def on_scenes(detector: Detector, dlib: Rival, count: int) -> None:
    """Scene by scene; print the sums."""
    found = {"this program": 0, "face_recognition": 0}
    strays = dict.fromkeys(found, 0)
    with tempfile.TemporaryDirectory() as folder:
        for path, place in scenes(count, Path(folder)):
            for name, seen in (
                ("this program", boxes(detector, path)),
                ("face_recognition", [Box(*box) for box in dlib.ask(path).boxes]),
            ):
                right = sum(near(box, place) for box in seen)
                found[name] += bool(right)
                strays[name] += len(seen) - right
    print(f"{count} faces of {SMALL} pixels, each in a scene of {SCENE[0]} x {SCENE[1]}:")
    for name, right in found.items():
        print(f"  {name:<18}{right:>5} found, {strays[name]} where none is")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False)
@click.option("--scenes", default=60, show_default=True)
def main(folder: Path | None, scenes: int) -> None:
    """Measure and print."""
    # Of a crowd a server names the largest faces alone; here it is all that counts.
    detector = Detector.from_settings(Settings().with_changes(max_faces=1000))
    with rival() as dlib:
        if folder:
            on_photos(detector, dlib, folder)
        on_scenes(detector, dlib, scenes)


if __name__ == "__main__":
    main()
