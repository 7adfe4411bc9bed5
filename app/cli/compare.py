"""`compare`: verify whether two photos show the same person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import common
from app.errors import FaceError, PhotoError, UnreadableFile
from app.settings import Settings
from app.text import display_path, one_line
from app.vision import photo_files

if TYPE_CHECKING:
    from app.recognition.results import ComparedFace, Comparison


@click.command()
@click.argument("first", metavar="A", type=common.PHOTO)
@click.argument("second", metavar="B", type=common.PHOTO)
@click.option("--face-a", type=click.IntRange(1), help="Compare only this face of A, counted from the left.")
@click.option("--face-b", type=click.IntRange(1), help="Compare only this face of B, counted from the left.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def compare(
    context: click.Context, /, first: Path, second: Path, face_a: int | None, face_b: int | None, as_json: bool
) -> None:
    """Compare the faces of two photos.

    Prints "Same person", "Can't tell" or "Different people" for the most similar pair of faces. The score is 0
    for the same face and 1 for different people. More pairs require a lower score, so choose faces with --face-a
    and --face-b in group photos. Faces of low quality are ignored.
    """
    from app import serialization

    settings = Settings().for_local_files()
    try:
        photos = _read(first, settings.max_file_bytes), _read(second, settings.max_file_bytes)
        with common.status_line("Loading the network ..."):
            recognizer = common.load_recognizer(settings)
        comparison = recognizer.compare(*photos, face_a, face_b)
    except (PhotoError, FaceError) as error:
        if as_json:
            click.echo(json.dumps(serialization.comparison_error(error.code, str(error))))
        common.print_line(str(error), err=True)
        context.exit(1)
    if as_json:
        click.echo(json.dumps(serialization.comparison(comparison)))
    else:
        click.echo(_format(comparison, *(one_line(display_path(photo)) for photo in (first, second))))


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        return photo_files.read_photo(path, max_bytes)
    except UnreadableFile as error:
        raise UnreadableFile(error.code, f"{display_path(path)}: {error}") from error


def _format(comparison: Comparison, first: str, second: str) -> str:
    from app.recognition.decision import PAIR_LABELS

    pairs = "" if comparison.pairs == 1 else f", the most similar of {comparison.pairs:,} pairs"
    return (
        f"{PAIR_LABELS[comparison.kind]}: score {comparison.score:.4f} (0 same ... 1 different)\n"
        f"Same person up to {comparison.threshold:.4f}, different people above {comparison.different:.4f}.\n"
        f"Compared: {_describe(comparison.first)} of {first} and {_describe(comparison.second)} of {second}{pairs}."
    )


def _describe(face: ComparedFace) -> str:
    box = face.probe.face.box
    return f"face {face.index} at x {box.x}, y {box.y} ({box.width} x {box.height} pixels)"
