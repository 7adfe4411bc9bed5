"""`library write-metadata`: write the names of a library into the metadata of its photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import common
from app.cli.common import print_line, progress_bar
from app.settings import Settings

if TYPE_CHECKING:
    from app.library.metadata.writing import Change, Report

_SHOWN_ERRORS = 10


class Problems:
    """Prints the first sentences about photos, and counts the others."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, message: str) -> None:
        """Print a sentence, or count it."""
        self._count += 1
        if self._count <= _SHOWN_ERRORS:
            print_line(message, err=True)

    def finish(self) -> None:
        """Print how many sentences were not printed."""
        if self._count > _SHOWN_ERRORS:
            click.echo(f"{text.count(self._count - _SHOWN_ERRORS, 'more photo')} had a problem.", err=True)


@click.command("write-metadata")
@click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)
@click.option("--dry-run", is_flag=True, help="List the changes, and write nothing.")
@click.option("--verbose", "-v", is_flag=True, help="List each changed file.")
@click.option("--confirmed-only", is_flag=True, help="Write the names that you confirmed, not automatic ones.")
@click.option("--replace-extension", is_flag=True, help="Name new sidecars photo.xmp, not photo.jpg.xmp.")
@click.option("--embed", is_flag=True, help="Write into JPEG, HEIC and TIFF files. Needs ExifTool.")
@click.pass_context
def write_metadata(
    context: click.Context,
    /,
    folder: Path,
    dry_run: bool,
    verbose: bool,
    confirmed_only: bool,
    replace_extension: bool,
    embed: bool,
) -> None:
    """Write the names of faces into the metadata of the photos.

    Writes face regions (MWG and Microsoft) and Iptc4xmpExt:PersonInImage to XMP sidecars: photo.jpg.xmp, or an
    existing photo.xmp. What other programs wrote stays. Run the command again after `library name` or a correction:
    it also removes names that it wrote and that the library no longer has.

    --embed keeps each original as photo.jpg_original.

    The exit code is 1 if the names of a photo could not be written.
    """
    from app.library.metadata.writing import NameWriter, Options, count_files
    from app.library.store import Library
    from app.vision.decoder_pool import DecoderPool

    settings = Settings().for_local_files()
    problems = Problems()

    def on_change(change: Change) -> None:
        if dry_run or verbose:
            names = [f"add {name}" for name in change.merged.added]
            names += [f"remove {name}" for name in change.merged.removed]
            print_line(common.format_row((change.file, *names)))

    options = Options(confirmed_only, replace_extension, embed, dry_run)
    decoder = DecoderPool.from_settings(settings)
    with Library.open(folder) as library, library.lock():
        writer = NameWriter(library, options, decoder, settings.max_file_bytes, on_change, problems.add)
        with progress_bar(count_files(library), "photo", desc="Writing names") as bar:
            report = writer.run(bar.update)
    decoder.close()
    problems.finish()
    _print_report(report, dry_run)
    context.exit(1 if report.failed else 0)


def _print_report(report: Report, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    for count, what in (
        (report.changed, f"{would}changed"),
        (report.unchanged, "unchanged"),
        (report.failed, "failed"),
    ):
        click.echo(f"{count:>12,} {what}")
    if report.otherwise:
        click.echo(f"{text.count(report.otherwise, 'face')} kept the name that another program wrote.")
    if report.embedded:
        click.echo(f"{text.count(report.embedded, 'photo')} with embedded names not checked. Use --embed.")
    if report.remote:
        click.echo(f"{text.count(report.remote, 'photo')} behind a URL skipped: names are written to folders only.")
