"""`library`: index an archive once, then name, search, correct and export its faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import batch, common
from app.cli.library_changes import COMMANDS as CHANGE_COMMANDS
from app.cli.library_decisions import COMMANDS as DECISION_COMMANDS
from app.cli.library_groups import COMMANDS as GROUP_COMMANDS
from app.cli.library_metadata import read_metadata, write_metadata
from app.cli.library_search import search
from app.settings import Settings

if TYPE_CHECKING:
    from app.library.naming import Renaming
    from app.library.store import Library

_UNCHANGED = "Gallery and library have not changed since the last naming."
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def library() -> None:
    """Keep the faces of an archive in a library."""


library.add_command(search)
for command in (*DECISION_COMMANDS, *CHANGE_COMMANDS, *GROUP_COMMANDS):
    library.add_command(command)
library.add_command(write_metadata)
library.add_command(read_metadata)


@library.command()
@click.argument("sources", nargs=-1, required=True, metavar="ARCHIVE...")
@click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)
@click.option("--thumbnails", is_flag=True, help="Keep a picture of each face, about 3 kB.")
@click.option("--no-videos", is_flag=True, help="Skip the videos of folders. Those that the library has stay.")
@click.option("--forget-missing", is_flag=True, help="Forget the photos of empty and missing folders, too.")
@batch.options("")
@click.pass_context
def index(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    folder: Path,
    thumbnails: bool,
    no_videos: bool,
    forget_missing: bool,
    retry: bool,
    workers: int | None,
    engine: str,
    address: str | None,
) -> None:
    """Find the faces of an archive and name them.

    ARCHIVE is a photo, a folder or a URL such as s3://BUCKET/FOLDER. LIBRARY is a folder on this machine, which
    the first run creates.

    Run the command again to resume a stopped run, and to follow new, changed, moved and deleted files. Equal files
    are processed once. Unreadable files are listed, and the exit code is 0.
    """
    from app.library.store import Library

    settings = Settings().for_local_files()
    options = batch.Workers(retry, workers, engine, address)
    with Library.create(folder) as opened:
        complete = batch.index_archive(settings, sources, opened, options, thumbnails, forget_missing, not no_videos)
    context.exit(0 if complete else 1)


@library.command()
@click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)
@click.option("--verbose", "-v", is_flag=True, help="List each face whose name changed.")
def name(folder: Path, verbose: bool) -> None:
    """Name all faces by the gallery of now, without reading the photos.

    Names that you confirmed stay.
    """
    settings = Settings().for_local_files()
    changes: list[Renaming] = []
    with common.open_library(folder) as (opened, gallery), opened.lock():
        opened.check_origin_network(gallery.network_id)
        report = batch.name_library(settings, opened, gallery, changes.append if verbose else lambda _: None)
        _print_changes(opened, changes)
        if not report.faces:
            has_faces = opened.connection.execute("SELECT EXISTS (SELECT 1 FROM face)").fetchone()[0]
            click.echo(_UNCHANGED if has_faces else "The library has no faces to name.")
            return
        click.echo(f"{text.count(report.faces, 'face')} judged.")
        for count, what in (
            (report.named, "named"),
            (report.renamed, "renamed"),
            (report.no_longer_named, "no longer named"),
        ):
            click.echo(f"{count:>12,} {what}")


@library.command()
@click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)
@click.option("--parquet", type=_FILE, help="Write a Parquet file, with embeddings.")
@click.option("--csv", "csv_file", type=_FILE, help="Write a CSV file.")
def export(folder: Path, parquet: Path | None, csv_file: Path | None) -> None:
    """Write all faces to a file, one row per face and one per photo without a face."""
    from app.library import export as exports
    from app.library.store import Library

    if not parquet and not csv_file:
        raise click.UsageError("Give --parquet FILE, --csv FILE, or both.")
    formats = [name for name, file in (("parquet", parquet), ("csv", csv_file)) if file]
    with Library.open(folder) as opened:
        common.record_export("faces", formats)
        if parquet:
            exports.write_parquet(opened, parquet)
        if csv_file:
            exports.write_csv(opened, csv_file)


@library.command()
@click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)
def show(folder: Path) -> None:
    """Print how many photos, faces and people a library has."""
    from app.library.store import Library

    with Library.open(folder) as opened:
        batch.print_summary(opened)


def _print_changes(library: Library, changes: Sequence[Renaming]) -> None:
    """Print file, face, and the names before and after."""
    query = "SELECT min(path), number FROM face JOIN file USING (photo_id) WHERE face.id = ?"
    with library.reading() as connection:
        names = dict(connection.execute("SELECT id, name FROM person").fetchall())
        for change in changes:
            file, number = connection.execute(query, (change.face_id,)).fetchone()
            before, after = (names.get(person, "") for person in (change.before, change.after))
            common.print_line(common.format_row((file, number, before or "unknown_person", after or "unknown_person")))
