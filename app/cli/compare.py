"""`compare`: do two pictures show the same person?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import files
from app.cli import common

if TYPE_CHECKING:
    from app.faces import Box
    from app.recognizer import Comparison


@click.command()
@click.argument("first", metavar="A", type=common.PHOTO)
@click.argument("second", metavar="B", type=common.PHOTO)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of words.")
@click.pass_context
def compare(context: click.Context, first: Path, second: Path, as_json: bool) -> None:
    """Tell whether two pictures show the same person.

    Of all pairs of a face in A and a face in B, the most alike are compared. The score runs from
    0 (same) to 1 (different).
    """
    from app import serialize
    from app.images import UnreadableImage
    from app.recognizer import NoFaceFound

    try:
        compared = _compare(first, second)
    except (files.UnreadableFile, UnreadableImage, NoFaceFound) as error:
        if as_json:
            click.echo(common.json_line(serialize.comparison_failure(error.code, str(error))))
        click.echo(str(error), err=True)
        context.exit(1)
    if as_json:
        click.echo(common.json_line(serialize.comparison(compared)))
    else:
        click.echo(_in_words(compared, common.shown(first), common.shown(second)))


def _compare(first: Path, second: Path) -> Comparison:
    from app.cli.progress import waiting

    settings = common.settings()
    data = [_read(path, settings.max_bytes) for path in (first, second)]
    with waiting("Loading the network ..."):
        recognizer = common.load_recognizer(settings)
    return recognizer.compare(*data)


def _read(path: Path, most: int) -> bytes:
    try:
        return files.read(path, most)
    except files.UnreadableFile as error:
        raise files.UnreadableFile(error.code, f"{common.shown(path)}: {error}") from error


def _in_words(compared: Comparison, first: str, second: str) -> str:
    if compared.same:
        meaning = f"the same person, since it is not above {compared.threshold:.4f}"
    else:
        meaning = f"different people, since it is above {compared.threshold:.4f}"
    return (
        f"Score {compared.score:.4f}: {meaning} (0 same ... 1 different).\n"
        f"Compared were {_place(compared.first.box)} of {first} and {_place(compared.second.box)} of {second}."
    )


def _place(box: Box) -> str:
    return f"the face at x {box.x}, y {box.y} ({box.width} x {box.height} pixels)"
