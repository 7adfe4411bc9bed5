"""`identify`: name the people in photos and videos, as CSV rows or JSON lines, or as a batch job with --out."""

from __future__ import annotations

import io
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from app.cli import batch, common
from app.cli.common import print_line, progress_bar
from app.errors import InvalidParameter, PhotoError
from app.settings import Settings
from app.text import display_path, timestamp
from app.vision import photo_files

if TYPE_CHECKING:
    from tqdm import tqdm

    from app.recognition.recognizer import Recognizer

_FILE = click.Path(path_type=Path, dir_okay=False)


_STANDARD_INPUT = "-"


def _source(value: str) -> str:
    if "://" in value or value == _STANDARD_INPUT:
        return value
    path = str(Path(value))
    return f"./{path}" if path == _STANDARD_INPUT else path


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH...", type=_source)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per file.")
@click.option("--all", "full_ranking", is_flag=True, help="With --json: rank all people, not only the closest ten.")
@click.option("--fpir", type=float, help="A stricter false positive identification rate than FACES_FPIR.")
@click.option("--out", type=common.LIBRARY, help="Make a library in this folder, and a Parquet file. Resumable.")
@click.option("--csv", "csv_file", type=_FILE, help="With --out: Also write all results as CSV, one line per face.")
@batch.options("With --out: ")
@click.pass_context
def identify(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    as_json: bool,
    full_ranking: bool,
    fpir: float | None,
    out: Path | None,
    csv_file: Path | None,
    retry: bool,
    workers: int | None,
    engine: str,
    address: str | None,
) -> None:
    """Identify the people in photos and videos.

    PATH is a photo, a video, a folder, or - for a photo on standard input. A folder includes its subfolders, sorted by
    name, without hidden files.
    Prints one row per face, from left to right:

    \b
        file, face, person or unknown_person, class distance, verdict

    The class distance is 0 for the same person and 1 for different people. Verdicts:

    \b
        match        the person is in the gallery
        ambiguous    two people are too close, or the person is already named in the photo
        unknown      the person is not in the gallery
        low_quality  the face is too small or too blurred

    A row of a video is a person in a time span. It also has the times of the first, the last and the best frame as
    h:mm:ss.s, and the box of the face in the best frame: x, y, width and height in pixels.

    A file without a face has no_face_found as the person. An unreadable file has unreadable, and
    standard error has the reason.

    The false positive identification rate (FPIR) is the share of unknown people who get a wrong name.

    With --out, PATH can also be a URL such as s3://BUCKET/FOLDER. The command indexes the files in a library,
    as `library index` does, and writes all results to faces.parquet in its folder, one row per face.
    """  # noqa: D301 (click needs the escaped character)
    from app.recognition.decision import requested_fpir

    if full_ranking and not as_json:
        raise click.UsageError("--all requires --json.")
    if out and as_json:
        raise click.UsageError("--out writes a Parquet file and cannot be combined with --json.")
    if out and _STANDARD_INPUT in sources:
        raise click.UsageError("--out cannot read standard input.")
    batch_options = batch.Workers(retry, workers, engine, address)
    if not out and (csv_file or not batch_options.are_default):
        raise click.UsageError("--csv, --retry, --workers, --engine and --address require --out.")
    settings = Settings().for_local_files()
    try:
        settings = settings.with_changes(fpir=requested_fpir(settings.fpir, fpir))
    except InvalidParameter as error:
        raise click.UsageError(str(error)) from error
    if out:
        complete = _index_files(settings, sources, out, csv_file, batch_options)
    else:
        complete = _identify_files(settings, sources, as_json, full_ranking)
    context.exit(0 if complete else 1)


def _index_files(
    settings: Settings, sources: tuple[str, ...], out: Path, csv_file: Path | None, workers: batch.Workers
) -> bool:
    """Make a library of the photos with its exports, and return whether all files and folders could be listed."""
    from app.library import export
    from app.library.store import Library

    with Library.create(out) as library:
        complete = batch.index_archive(settings, sources, library, workers)
        common.record_export("faces", ["parquet", *(["csv"] if csv_file else [])])
        export.write_parquet(library, out / "faces.parquet")
        if csv_file:
            export.write_csv(library, csv_file)
    return complete


