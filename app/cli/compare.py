"""`compare`: do two photos show the same person?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import common
from app.errors import UnreadableFile
from app.vision import photo_files

if TYPE_CHECKING:
    from app.recognition.recognizer import ComparedFace, Comparison

FACE = click.IntRange(1)


@click.command()
@click.argument("first", metavar="A", type=common.PHOTO)
@click.argument("second", metavar="B", type=common.PHOTO)
@click.option("--face-a", type=FACE, help="Face of A to compare, counted from the left; default: all faces.")
@click.option("--face-b", type=FACE, help="Face of B to compare, counted from the left; default: all faces.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of sentences.")
@click.pass_context
def compare(
    context: click.Context, first: Path, second: Path, face_a: int | None, face_b: int | None, as_json: bool
) -> None:
    """Compare the faces of two photos.

    Prints "Same person", "Can't tell" or "Different people" for the most alike pair of a face in A and a
    face in B. The score runs from 0 (same) to 1 (different). The more pairs are compared, the lower the
    score must be: choose faces with --face-a and --face-b. Faces of low quality are not compared.
    """
    from app import serialization
    from app.errors import FaceError, UnreadableImage

    try:
        compared = _compare(first, second, face_a, face_b)
    except (UnreadableFile, UnreadableImage, FaceError) as error:
        if as_json:
            click.echo(common.format_json(serialization.comparison_failure(error.code, str(error))))
        click.echo(str(error), err=True)
        context.exit(1)
    if as_json:
        click.echo(common.format_json(serialization.comparison(compared)))
    else:
        click.echo(_in_words(compared, common.display_path(first), common.display_path(second)))


def _compare(first: Path, second: Path, face_a: int | None, face_b: int | None) -> Comparison:
    from app.cli.progress import waiting

    settings = common.load_settings()
    data = [_read(path, settings.max_file_bytes) for path in (first, second)]
    with waiting("Loading the network ..."):
        recognizer = common.load_recognizer(settings)
    return recognizer.compare(*data, face_a, face_b)


def _read(path: Path, most: int) -> bytes:
    try:
        return photo_files.read(path, most)
    except UnreadableFile as error:
        raise UnreadableFile(error.code, f"{common.display_path(path)}: {error}") from error


def _in_words(compared: Comparison, first: str, second: str) -> str:
    from app.recognition.decision import PAIR_LABELS

    alike = "" if compared.pairs == 1 else f", the most alike of {compared.pairs:,} pairs"
    return (
        f"{PAIR_LABELS[compared.kind]}: the score is {compared.score:.4f} (0 same ... 1 different).\n"
        f"Up to {compared.threshold:.4f} it means the same person, above {compared.different:.4f} different people.\n"
        f"Compared: {_place(compared.first)} of {first} and {_place(compared.second)} of {second}{alike}."
    )


def _place(face: ComparedFace) -> str:
    box = face.probe.face.box
    return f"face {face.index} at x {box.x}, y {box.y} ({box.width} x {box.height} pixels)"
