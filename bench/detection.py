"""Missed faces, compared with `face_recognition` (dlib, HOG): `.venv/bin/python -m bench.detection [PHOTO_FOLDER]`.

Compares both detectors on portraits of 40 pixels in scenes of 2,000 pixels, and on the photos of a folder. Faces that
dlib alone finds are listed with their position, since dlib also finds faces where there are none.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import click
import numpy as np

from app.settings import Settings
from app.vision import decoding
from app.vision.detection import Detector
from app.vision.faces import Box
from bench.common import FOLDER
from bench.dlib_peer import DlibPeer, start_peer
from tests import photos

FACE_WIDTH, SCENE = 40, (2000, 1500)


def is_same_face(first: Box, second: Box) -> bool:
    """Return whether the center of each box is inside the other."""

    def contains(box: Box, other: Box) -> bool:
        x, y = other.x + other.width / 2, other.y + other.height / 2
        return box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height

    return contains(first, second) and contains(second, first)


def find_boxes(detector: Detector, peer: DlibPeer, path: Path) -> tuple[list[Box], list[Box]]:
    """Return the boxes of this program, and those of dlib."""
    own = [face.box for face in detector.find_faces(decoding.decode(path.read_bytes(), side=detector.side))]
    return own, [Box(*box) for box in peer.find(path).boxes]


def compare_on_photos(detector: Detector, peer: DlibPeer, folder: Path) -> None:
    """Print counts, and the faces that only dlib finds."""
    totals: Counter[str] = Counter()
    missed: list[tuple[str, Box]] = []
    for path in sorted(path for path in folder.iterdir() if decoding.is_photo_file(path)):
        own, other = find_boxes(detector, peer, path)
        missed += [(path.name, box) for box in other if not any(is_same_face(box, mine) for mine in own)]
        missed_by_peer = sum(not any(is_same_face(box, found) for found in other) for box in own)
        totals.update(own=len(own), peer=len(other), missed_by_peer=missed_by_peer)
    click.echo(f"{folder.name}: {totals['own']} faces found, face_recognition {totals['peer']}")
    click.echo(f"  {len(missed)} found by face_recognition alone, {totals['missed_by_peer']} by this program alone")
    for name, box in missed:
        click.echo(f"  missed: {name} at {box.x}, {box.y}, {box.width} x {box.height}")


def compare_on_scenes(detector: Detector, peer: DlibPeer, count: int) -> None:
    """Print how many portraits, each at a random position of a scene, both find."""
    rng = np.random.default_rng(1)
    side = round(FACE_WIDTH * 1.5)  # The face fills two thirds of the portrait's width.
    found: Counter[str] = Counter()
    false: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number, face in enumerate(list(photos.portraits().values())[:count]):
            canvas = photos.background(*SCENE)
            x, y = int(rng.integers(SCENE[0] - side)), int(rng.integers(SCENE[1] - side))
            canvas.paste(photos.paste(face, size=(side, side), side=side), (x, y))
            path = Path(folder) / f"{number}.png"
            canvas.save(path)
            boxes = zip(("this program", "face_recognition"), find_boxes(detector, peer, path), strict=True)
            for name, detected in boxes:
                hits = sum(is_same_face(box, Box(x, y, side, side)) for box in detected)
                found[name] += bool(hits)
                false[name] += len(detected) - hits
    click.echo(f"{count} faces of {FACE_WIDTH} pixels, each in a scene of {SCENE[0]} x {SCENE[1]}:")
    for name, hits in found.items():
        click.echo(f"  {name:<18}{hits:>5} found, {false[name]} false detections")


@click.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--scenes", default=60, show_default=True)
def main(folder: Path | None, scenes: int) -> None:
    """Compare the detectors."""
    # The server identifies the largest faces of a crowd. Here all faces count.
    detector = Detector.from_settings(Settings().with_changes(max_faces=1000))
    with start_peer() as peer:
        if folder:
            compare_on_photos(detector, peer, folder)
        compare_on_scenes(detector, peer, scenes)


if __name__ == "__main__":
    main()