def _identify_files(settings: Settings, sources: tuple[str, ...], as_json: bool, full_ranking: bool) -> bool:
    """Print the result of every photo, and return whether all files and folders could be read."""
    from app import serialization
    from app.batch.sources import PhotoSources, is_url

    if urls := list(filter(is_url, sources)):
        raise click.UsageError(f"{urls[0]}: A URL requires --out.")
    errors: list[str] = []
    photos: list[Path | None] = []  # None is standard input
    for source in sources:
        if source == _STANDARD_INPUT:
            photos.append(None)
        else:
            photos += [Path(photo.path) for photo in PhotoSources([source]).photos(errors.append)]
    for error in errors:
        print_line(error, err=True)
    complete = not errors
    recognizer = None
    top = None if full_ranking else serialization.RANKING_ROWS
    with progress_bar(len(photos), "photo") as bar:
        for photo in photos:
            file = _STANDARD_INPUT if photo is None else display_path(photo)
            try:
                with _open(photo, settings) as content:
                    if recognizer is None:
                        # After the first readable file, so that a wrong path is reported immediately.
                        recognizer = common.load_recognizer(settings)
                        if not recognizer.gallery.people():
                            print_line(common.empty_gallery(), err=True)
                    result = _identify(recognizer, file, content, settings.fpir, top, bar)
            except PhotoError as error:
                complete = False
                print_line(f"{file}: {photo_files.explain(error)}", err=True)
                result = serialization.identification_error(file, error.code, photo_files.explain(error))
            for line in [json.dumps(result)] if as_json else _rows(result):
                print_line(line)
            bar.update()
    return complete


def _open(photo: Path | None, settings: Settings) -> AbstractContextManager[bytes | BinaryIO]:
    """Return the bytes of a photo, or an open video."""
    max_bytes = settings.max_file_bytes
    if photo is None:
        standard_input = io.BytesIO(sys.stdin.buffer.read(max_bytes + 1))
        return nullcontext(photo_files.read_stream(lambda: standard_input, max_bytes))
    if photo_files.is_video(photo):
        return photo_files.open_video(lambda: photo.open("rb"), settings.max_video_bytes)
    return nullcontext(photo_files.read_photo(photo, max_bytes))


def _identify(
    recognizer: Recognizer, file: str, content: bytes | BinaryIO, fpir: float, top: int | None, bar: tqdm
) -> dict[str, Any]:
    """Return the result of a photo or a video."""
    from app import serialization
    from app.recognition.videos import identify_video

    if isinstance(content, bytes):
        return serialization.identification(file, recognizer.identify(content, fpir), top)

    def on_progress(seconds: float) -> None:
        bar.set_postfix_str(f"{file} at {timestamp(seconds)}")

    identified = identify_video(recognizer, content, fpir, on_progress)
    bar.set_postfix_str("")
    return serialization.video_identification(file, identified, top)


def _rows(result: dict[str, Any]) -> list[str]:
    rows: list[tuple[object, ...]] = []
    for index, face in enumerate(result["faces"], start=1):
        distance = "" if face["class_distance"] is None else f"{face['class_distance']:.4f}"
        rows.append((index, face["person"] or "unknown_person", distance, face["verdict"], *_times(face)))
    if result["error"]:
        rows = [("", "unreadable", "", result["error"]["code"])]
    return [common.format_row((result["file"], *row)) for row in rows or [("", "no_face_found", "", "")]]


def _times(face: dict[str, Any]) -> tuple[object, ...]:
    """Return the cells that only faces of videos have: first, last and best frame, and the box in it."""
    if "best" not in face:
        return ()
    box = face["box"]
    times = (timestamp(face[name]) for name in ("from", "to", "best"))
    return (*times, box["x"], box["y"], box["width"], box["height"])
