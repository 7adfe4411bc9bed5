"""Photos of 12 megapixels as cameras make them: `.venv/bin/python -m bench.camera_photos SHARED FOLDER --photos 90`.

They are enlarged photos of SHARED, and every third is a part of one without a face. Noise gives the files the size of
camera files. The pictures show real people: the project contains none.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image

from app.settings import ROOT, Settings
from app.vision.decoding import Picture
from app.vision.detection import Detector
from bench.common import FOLDER

PIXELS = 12_000_000
FACELESS_EVERY = 3
PART = 0.4
"""Side of a part without a face, relative to its photo."""
MIN_SIDE = 400
NOISE, QUALITY = 2.5, 90


def write_photo(detector: Detector, source: Path, target: Path, seed: int, faceless: bool) -> None:
    """Write a photo of `PIXELS`, which depends on the source and the seed alone, unless it exists."""
    if target.exists():
        return
    rng = np.random.default_rng(seed)
    with Image.open(source) as file:
        photo = file.convert("RGB")
    if faceless:
        photo = cut_faceless_part(rng, detector, photo)
    factor = (PIXELS / (photo.width * photo.height)) ** 0.5
    size = round(photo.width * factor), round(photo.height * factor)
    pixels = np.asarray(photo.resize(size, Image.Resampling.BICUBIC), np.float32)
    pixels = np.clip(pixels + NOISE * rng.standard_normal((*pixels.shape[:2], 1), np.float32), 0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(target, "JPEG", quality=QUALITY)


def cut_faceless_part(rng: np.random.Generator, detector: Detector, photo: Image.Image) -> Image.Image:
    """Return a random part in which the detector finds no face, or a blurred picture."""
    side = round(photo.width * PART), round(photo.height * PART)
    for _ in range(20):
        left, top = rng.integers(photo.width - side[0] + 1), rng.integers(photo.height - side[1] + 1)
        part = photo.crop((left, top, left + side[0], top + side[1]))
        if not detector.find_faces(Picture(np.asarray(part.resize((2 * side[0], 2 * side[1]))))):
            return part
    return photo.resize((8, 6)).resize(photo.size)


def write_photos(shared: Path, folder: Path, count: int) -> None:
    """Write the photos."""
    detector = Detector.from_settings(Settings())
    sources = []
    for path in sorted((shared / "photos").glob("*.jpg")):
        with Image.open(path) as file:
            if max(file.size) >= MIN_SIDE:
                sources.append(path)
    folder.mkdir(exist_ok=True)
    for number in range(count):
        source = sources[number * len(sources) // count if count < len(sources) else number % len(sources)]
        faceless = number % FACELESS_EVERY == FACELESS_EVERY - 1
        write_photo(detector, source, folder / f"{number:04d}-{source.stem}.jpg", number, faceless)


@click.command()
@click.argument("shared", type=FOLDER, default=ROOT.parent / "shared")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--photos", "count", default=90, show_default=True)
def main(shared: Path, folder: Path, count: int) -> None:
    """Write photos of SHARED as cameras make them to FOLDER, outside of the project."""
    if folder.resolve().is_relative_to(ROOT):
        raise click.UsageError("The photos show real people. Choose a folder outside of the project.")
    write_photos(shared, folder, count)
    size = sum(path.stat().st_size for path in folder.glob("*.jpg"))
    click.echo(f"{count} photos, {size / count / 1e6:.1f} MB each")


if __name__ == "__main__":
    main()
