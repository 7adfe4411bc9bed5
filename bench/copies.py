"""How near a copy of a picture comes, and how near another: `.venv/bin/python -m bench.copies [--faces 400]`.

Needs the crops and embeddings that `main.py ship` left in .training. Cosines above some limits, one of which is
`app.enrolment.DUPLICATE`: of each picture and the nearest other of its person, for people whom the network has learnt
from, and for those of a second collection, whom it has not; and of pictures and copies of them made worse.
"""

from __future__ import annotations

from pathlib import Path

import click
import cv2
import numpy as np

from app import crop, siamese
from app.enrolment import DUPLICATE
from app.settings import ROOT, Settings
from app.training.crops import fingerprint

LIMITS = (0.95, 0.97, DUPLICATE, 0.99)


def smaller(side: int):
    """What takes a crop to `side` pixels and back."""

    def change(face: np.ndarray) -> np.ndarray:
        return cv2.resize(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), (crop.SIZE, crop.SIZE))

    return change


def compressed(quality: int):
    """What saves a crop as a JPEG."""

    def change(face: np.ndarray) -> np.ndarray:
        _, data = cv2.imencode(".jpg", face[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)

    return change


COPIES = {
    "75 pixels wide": smaller(75),
    "56 pixels wide": smaller(56),
    "JPEG of quality 60": compressed(60),
    "JPEG of quality 30": compressed(30),
}


def nearest(folder: Path, twin) -> np.ndarray:
    """Of each picture of a folder of `ship`'s, the cosine to the nearest other of its person: (pictures,)."""
    files = (folder / "about.txt").read_text(encoding="utf-8").split("\n")[2:]
    rows = np.load(folder / f"embeddings-{fingerprint(twin)}.npy")
    people = np.array([file.rpartition("/")[0] for file in files])
    # Strangers lie there too; where the detector missed there are zeros.
    kept = (np.linalg.norm(rows, axis=1) > 0) & ~np.char.startswith(people, "people/")
    found = []
    for person in np.unique(people[kept]):
        own = rows[kept & (people == person)]
        cosines = own @ own.T - 2 * np.eye(len(own))
        found += list(cosines.max(axis=1)) if len(own) > 1 else []
    return np.array(found)


@click.command()
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=ROOT / ".training")
@click.option("--faces", "count", default=400, show_default=True, help="Pictures that copies are made of.")
def main(work: Path, count: int) -> None:
    """Measure and print."""
    network = siamese.load_network(Settings.from_environment().model)
    rows = {
        "nearest other, learnt from": nearest(work / "crops", network.twin),
        "nearest other, not learnt from": nearest(work / "guests", network.twin),
    }
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
