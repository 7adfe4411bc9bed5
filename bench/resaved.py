"""How far saving a photo anew moves a lead: `.venv/bin/python -m bench.resaved [--every 14] [--quality 70]`.

Every so many shipped portraits, as PNG and as JPEG: for each two people who follow each other in the ranking, by how
much the difference of their class distances changes. A margin below that tells nothing about who it is.
"""

from __future__ import annotations

import tempfile

import click
import numpy as np

from app.recognition.recognizer import Recognizer
from app.settings import Settings
from tests import photos

PLACES = 6
"""Of the ranking, that are looked at."""


def closest(recognizer: Recognizer, data: bytes) -> dict[str, float]:
    """Class distances of the closest people by name; empty unless there is one face."""
    faces = recognizer.identify(data).faces
    return {one.person: one.class_distance for one in faces[0].verdict.ranking[:PLACES]} if len(faces) == 1 else {}


@click.command()
@click.option("--every", default=14, show_default=True)
@click.option("--quality", default=70, show_default=True, help="Of the JPEG.")
def main(every: int, quality: int) -> None:
    """Measure and print."""
    moved = []
    with tempfile.TemporaryDirectory() as folder:
        recognizer = Recognizer.load(Settings(database_url=f"sqlite:///{folder}/bench.sqlite"))
        for _, portrait in sorted(photos.portraits().items())[::every]:
            photo = photos.paste(portrait)
            before = closest(recognizer, photos.encode(photo, "PNG"))
            after = closest(recognizer, photos.encode(photo, quality=quality))
            both = [name for name in before if name in after]
            leads = [np.diff([found[name] for name in both]) for found in (before, after)]
            moved += np.abs(leads[0] - leads[1]).tolist()
    middle, most = np.percentile(moved, [50, 90])
    print(f"{len(moved)} leads, moved by {middle:.4f} in the median and by {most:.4f} at most in nine of ten")


if __name__ == "__main__":
    main()
