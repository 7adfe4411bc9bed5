"""Archive of mixed photos for tests by hand: `.venv/bin/python -m bench.mixed_archive SHARED FOLDER --photos 3000`.

Households and celebrities, whose faces are those of SHARED (see its DATA.md), meet at events, each in a folder of its
own. Photos have 12 and 24 megapixels or come from messengers, in the formats, orientations and with the file names that
real archives have; some are copies, broken, or without a face. A photo depends on the seed and its number alone, and
files that exist are kept, so more photos can be added later. The pictures show real people: the project contains none.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageEnhance

from app.settings import ROOT
from bench.common import FOLDER
from tests.photos import ORIENTATIONS

EVENT_PHOTOS = 24
HOUSEHOLDS = 25
LEAST_MEMBERS, LEAST_PICTURES = 3, 6
"""Least people of a household, and least pictures of each."""

COPY_EVERY = 29
"""Number of photos of which one is a copy of an earlier one."""

SIZES = ((4000, 3000), (6000, 4000), (1600, 1200))
SIZE_SHARES = (0.55, 0.25, 0.2)
KINDS = {"jpg": 0.86, "heic": 0.02, "png": 0.03, "webp": 0.02, "tif": 0.01, "broken": 0.03, "whole": 0.03}
"""Formats of photos with their shares. `whole` ones are photos of SHARED as they are."""

DARK = 12
"""Brightness of a border."""

NO_FACE_SHARE = 0.12
NO_DATE_SHARE = 0.1
FOLDERS = (
    "{date:%Y}/{date:%m}/{place}",
    "{date:%Y}/{date:%Y-%m-%d} {place}",
    "Scans & old phones/{place}/{date:%Y}/a/b/c",
    "{place}, {date:%B} {date:%Y}",
)
PLACES = ("Österreich", "Garden party", "École", "Zoë's birthday", "東京", "Lake #2", "50% off", "Wedding [final]")
NAMES: tuple[bytes, ...] = (
    b"IMG_%05d.%s",
    b"IMG_%05d.%s",
    b"IMG_%05d.%s",
    b"DSC%05d.%s",
    b"PXL_%05d (1).%s",
    b"Foto %05d.%s",
    "Großmutter %05d.%s".encode(),
    b"-rf %05d.%s",
    b"=1+1 %05d.%s",
    b"two\nlines %05d.%s",
    b"caf\xe9 %05d.%s",
    "🎂 %05d.%s".encode(),
    b"trailing dot. %05d.%s",
    b'"quoted", %05d.%s',
    b"%05d" + 48 * b" long" + b".%s",
)
ODD_NAMES_SHARE = 0.25
EXIF_ORIENTATION, EXIF_DATE = 0x112, 0x9003


@dataclass(frozen=True)
class Event:
    """Where and when photos were taken, and the folders of the people's faces."""

    folder: str
    start: datetime
    people: tuple[Path, ...]


class Cast:
    """The people of the archive: households of a few members, and celebrities."""

    def __init__(self, shared: Path) -> None:
        pictures: Counter[str] = Counter()
        with (shared / "faces" / "index.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                pictures[row["file"].rpartition("/")[0]] += 1
        families: dict[str, list[Path]] = defaultdict(list)
        for person, count in sorted(pictures.items()):
            if "/fiw-" in person and count >= LEAST_PICTURES:
                families[person.partition("_")[0]].append(shared / "faces" / person)
        self.households = [members[:6] for members in families.values() if len(members) >= LEAST_MEMBERS][:HOUSEHOLDS]
        self.celebrities = [
            shared / "faces" / person for person in sorted(pictures) if person.startswith("celebrities/")
        ]

    def event(self, seed: int, number: int) -> Event:
        """Return an event, which depends on seed and number alone."""
        rng = np.random.default_rng([seed, number])
        start = datetime(2004, 1, 1) + timedelta(days=int(rng.integers(20 * 365)), hours=int(rng.integers(8, 20)))
        household = self.households[rng.integers(len(self.households))]
        famous = rng.choice(len(self.celebrities), 2, replace=False)
        folder = str(rng.choice(FOLDERS)).format(date=start, place=rng.choice(PLACES))
        return Event(folder, start, (*household, *(self.celebrities[person] for person in famous)))


@cache
def _cast(shared: Path) -> Cast:
    return Cast(shared)


@cache
def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".csv")


