"""Quality floor: share of degraded, covered and false faces that it refuses, and wrong matches with and without it.

`.venv/bin/python -m bench.quality FACES_FOLDER LFW_FOLDER PHOTO_FOLDER [MORE_FOLDER] [--faces 100]` degrades pictures
of LFW people outside the gallery and of gallery people, detects the faces again, and identifies them at the threshold
with an FPIR of 1 % on the unchanged LFW people. A match is wrong if it is not the person's own.
"""

from __future__ import annotations

import csv
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np

from app.gallery import shipped
from app.recognition.inference import load_network
from app.recognition.scoring import rank
from app.settings import Settings
from app.training.data.labeled_faces import lfw_names, person_name, read_spellings
from app.training.data.splits import split_of
from app.training.evaluation.robustness import compress as compress_jpeg
from app.vision import alignment, decoding
from app.vision.decoding import Picture
from app.vision.detection import Detector
from app.vision.faces import DetectedFace
from app.vision.quality import measure_quality
from bench.common import FOLDER

FPIR = 0.01

UNCHANGED = 10
"""Unchanged faces for each degraded one. They set the threshold."""

MORE = {"mask12k-masked": 171, "mask12k-open": 200, "fairface": 500}
"""Faces of each source of MORE_FOLDER. None is known to show a gallery person."""

Change = Callable[[np.ndarray, DetectedFace, np.random.Generator], np.ndarray]
"""Changes a picture, uint8 (height, width, 3) RGB, around a face that was found in it."""


@dataclass(frozen=True)
class Sample:
    """A picture, and its person's name if the gallery has the person."""

    pixels: np.ndarray
    person: str | None


@dataclass(frozen=True)
class Result:
    """A face's flaw, if it has one, its person in the gallery, the closest person, and their class distance."""

    flaw: str | None
    person: str | None
    closest: str
    distance: float

    def is_wrong(self, threshold: float) -> bool:
        """Return whether the face matches another person than its own, or any person if it has none."""
        return self.distance <= threshold and self.closest != self.person


class Identifier:
    """Recognizer without verdicts: it also identifies faces of low quality."""

    def __init__(self, settings: Settings) -> None:
        self.detector = Detector.from_settings(settings)
        self.network = load_network(settings.model)
        self.snapshot = shipped.read(settings.anchors).snapshot()

    def identify(self, pixels: np.ndarray, face: DetectedFace, person: str | None) -> Result:
        """Identify a face that was found in a picture."""
        card = self.network.card
        aligned = alignment.align(pixels, face.landmarks)
        embedding = self.network.embed_raw(aligned[None])[0]
        norm = float(np.linalg.norm(embedding))
        flaw = card.quality.flaw(measure_quality(aligned, face.landmarks, face.close_confidence, norm))
        closest = rank(embedding / norm, self.snapshot, card.rules.head)[0]
        return Result(flaw, person, closest.person, closest.class_distance)

    def identify_all(self, pixels: np.ndarray, faces: Iterable[DetectedFace]) -> list[Result]:
        """Identify faces of a picture, without their names; those without landmarks are left out."""
        return [self.identify(pixels, face, None) for face in faces if face.landmarks is not None]

    def identify_largest(self, samples: Iterable[Sample], change: Change | None = None) -> Iterator[Result]:
        """Identify the largest face of each picture, after a change; faces that are not found are left out."""
        for sample in samples:
            pixels, face = sample.pixels, self.detector.find_largest_face(Picture(sample.pixels))
            if change is not None:
                if face is None or len(face.landmarks) < 5:
                    continue
                # The same picture is changed in the same way in every run.
                pixels = change(pixels, face, np.random.default_rng(zlib.crc32(pixels.tobytes())))
                face = self.detector.find_largest_face(Picture(pixels))
            if face is not None:
                yield self.identify(pixels, face, sample.person)


