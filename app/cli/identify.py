"""`identify`: who is in pictures, a row a face or a line of JSON a picture."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import common
from app.errors import UnreadableFile
from app.vision import photo_files

if TYPE_CHECKING:
    from app.recognition.recognizer import Identification, IdentifiedFace
    from app.settings import Settings

UNKNOWN, NO_FACE, UNREADABLE = "unknown_person", "no_face_found", "unreadable"
"""What stands in a row where no name can."""

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


class Place(click.ParamType):
    """A path as it is written shortest, or a URL; neither is looked at."""

    name = "place"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same place as text."""
        return value if "://" in value else str(common.PHOTO.convert(value, param, ctx))


PLACE = Place()


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=PLACE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, one line a picture.")
@click.option("--all", "everyone", is_flag=True, help="With --json: rank everyone instead of the best ten.")
@click.option(
    "--fpir", type=float, help="False positive identification rate: that of FACES_FPIR (default) or a stricter one."
)
@click.option("--out", type=FOLDER, help="Write Parquet into this folder instead, on all cores; goes on after a stop.")
@click.option("--csv", "csv_file", type=FILE, help="With --out: at the end also write a row a face into this file.")
@click.option("--retry", is_flag=True, help="With --out: try files again that could not be read before.")
@click.option("--workers", type=click.IntRange(1), help="With --out: processes, or actors of Ray; default: one a core.")
@click.option(
    "--engine",
    type=click.Choice(["pool", "ray"]),
    default="pool",
    show_default=True,
    help="With --out: the cores of this machine, or a Ray cluster.",
)
@click.option(
    "--address", help="With --engine ray: auto, or HOST[:PORT] of a cluster; default: Ray on this machine alone."
)
@click.pass_context
def identify(
    context: click.Context,
    paths: tuple[str, ...],
    as_json: bool,
    everyone: bool,
    fpir: float | None,
    **archive: object,
) -> None:
    r"""Name every face in pictures.

    PATH is a picture, or a folder: then all pictures in it and below are taken, sorted by name,
    without hidden ones. Prints a row a face, faces from left to right:

    \b
        file, face, person or unknown_person, class distance, verdict

    The verdict is match, ambiguous (two people too close to tell apart, or a person already named in the
    photo), unknown, or low_quality (the face is too small or too blurred). A picture without a face has
    one row with no_face_found as the person, a file that cannot be read one with unreadable; standard
    error has the reason.

    Names are given at a false positive identification rate (FPIR): the share of people outside the
    gallery who get a wrong name. --fpir chooses a stricter one than FACES_FPIR.

    With --out, PATH may also be a URL such as s3://BUCKET/FOLDER, the answers of --json go into a folder
    as Parquet, and a second run does only what is missing there. The end tells how many photos, faces,
    matches and errors there are, and who is seen most.
    """
    if everyone and not as_json:
        raise click.UsageError("--all goes with --json: a row of text has only the closest person.")
    if archive["out"]:
        if as_json:
            raise click.UsageError("--out writes Parquet; leave out --json, or leave out --out.")
        from app.cli.batch import name_archive

        context.exit(0 if name_archive(_settings(fpir), paths, **archive) else 1)
    given = [name for name in ("csv_file", "retry", "workers", "address") if archive[name]]
    if given or archive["engine"] != "pool":
        raise click.UsageError("--csv, --retry, --workers, --engine and --address go with --out.")
    settings = _settings(fpir)
    pictures, complaints = _pictures(paths)
    for complaint in complaints:
        click.echo(complaint, err=True)
    all_read = _identify(settings, pictures, as_json, everyone)
    context.exit(0 if all_read and not complaints else 1)


def _settings(fpir: float | None) -> Settings:
    """Return the settings with the FPIR that the user asks for.

    Raises:
        click.UsageError: it is looser than the setting, or has no thresholds.
    """
    from app.recognition.decision import requested_fpir

    settings = common.load_settings()
    try:
        return settings.with_changes(fpir=requested_fpir(settings.fpir, fpir))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _pictures(paths: tuple[str, ...]) -> tuple[list[Path], list[str]]:
    """The files to look at, those named and those in the folders named, and what was wrong with folders."""
    from app.batch import sources

    urls = [path for path in paths if sources.is_url(path)]
    if urls:
        raise click.UsageError(f"{urls[0]}: URLs go with --out.")
    complaints: list[str] = []
    found = [Path(place) for path in paths for place in sources.PhotoSources([path]).all(complaints.append)]
    return found, complaints


def _identify(settings: Settings, pictures: list[Path], as_json: bool, everyone: bool) -> bool:
    """Print every file's answer; whether all could be read."""
    from app import serialization
    from app.cli.progress import bar, say
    from app.errors import UnreadableImage

    # Loaded at the first file that can be read: mistyped paths are told at once.
    recognizer = functools.cache(lambda: common.load_recognizer(settings))
    all_read = True
    with bar(len(pictures), "picture") as progress:
        for path in pictures:
            file = common.display_path(path)
            try:
                data = photo_files.read(path, settings.max_file_bytes)
                if not recognizer.cache_info().currsize and not recognizer().gallery.people():
                    say(common.EMPTY_GALLERY, err=True)
                found = recognizer().identify(data, settings.fpir)
            except (UnreadableFile, UnreadableImage) as error:
                all_read = False
                say(f"{file}: {error}", err=True)
                answer, rows = serialization.failure(file, error.code, str(error)), [_failed_row(file, error.code)]
            else:
                answer, rows = (
                    serialization.identification(file, found, None if everyone else serialization.BEST),
                    _rows(file, found),
                )
            for line in [common.format_json(answer)] if as_json else rows:
                say(line)
            progress.update()
    return all_read


def _rows(file: str, found: Identification) -> list[str]:
    if not found.faces:
        return [common.format_row([file, "", NO_FACE, "", ""])]
    return [_face_row(file, number, face) for number, face in enumerate(found.faces, start=1)]


def _face_row(file: str, number: int, face: IdentifiedFace) -> str:
    verdict = face.verdict
    distance = "" if verdict.class_distance is None else f"{verdict.class_distance:.4f}"
    return common.format_row([file, number, verdict.person or UNKNOWN, distance, verdict.kind])


def _failed_row(file: str, code: str) -> str:
    return common.format_row([file, "", UNREADABLE, "", code])
