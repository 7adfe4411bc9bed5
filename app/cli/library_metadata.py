"""`library write-metadata` and `read-metadata`: names in the metadata of photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import common, people_rights
from app.cli.common import print_line, progress_bar
from app.settings import Settings

if TYPE_CHECKING:
    from app.enrollment.enroll import Enrollment
    from app.gallery.store import Gallery
    from app.library.metadata.reading import Label
    from app.library.metadata.writing import Change, Report
    from app.library.store import Library

_SHOWN_ERRORS = 10


class Problems:
    """Prints the first sentences about photos, and counts the others."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, message: str) -> None:
        """Print a sentence, or count it."""
        self.count += 1
        if self.count <= _SHOWN_ERRORS:
            print_line(message, err=True)

    def finish(self) -> None:
        """Print how many sentences were not printed."""
        if self.count > _SHOWN_ERRORS:
            click.echo(f"{text.count(self.count - _SHOWN_ERRORS, 'more problem')}.", err=True)


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
        if not dry_run:
            common.record("wrote_metadata", {"confirmed_only": confirmed_only, "embedded": embed})
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


@click.command("read-metadata")
@click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)
@click.option("--confirm", is_flag=True, help="Confirm names at faces, and tag people without a face.")
@click.option("--enroll", is_flag=True, help="Enroll the people in the gallery, after a review of their photos.")
@click.option("--dry-run", is_flag=True, help="With --confirm or --enroll: change nothing.")
@people_rights.record_options
@click.pass_context
def read_metadata(
    context: click.Context, /, folder: Path, confirm: bool, enroll: bool, dry_run: bool, **record: str | None
) -> None:
    """Read the names that other programs wrote for faces.

    Reads face regions (MWG and Microsoft) and PersonInImage from XMP sidecars and from the photos, and .picasa.ini, for
    all photos of the library. Prints a row for each name:

    \b
        file, face number or no_face, name, in_gallery or new, file with the region

    --source, --basis, --reference, --date and --expires are the record of everyone whom --enroll enrolls, see
    `people record`.

    The exit code is 1 if metadata could not be read.
    """  # noqa: D301 (click needs the escaped character)
    from app.library.metadata.reading import LabelReader
    from app.library.metadata.writing import count_files
    from app.vision.decoder_pool import DecoderPool

    if dry_run and not (confirm or enroll):
        raise click.UsageError("--dry-run requires --confirm or --enroll.")
    if not enroll and (given := next((name for name, value in record.items() if value is not None), None)):
        raise click.UsageError(f"--{given} requires --enroll.")
    settings = Settings().for_local_files()
    problems = Problems()
    decoder = DecoderPool.from_settings(settings)
    labels: list[Label] = []
    with common.open_library(folder) as (library, gallery):
        reader = LabelReader(library, decoder, settings.max_file_bytes, problems.add)
        with progress_bar(count_files(library), "photo", desc="Reading metadata") as bar:
            for label in reader.labels(bar.update):
                person = gallery.find(label.name)
                labels.append(replace(label, name=person.name if person else label.name))
                number = label.face.number if label.face else "no_face"
                known = "in_gallery" if person else "new"
                print_line(common.format_row((label.file, number, labels[-1].name, known, label.source)))
        decoder.close()
        problems.finish()
        people, faces = len({label.name for label in labels}), sum(label.face is not None for label in labels)
        click.echo(
            f"{text.count(len(labels), 'name')} of {text.count(people, 'person')}: {faces:,} at detected faces.",
            err=True,
        )
        if confirm or enroll:
            labels = _without_opted_out(gallery, labels)
        if confirm:
            _confirm(library, labels, dry_run)
        if enroll:
            _enroll(settings, labels, dry_run, record)
    context.exit(1 if problems.count else 0)


def _without_opted_out(gallery: Gallery, labels: Sequence[Label]) -> list[Label]:
    opted_out = {label.name for label in labels if gallery.rights.has_opted_out(label.name)}
    kept = [label for label in labels if label.name not in opted_out]
    if opted_out:
        click.echo(f"{text.count(len(labels) - len(kept), 'name')} on the opt-out list left out.", err=True)
    return kept


def _confirm(library: Library, labels: Sequence[Label], dry_run: bool) -> None:
    from app.library.metadata.confirming import confirm_labels

    report = confirm_labels(library, labels, dry_run)
    would = "would be " if dry_run else ""
    click.echo(f"{text.count(report.confirmed, 'face')} {would}confirmed, {report.same:,} were before.", err=True)
    if report.kept:
        click.echo(f"{text.count(report.kept, 'face')} kept what you decided.", err=True)
    if report.tagged:
        click.echo(f"{text.count(report.tagged, 'name')} without a face {would}tagged.", err=True)


def _enroll(settings: Settings, labels: Sequence[Label], dry_run: bool, record: Mapping[str, str | None]) -> None:
    from app.library.metadata.enrolling import choose_labels, enroll_labels

    total = sum(map(len, choose_labels(labels).values()))
    recognizer = common.load_recognizer(settings)
    enrolled = 0
    with progress_bar(total, "photo", desc="Reviewing photos") as bar:
        for enrollment in enroll_labels(recognizer, labels, (), dry_run, bar.update, record):
            _print_enrollment(enrollment)
            enrolled += bool(enrollment.accepted)
    would = "would be " if dry_run else ""
    click.echo(f"{text.count(enrolled, 'person')} {would}enrolled or got new photos.", err=True)
    if enrolled and not dry_run:
        click.echo(f"Name the faces again: {common.program()} library name LIBRARY", err=True)


def _print_enrollment(enrollment: Enrollment) -> None:
    """Print the outcome of each photo, or why none was reviewed."""
    for photo in enrollment.photos:
        print_line(common.format_row((enrollment.name, photo.file, photo.outcome, photo.reason)))
    for sentence in filter(None, (enrollment.error, enrollment.warning)):
        print_line(f"{enrollment.name}: {sentence}", err=True)
