"""`identify`: who is in pictures, a row a face or a line of JSON a picture."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import common

if TYPE_CHECKING:
    from app.recognizer import Identification, IdentifiedFace

UNKNOWN, NO_FACE, UNREADABLE = "unknown_person", "no_face_found", "unreadable"
"""What stands in a row where no name can."""


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=common.PHOTO)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, one line a picture.")
@click.option("--all", "everyone", is_flag=True, help="With --json: rank everyone instead of the best ten.")
@click.pass_context
def identify(context: click.Context, paths: tuple[Path, ...], as_json: bool, everyone: bool) -> None:
    r"""Name every face in pictures.

    PATH is a picture, or a folder: then all pictures in it and below are taken, sorted by name,
    without hidden ones. Prints a row a face, faces from left to right:

    \b
        file, face, person or unknown_person, class distance, verdict

    The verdict is match, unclear (two people too close to tell apart), unknown, or poor (the face is
    too small or too blurred to judge). A picture without a face has one row with no_face_found as the
    person, a file that cannot be read one with unreadable; the reason is told on standard error.
    """
    if everyone and not as_json:
        raise click.UsageError("--all goes with --json: a row of text has only the closest person.")
    files, complaints = _pictures(paths)
    for complaint in complaints:
        click.echo(complaint, err=True)
    all_read = _identify(files, as_json, everyone)
    context.exit(0 if all_read and not complaints else 1)


def _identify(files: list[Path], as_json: bool, everyone: bool) -> bool:
    """Print every file's answer; whether all could be read."""
    from app import serialize
    from app.cli.progress import bar, say
    from app.images import UnreadableImage

    settings = common.settings()
    # Loaded at the first file that can be read: mistyped paths are told at once.
    recognizer = functools.cache(lambda: common.load_recognizer(settings))
    all_read = True
    with bar(len(files), "picture") as progress:
        for path in files:
            file = common.shown(path)
            try:
                data = common.read(path, settings.max_bytes)
                found = recognizer().identify(data)
            except (common.UnreadableFile, UnreadableImage) as error:
                all_read = False
                say(f"{file}: {error}", err=True)
                answer, rows = serialize.failure(file, error.code, str(error)), [_failed_row(file, error.code)]
            else:
                answer, rows = (
                    serialize.identification(file, found, None if everyone else serialize.BEST),
                    _rows(file, found),
                )
            for line in [common.json_line(answer)] if as_json else rows:
                say(line)
            progress.update()
    return all_read


def _rows(file: str, found: Identification) -> list[str]:
    if not found.faces:
        return [common.row([file, "", NO_FACE, "", ""])]
    return [_face_row(file, number, face) for number, face in enumerate(found.faces, start=1)]


def _face_row(file: str, number: int, face: IdentifiedFace) -> str:
    verdict = face.verdict
    distance = "" if verdict.class_distance is None else f"{verdict.class_distance:.4f}"
    return common.row([file, number, verdict.person or UNKNOWN, distance, verdict.kind])


def _failed_row(file: str, code: str) -> str:
    return common.row([file, "", UNREADABLE, "", code])


def _pictures(paths: tuple[Path, ...]) -> tuple[list[Path], list[str]]:
    """The files to look at, those named and those in the folders named, and what was wrong with folders."""
    files: list[Path] = []
    complaints: list[str] = []
    for path in paths:
        if not _is_folder(path):
            files.append(path)
            continue
        errors: list[str] = []
        found = _in_folder(path, errors)
        if not found and not errors:
            errors.append(f"{common.shown(path)}: There is no picture in this folder.")
        files += found
        complaints += errors
    return files, complaints


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # Whatever stands in the way is told when the path is read as a file.
        return False


def _in_folder(folder: Path, errors: list[str]) -> list[Path]:
    """The pictures in a folder and below, sorted; what cannot be read is added to `errors`."""
    from app.images import looks_like_picture

    def refused(error: OSError) -> None:
        errors.append(f"{click.format_filename(error.filename)}: The folder cannot be read ({error.strerror}).")

    found = []
    for place, folders, names in os.walk(folder, onerror=refused):
        folders[:] = [name for name in folders if not name.startswith(".")]
        try:
            found += [path for path in (Path(place, name) for name in names) if looks_like_picture(path)]
        except OSError as error:
            refused(error)
    return sorted(found)