def pixelate(pixels: np.ndarray, face: DetectedFace, rng: np.random.Generator, blocks: int) -> np.ndarray:
    """Pixelate the face alone, with `blocks` blocks across."""
    box, changed = face.box, pixels.copy()
    part = changed[max(0, box.y) : box.y + box.height, max(0, box.x) : box.x + box.width]
    height, width = part.shape[:2]
    small = cv2.resize(part, (blocks, max(1, round(blocks * height / width))), interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    return changed


def blur(pixels: np.ndarray, face: DetectedFace, rng: np.random.Generator, share: float) -> np.ndarray:
    """Blur with a Gaussian whose standard deviation is a share of the face's width."""
    return cv2.GaussianBlur(pixels, (0, 0), share * face.box.width)


def shake(pixels: np.ndarray, face: DetectedFace, rng: np.random.Generator, share: float) -> np.ndarray:
    """Blur along a line whose length is a share of the face's width, in a random direction."""
    side = max(3, round(share * face.box.width)) | 1
    line = np.zeros((side, side), dtype=np.float32)
    line[side // 2] = 1
    turned = cv2.warpAffine(line, cv2.getRotationMatrix2D((side // 2, side // 2), rng.uniform(0, 180), 1), (side, side))
    return cv2.filter2D(pixels, -1, turned / turned.sum(), borderType=cv2.BORDER_REPLICATE)


def shrink(pixels: np.ndarray, face: DetectedFace, rng: np.random.Generator, width: int) -> np.ndarray:
    """Reduce the picture until its face is `width` pixels wide."""
    scale = width / face.box.width
    return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def enlarge(pixels: np.ndarray, face: DetectedFace, rng: np.random.Generator, width: int) -> np.ndarray:
    """Reduce the picture as `shrink` does and enlarge it again."""
    size = pixels.shape[1::-1]
    return cv2.resize(shrink(pixels, face, rng, width), size, interpolation=cv2.INTER_CUBIC)


def compress(pixels: np.ndarray, face: DetectedFace, rng: np.random.Generator, quality: int) -> np.ndarray:
    """Save the picture as JPEG."""
    return compress_jpeg(pixels, quality)


def cover(
    pixels: np.ndarray, face: DetectedFace, rng: np.random.Generator, corners: list[tuple[float, float]]
) -> np.ndarray:
    """Cover a part of the face in one color.

    Args:
        pixels: the picture.
        face: a face with five landmarks.
        rng: chooses the color.
        corners: of the part, right of and below the middle of the eyes, in distances between the eyes and from the eyes
            to the mouth.
    """
    left, right = face.landmarks[:2]
    middle = (left + right) / 2
    axes = np.array([right - left, face.landmarks[3:].mean(axis=0) - middle])
    polygon = middle + np.array(corners) @ axes
    color = tuple(int(level) for level in rng.integers(20, 236, 3))
    return cv2.fillPoly(pixels.copy(), [polygon.round().astype(np.int32)], color, cv2.LINE_AA)


MASK = [(-0.9, 0.45), (0, 0.35), (0.9, 0.45), (0.7, 1.3), (0.25, 1.8), (-0.25, 1.8), (-0.7, 1.3)]
BAR = [(-1, -0.35), (1, -0.35), (1, 0.35), (-1, 0.35)]
SIDE = [(0.1, -2), (2, -2), (2, 3), (0.1, 3)]

CHANGES: dict[str, Change] = {
    **{f"pixelated, {count} blocks": partial(pixelate, blocks=count) for count in (6, 8, 10, 12, 16, 20)},
    **{f"blurred, {share:.0%} of width": partial(blur, share=share) for share in (0.03, 0.05, 0.08, 0.12)},
    **{f"moved, {share:.0%} of width": partial(shake, share=share) for share in (0.1, 0.2, 0.3)},
    **{f"enlarged from {width} px": partial(enlarge, width=width) for width in (12, 16, 20, 24, 32)},
    **{f"{width} px wide": partial(shrink, width=width) for width in (16, 20, 24, 32, 40)},
    **{f"JPEG quality {quality}": partial(compress, quality=quality) for quality in (5, 10, 20)},
    "mask over mouth and nose": partial(cover, corners=MASK),
    "bar over the eyes": partial(cover, corners=BAR),
    "left half only": partial(cover, corners=SIDE),
}


def list_pictures(identifier: Identifier, faces: Path, lfw: Path, spelling: dict[str, str]) -> tuple[list, list]:
    """Return the pictures of LFW people outside the gallery, and (picture, name) of held-out gallery people."""
    gallery = set(identifier.snapshot.names)
    inside = set(lfw_names(faces))
    outside = [
        path
        for path in sorted(lfw.glob("*/*.webp"))
        if path.parent.name not in inside and person_name(path.parent.name, spelling) not in gallery
    ]
    known = [
        (path, person_name(path.parent.name, spelling))
        for path in sorted(faces.glob("celebrities/*/*.webp"))
        if split_of(
            path.parent.relative_to(faces).as_posix(), path.relative_to(faces).as_posix(), gallery="celebrities"
        )
        == "test"
    ]
    return outside, known


def sample_evenly(items: list, count: int) -> list:
    """Return `count` items, evenly taken."""
    return [items[place] for place in np.linspace(0, len(items) - 1, min(count, len(items))).astype(int)]


def read_pixels(path: Path) -> np.ndarray:
    """Return the pixels of a picture file."""
    return decoding.decode(path.read_bytes()).pixels


def read_more(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (source, picture) of faces of `MORE`."""
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wanted = {
        row["file"]: source
        for source, count in MORE.items()
        for row in sample_evenly([row for row in rows if row["source"] == source], count)
    }
    for tar in sorted(folder.glob("*.tar")):
        with tarfile.open(tar) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name in wanted:
                    yield wanted[name], decoding.decode(archive.extractfile(member).read()).pixels


def cover_faces(pixels: np.ndarray, faces: Iterable[DetectedFace]) -> np.ndarray:
    """Return a picture with a plain rectangle over each face.

    The detector then finds hands, balls and other things, and faces that it missed before.
    """
    pixels = pixels.copy()
    for face in faces:
        margin = face.box.width // 4
        top, left = max(0, face.box.y - margin), max(0, face.box.x - margin)
        part = pixels[top : face.box.y + face.box.height + margin, left : face.box.x + face.box.width + margin]
        part[:] = part.mean(axis=(0, 1))
    return pixels


def format_row(kind: str, results: list[Result], threshold: float | None) -> str:
    """Return a row of the table, without wrong names if the threshold is None because the true names are unknown."""
    accepted = [result for result in results if result.flaw is None]

    def percent(part: list, whole: list) -> str:
        return f"{100 * len(part) / len(whole):8.1f}" if whole else f"{'-':>8}"

    refused = percent([result for result in results if result.flaw], results)
    row = f"{kind:<28}{len(results):>6}{refused}"
    if threshold is None:
        return row
    wrong, kept = ([one for one in group if one.is_wrong(threshold)] for group in (results, accepted))
    return f"{row}{percent(wrong, results)}{percent(kept, accepted)}"


@click.command()
@click.argument("faces", type=FOLDER)
@click.argument("lfw", type=FOLDER)
@click.argument("photos", type=FOLDER)
@click.argument("more_folder", type=FOLDER, required=False)
@click.option("--faces", "count", default=100, show_default=True, help="Pictures for each change, half of them LFW's.")
def main(faces: Path, lfw: Path, photos: Path, more_folder: Path | None, count: int) -> None:
    """Measure and print."""
    settings = Settings()
    identifier = Identifier(settings)
    outside, known = list_pictures(identifier, faces, lfw, read_spellings(settings.anchors))
    unchanged = {
        "LFW, unchanged": [Sample(read_pixels(path), None) for path in sample_evenly(outside, UNCHANGED * count)],
        "celebrities, unchanged": [
            Sample(read_pixels(path), name) for path, name in sample_evenly(known, UNCHANGED * count)
        ],
    }
    table = {kind: list(identifier.identify_largest(samples)) for kind, samples in unchanged.items()}
    distances = [result.distance for result in table["LFW, unchanged"]]
    threshold = float(np.quantile(distances, FPIR))
    click.echo(f"Threshold {threshold:.4f}: FPIR {FPIR:.0%} on {len(distances)} LFW people outside the gallery")
    click.echo("Percent refused, wrong matches without the floor, and wrong matches among the accepted")
    click.echo(f"{'':<28}{'faces':>6}{'refused':>8}{'without':>8}{'with':>8}")

    def show(kind: str, results: Iterable[Result]) -> None:
        click.echo(format_row(kind, list(results), threshold))

    for kind, results in table.items():
        show(kind, results)
    changed = [sample for samples in unchanged.values() for sample in sample_evenly(samples, count // 2)]
    for kind, change in CHANGES.items():
        show(kind, identifier.identify_largest(changed, change))
    if more_folder:
        pictures = list(read_more(more_folder))
        for source in MORE:
            show(
                source, identifier.identify_largest(Sample(pixels, None) for kind, pixels in pictures if kind == source)
            )
    whole, elsewhere = [], []
    for path in sorted(photos.glob("*.jpg")):
        pixels = read_pixels(path)
        found = identifier.detector.find_faces(Picture(pixels))
        whole += identifier.identify_all(pixels, found)
        plain = cover_faces(pixels, found)
        elsewhere += identifier.identify_all(plain, identifier.detector.find_faces(Picture(plain)))
    click.echo(format_row("whole photos", whole, None))
    show("detections outside faces", elsewhere)


if __name__ == "__main__":
    main()
