"""targets.npy: a teacher's embedding of every face of a folder, in the order of its index.csv."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from app.errors import TrainingError
from app.training.data.tiles import TileSet
from app.training.fit.teacher import Teacher
from app.vision import alignment


def write(
    root: Path, tiles: TileSet, teacher: Teacher, tick: Callable[[int, int], object] = lambda done, total: None
) -> Path:
    """Ask about every face as it is, and write the answers beside the faces.

    Args:
        root: the folder of faces; an index.csv that lists the files is made where there is none.
        tiles: its faces, as `tiles.pack` gives them.
        teacher: who is asked.
        tick: called with (done, total) faces.

    Returns:
        The file written: float16 (rows of index.csv, dims), zeros for files without a face.

    Raises:
        TrainingError: the folder has targets already, cannot be written to, or its index.csv lacks a file.
    """
    path = root / "targets.npy"
    if path.exists():
        raise TrainingError(f"{path} is there already. Move it away to have it made anew.")
    try:
        rows = {file: row for row, file in enumerate(_listed(root, tiles.files))}
        if lacking := next((file for file in tiles.files if file not in rows), None):
            raise TrainingError(f"{root / 'index.csv'} does not list {lacking}. Add its line, or remove index.csv.")
        cv2.setNumThreads(1)
        answers = teacher.map(len(tiles), lambda face: alignment.align(tiles.tiles[face], tiles.eyes[face]))
        found = []
        for answer in answers:
            found.append(answer.astype(np.float16))
            tick(len(found), len(tiles))
        targets = np.zeros((len(rows), len(found[0])), dtype=np.float16)
        targets[[rows[file] for file in tiles.files]] = found
        np.save(path, targets)
    except OSError as error:
        raise TrainingError(
            f"{root} cannot be written to ({error.strerror}): copy it to a place of your own."
        ) from error
    return path


def _listed(root: Path, files: list[str]) -> list[str]:
    """The files of index.csv, which is made of `files` where there is none."""
    index = root / "index.csv"
    if not index.exists():
        with index.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([["file"], *([file] for file in files)])
        return files
    with index.open(newline="", encoding="utf-8") as stream:
        return [row["file"] for row in csv.DictReader(stream)]
