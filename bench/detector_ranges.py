"""Ranges for 8-bit tiles of yunet: `.venv/bin/python -m bench.detector_ranges PHOTO_FOLDER [--write]`.

Half of the photos measure the ranges, the other half compares the faces of 8-bit tiles with those of the usual
network, and the processor time. `--write` writes `models/yunet.ranges.json`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
import cv2
import numpy as np

from app.arrays import ByteArray, FloatArray
from app.settings import Settings
from app.vision import backends, decoding, yunet
from bench.common import FOLDER

_SCORE = 0.4


def read_tile(path: Path) -> ByteArray:
    """Return the middle of a photo, as wide as a tile: uint8 (height, width, 3) RGB."""
    pixels = decoding.decode(path.read_bytes()).pixels
    height, width = yunet.TILE_SIZES[0]
    enlarged = cv2.resize(pixels, (width, round(len(pixels) * width / pixels.shape[1])), interpolation=cv2.INTER_AREA)
    top = max(0, (len(enlarged) - height) // 2)
    return np.asarray(enlarged[top : top + height], np.uint8)


def overlap(row: FloatArray, others: FloatArray) -> float:
    """Return the largest intersection over union of a row's box with those of others."""
    starts, ends = np.maximum(row[:2], others[:, :2]), np.minimum(row[:2] + row[2:4], others[:, :2] + others[:, 2:4])
    common = (ends - starts).clip(0).prod(axis=1)
    return float((common / (row[2:4].prod() + others[:, 2:4].prod(axis=1) - common)).max(initial=0))


def search(network: yunet.YuNet, tiles: list[ByteArray]) -> tuple[list[FloatArray], float]:
    """Return the rows of each tile, and the processor time of a tile in milliseconds."""
    network.detect_all(tiles[:1], _SCORE)
    start = time.process_time()
    rows = [network.detect_all([tile], _SCORE)[0] for tile in tiles]
    return rows, 1000 * (time.process_time() - start) / len(tiles)


@click.command()
@click.argument("photo_folder", type=FOLDER)
@click.option("--write", is_flag=True, help="Write the measured ranges.")
def main(photo_folder: Path, write: bool) -> None:
    """Measure ranges, and compare tiles."""
    paths = sorted(path for path in photo_folder.rglob("*") if decoding.is_photo_file(path))
    if len(paths) < 2:
        raise click.ClickException(f"{photo_folder} has fewer than two photos.")
    tiles = [read_tile(path) for path in paths]
    path = Settings().detector_home / backends.YUNET_WEIGHTS
    if write:
        ranges = yunet.measure_ranges(yunet.read_graph(path), tiles[::2])
        lines = [f"{json.dumps(name)}: [{low:.2f}, {high:.2f}]" for name, (low, high) in ranges.items()]
        yunet.RANGES.write_text("{\n  " + ",\n  ".join(lines) + "\n}\n", encoding="utf-8")
    opencv = cv2.FaceDetectorYN.create(str(path), "", (320, 320))
    exact, fast = (yunet.YuNet(opencv, path, cv2.getNumThreads()) for _ in range(2))
    exact._tile_graph = exact._graph
    expected, exact_time = search(exact, tiles[1::2])
    found, fast_time = search(fast, tiles[1::2])
    faces = [(row, others) for rows, others in zip(expected, found, strict=True) for row in rows]
    for name, low, high in (("faces", backends.SCORE, 1.0), ("weak faces", _SCORE, backends.SCORE)):
        chosen = [(row, others) for row, others in faces if low <= row[14] < high]
        lost = sum(overlap(row, others) < 0.5 for row, others in chosen)
        gained = sum(((rows[:, 14] >= low) & (rows[:, 14] < high)).sum() for rows in found) - len(chosen) + lost
        click.echo(f"{name}: {len(chosen)}, of which 8-bit tiles lose {lost}, and find {gained} others")
    click.echo(f"processor time of a tile: {exact_time:.1f} ms, with 8 bits {fast_time:.1f} ms")


if __name__ == "__main__":
    main()
