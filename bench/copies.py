"""Cosines of copies of a picture and of other pictures: `.venv/bin/python -m bench.copies [--faces 400]`.

Needs the crops and embeddings that `main.py ship` left in .training. Prints the share of cosines above some limits,
among them `enroll.DUPLICATE` and `scoring.SAME_PICTURE`: of each picture and the closest other of its
person, of impostors and the closest anchor of the shipped gallery, and of pictures and degraded copies of them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np

from app.enrollment.enroll import DUPLICATE
from app.gallery import shipped
from app.recognition import inference
from app.recognition.scoring import SAME_PICTURE
from app.settings import ROOT, Settings
from app.training.evaluation.robustness import compress
from app.vision import alignment
from bench import cached

LIMITS = (0.65, SAME_PICTURE, 0.9, 0.95, DUPLICATE)


def shrink(face: np.ndarray, side: int) -> np.ndarray:
    """Return a crop reduced to `side` pixels and enlarged again: uint8 (112, 112, 3), same out."""
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (alignment.SIZE, alignment.SIZE), interpolation=cv2.INTER_LINEAR)


COPIES = {
    "75 pixels wide": partial(shrink, side=75),
    "56 pixels wide": partial(shrink, side=56),
    "JPEG of quality 60": partial(compress, quality=60),
    "JPEG of quality 30": partial(compress, quality=30),
}


def nearest(folder: Path, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Return the cosine of each picture to the closest other of its person: (pictures,)."""
    people, _, rows = cached.embedded(folder, weights)
    found = []
    # Impostors are in the same folder.
    for person in np.unique(people[~np.char.startswith(people, "people/")]):
        own = rows[people == person]
        cosines = own @ own.T - 2 * np.eye(len(own))
        found += list(cosines.max(axis=1)) if len(own) > 1 else []
    return np.array(found)


@click.command()
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=ROOT / ".training")
@click.option("--faces", "count", default=400, show_default=True, help="Pictures that copies are made of.")
def main(work: Path, count: int) -> None:
    """Measure and print."""
    network = inference.load_network(Settings().model)
    rows = {
        "closest other of the person": nearest(work / "crops", network.weights),
        "the same, LFW": nearest(work / "unseen", network.weights),
    }
    anchors = shipped.read(Settings().anchors).snapshot().anchors
    _, impostors = cached.faces(work / "crops", "calibration-impostor", "test-impostor")
    rows["impostor, closest anchor"] = (impostors @ anchors.T).max(axis=1)
    crops = np.load(work / "crops" / "crops.npy", mmap_mode="r")
    faces = np.array([crops[place] for place in np.linspace(0, len(crops) - 1, count).astype(int)])
    faces = faces[faces.any(axis=(1, 2, 3))]
    own = network.embed(faces)
    for name, change in COPIES.items():
        rows[f"copy, {name}"] = (own * network.embed(np.stack([change(face) for face in faces]))).sum(axis=1)
    print(f"{'Cosine over':<34}" + "".join(f"{limit:>9}" for limit in LIMITS))
    for name, cosines in rows.items():
        print(f"{name:<34}" + "".join(f"{(cosines > limit).mean():>9.1%}" for limit in LIMITS))


if __name__ == "__main__":
    main()