def background(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Return a blurred picture without a face."""
    colors = np.uint8(rng.integers(60, 200, 3) + rng.integers(-40, 40, (6, 8, 1)))
    return Image.fromarray(colors).resize((160, 120), Image.Resampling.BICUBIC).resize(size, Image.Resampling.BILINEAR)


def read_tile(path: Path) -> Image.Image:
    """Return the picture of a face without the black border that tiles of tight photos have."""
    with Image.open(path) as file:
        tile = file.convert("RGB")
    return tile.crop(tile.convert("L").point(lambda value: 255 * (value > DARK)).getbbox())


def compose(rng: np.random.Generator, people: tuple[Path, ...], size: tuple[int, int]) -> Image.Image:
    """Return a picture of one to four people side by side, or of nobody."""
    picture = background(rng, size)
    if rng.random() < NO_FACE_SHARE:
        return picture
    count = min(len(people), int(rng.choice([1, 2, 3, 4], p=[0.4, 0.3, 0.2, 0.1])))
    chosen = rng.choice(len(people), count, replace=False)
    for place, person in enumerate(chosen):
        files = _listed(people[person])
        side = int(rng.uniform(0.6, 0.95) * min(size[0] / count, 0.5 * size[1]))
        tile = read_tile(files[rng.integers(len(files))])
        tile = tile.resize((side, round(side * tile.height / tile.width)), Image.Resampling.BICUBIC)
        tile = ImageEnhance.Brightness(tile).enhance(rng.uniform(0.75, 1.2))
        if rng.random() < 0.3:
            tile = tile.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        left = round(size[0] * (place + 0.5) / count - side / 2)
        picture.paste(tile, (left, int(rng.uniform(0, max(1, size[1] - tile.height)))))
    return picture


def encode(rng: np.random.Generator, picture: Image.Image, kind: str, taken: datetime) -> bytes:
    """Return a file of a format, with date and orientation in its EXIF data."""
    exif = Image.Exif()
    if rng.random() >= NO_DATE_SHARE:
        exif.get_ifd(0x8769)[EXIF_DATE] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if kind in ("jpg", "tif"):
        orientation = int(rng.choice([1, 1, 1, 3, 6, 6, 8, rng.integers(1, 9)]))
        exif[EXIF_ORIENTATION] = orientation
        if (turned := ORIENTATIONS[orientation]) is not None:
            picture = picture.transpose(turned)
    file = io.BytesIO()
    if kind == "png":
        picture.save(file, "PNG", compress_level=1, exif=exif)
    elif kind == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
        picture.save(file, "HEIF", quality=50, exif=exif.tobytes())
    elif kind == "webp":
        picture.save(file, "WEBP", quality=75, method=0, exif=exif)
    elif kind == "tif":
        picture.save(file, "TIFF", compression="jpeg", exif=exif)
    else:
        picture.save(file, "JPEG", quality=82, exif=exif)
    return file.getvalue()


def break_file(rng: np.random.Generator, data: bytes, hostile: list[Path]) -> bytes:
    """Return a file that cannot be read or only in part: truncated, empty, of another format, or a hostile one."""
    choice = rng.integers(5)
    if choice == 0:
        return b""
    if choice == 1:
        return b"<!DOCTYPE html><title>404 Not Found</title>"
    if choice == 2:
        return data[: len(data) // 3]
    if choice == 3:
        return bytes(len(data) // 100)
    return hostile[rng.integers(len(hostile))].read_bytes()


def photo_path(seed: int, number: int, event: Event, suffix: str) -> bytes:
    """Return the path of a photo below the archive, as bytes, because not every name is text."""
    rng = np.random.default_rng([seed, number, 1])
    template = NAMES[rng.integers(len(NAMES))] if rng.random() < ODD_NAMES_SHARE else NAMES[0]
    suffix = suffix.upper() if rng.random() < 0.2 else suffix
    return os.fsencode(event.folder) + b"/" + template % (number, suffix.encode())


def write_photo(shared: Path, folder: Path, seed: int, number: int) -> str:
    """Write the photo of a number unless its file exists, and return its kind."""
    event = _cast(shared).event(seed, number // EVENT_PHOTOS)
    rng = np.random.default_rng([seed, number, 2])
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    path = Path(os.fsdecode(os.fsencode(folder) + b"/" + photo_path(seed, number, event, _suffix(kind))))
    if path.exists():
        return kind
    taken = event.start + timedelta(minutes=3 * (number % EVENT_PHOTOS))
    if kind == "whole":
        photos = _listed(shared / "photos")
        data = photos[rng.integers(len(photos))].read_bytes()
    else:
        size = SIZES[rng.choice(len(SIZES), p=SIZE_SHARES)]
        size = size if kind != "png" else SIZES[2] if rng.random() < 0.5 else SIZES[0]
        size = size if rng.random() < 0.7 else (size[1], size[0])
        data = encode(rng, compose(rng, event.people, size), kind, taken)
        if kind == "broken":
            data = break_file(rng, data, _listed(shared / "hostile"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (taken.timestamp(), taken.timestamp()))
    return kind


def _suffix(kind: str) -> str:
    return "jpg" if kind in ("broken", "whole") else kind


def write_copies(folder: Path, count: int) -> int:
    """Copy some photos to a backup folder, and return their number."""
    files = [path for path in _listed(folder) if "Backup" not in path.parts]
    target = folder / "Backup"
    target.mkdir(exist_ok=True)
    chosen = files[::COPY_EVERY][: count // COPY_EVERY]
    for number, path in enumerate(chosen):
        shutil.copy2(path, target / f"copy {number:04d}{path.suffix}")
    return len(chosen)


def write_other_files(folder: Path) -> None:
    """Add what archives have apart from photos: hidden files, RAW files, notes and sidecars of other programs."""
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "RAW/_DSC0001.NEF", ".hidden/secret.jpg", "empty folder/"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(b"not a photo")


@click.command()
@click.argument("shared", type=FOLDER, default=ROOT.parent / "shared")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--photos", "count", default=3000, show_default=True, help="Photos, without copies.")
@click.option("--seed", default=1, show_default=True)
@click.option("--workers", default=2, show_default=True)
def main(shared: Path, folder: Path, count: int, seed: int, workers: int) -> None:
    """Write an archive of mixed photos of SHARED to FOLDER, outside of the project."""
    if folder.resolve().is_relative_to(ROOT):
        raise click.UsageError("The archive has photos of real people. Choose a folder outside of the project.")
    kinds: Counter[str] = Counter()
    arguments: Iterator[tuple[object, ...]] = ((shared, folder, seed, number) for number in range(count))
    with ProcessPoolExecutor(workers) as pool:
        for kind in pool.map(write_photo, *zip(*arguments, strict=True), chunksize=8):
            kinds[kind] += 1
    write_other_files(folder)
    kinds["copies"] = write_copies(folder, count)
    size = sum(path.stat().st_size for path in _listed(folder))
    click.echo(f"{size / 1e9:.1f} GB: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()))


if __name__ == "__main__":
    main()
