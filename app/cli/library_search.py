"""`library search`: find the photos of people, of a face or of a time, and collect them in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import common
from app.cli.common import print_line
from app.settings import Settings

if TYPE_CHECKING:
    from app.library.search import FoundFace
    from app.library.store import Library

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)
@click.option("--person", "names", multiple=True, metavar="NAME", help="Photos of a person. Repeat it for several.")
@click.option("--unknown", is_flag=True, help="Faces of people who are not in the gallery.")
@click.option("--group", type=click.IntRange(1), metavar="NUMBER", help="Faces of a group of `library groups`.")
@click.option("--photo", type=common.PHOTO, help="Faces like the one in this photo, the most similar first.")
@click.option("--face", type=click.IntRange(1), help="With --photo: which face, counted from the left.")
@click.option("--limit", type=click.FloatRange(0, 1), help="With --photo: the largest score, 0 same ... 1 different.")
@click.option("--since", metavar="DATE", help="Photos taken since a date: 2024, 2024-05 or 2024-05-31.")
@click.option("--until", metavar="DATE", help="Photos taken until the end of a date.")
@click.option("--undated", is_flag=True, help="Photos without a date.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per face.")
@click.option("--csv", "csv_file", type=_FILE, help="Write a CSV file instead of printing rows.")
@click.option("--copy-to", type=_FOLDER, help="Copy the photos to this folder. Nothing is overwritten.")
@click.option("--link-to", type=_FOLDER, help="Make symbolic links to the photos in this folder.")
@click.pass_context
def search(
    context: click.Context,
    /,
    folder: Path,
    names: tuple[str, ...],
    unknown: bool,
    group: int | None,
    photo: Path | None,
    face: int | None,
    limit: float | None,
    since: str | None,
    until: str | None,
    undated: bool,
    as_json: bool,
    csv_file: Path | None,
    copy_to: Path | None,
    link_to: Path | None,
) -> None:
    """Find faces in a library.

    All criteria must hold. With several --person, or --person and --unknown, a photo must show all of them.
    Prints one row per face, from left to right:

    \b
        file, face, person or unknown_person, class distance, verdict, date taken, score (with --photo), and in
        videos the first, the last and the best frame with the face as h:mm:ss.s

    The face of a tagged person is empty.

    --since and --until omit photos without a date in their EXIF data, which --undated finds. The default of --limit
    accepts one wrong photo in 1,000 searches, and falls with the number of faces.
    """  # noqa: D301 (click needs the escaped character)
    from app.errors import InvalidParameter, PersonNotFound
    from app.library import export
    from app.library.search import Criteria, count_undated
    from app.library.search import search as find
    from app.library.store import Library

    if not (names or unknown or group or photo or since or until or undated):
        raise click.UsageError(
            "Give at least one of --person, --unknown, --group, --photo, --since, --until and --undated."
        )
    if undated and (since or until):
        raise click.UsageError("Photos without a date are not in any time: use --undated without --since and --until.")
    if photo is None and (face or limit is not None):
        raise click.UsageError("--face and --limit require --photo.")
    settings = Settings().for_local_files()
    with Library.open(folder) as library:
        similar = None if photo is None else _find_similar(settings, library, photo, face, limit)
        try:
            criteria = Criteria(_gallery_names(names), unknown, since, until, group, undated)
            found = find(library, criteria, similar)
        except (InvalidParameter, PersonNotFound) as error:
            raise common.InvalidUsage(str(error)) from error
        omitted = count_undated(library, criteria, similar) if since or until else 0
    written = {"csv": csv_file, "copies": copy_to, "links": link_to}
    if formats := [name for name, target in written.items() if target]:
        common.record_export("search", formats)
    if csv_file:
        export.write_found_csv(csv_file, found)
    else:
        for one in found:
            print_line(json.dumps(export.found_face(one)) if as_json else _row(one))
    files = list(dict.fromkeys(one.path for one in found))
    click.echo(f"{text.count(len(found), 'face')} in {text.count(len(files), 'photo')}.", err=True)
    if omitted:
        click.echo(f"{text.count(omitted, 'photo')} without a date omitted. --undated finds them.", err=True)
    complete = True
    for target, link in ((copy_to, False), (link_to, True)):
        if target:
            complete &= _collect(settings, files, target, link)
    context.exit(0 if complete else 1)


def _gallery_names(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    with closing(common.open_gallery()) as gallery:
        return [common.gallery_name(gallery, name) for name in names]


def _find_similar(
    settings: Settings, library: Library, photo: Path, number: int | None, limit: float | None
) -> list[tuple[int, float]]:
    from app.errors import FaceError, PhotoError
    from app.library.search import FaceIndex
    from app.recognition import comparison
    from app.text import display_path
    from app.vision import photo_files

    recognizer = common.load_recognizer(settings)
    library.check_origin_network(recognizer.network.card.id)
    try:
        probe = comparison.choose_faces(*recognizer.extract_probes(photo), "search", number).largest.probe
    except (PhotoError, FaceError) as error:
        reason = photo_files.explain(error) if isinstance(error, PhotoError) else str(error)
        raise click.ClickException(f"{display_path(photo)}: {reason}") from error
    assert probe.embedding is not None
    rules = recognizer.network.card.rules
    index = FaceIndex.load(library)
    if limit is None:
        limit = rules.pairs.same_threshold(len(index))
    found = index.similar(probe.embedding, rules.head, limit)
    recognizer.gallery.audit.record("searched_photo", details={"uploaded": True, "found": len(found)})
    return found


def _collect(settings: Settings, files: list[str], folder: Path, link: bool) -> bool:
    """Copy or link photos, and return whether all could be."""
    from app.library.collecting import collect

    count = collect(files, folder, link, settings.max_video_bytes, lambda message: print_line(message, err=True))
    click.echo(f"{text.count(count, 'photo')} {'linked' if link else 'copied'} to {folder}.", err=True)
    return count == len(files)


def _row(face: FoundFace) -> str:
    distance = "" if face.class_distance is None else f"{face.class_distance:.4f}"
    times = map(text.timestamp, face.time or ())
    score = () if face.score is None else (f"{face.score:.4f}",)
    verdict = face.verdict if face.source == "automatic" else face.source
    return common.format_row(
        (
            face.file,
            face.number or "",
            face.person or "unknown_person",
            distance,
            verdict or "",
            face.taken or "",
            *score,
            *times,
        )
    )
