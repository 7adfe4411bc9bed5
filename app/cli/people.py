"""`people` commands: list the gallery, enroll people from photos, import folders, and import and export bundles."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import common, people_backup, people_edit, people_rights
from app.cli.people_check import check, show
from app.settings import Settings

if TYPE_CHECKING:
    from app.enrollment.record_import import RecordImport


@click.group(commands=[*people_edit.COMMANDS, *people_rights.COMMANDS, *people_backup.COMMANDS, check, show])
def people() -> None:
    """Manage the gallery: list, add, change and remove people, and undo changes."""


@people.command("list")
@click.argument("query", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--removed", is_flag=True, help="List removed people who can be restored, and when they were removed.")
def list_people(query: tuple[str, ...], as_json: bool, removed: bool) -> None:
    """List all people with their number of anchors, or those whose name contains every word of QUERY.

    Case and accents do not matter. Exit code 1 if no name matches.
    """
    if query and removed:
        raise click.UsageError("Give a QUERY or --removed.")
    gallery = common.open_gallery()
    matches = gallery.search(" ".join(query))
    found = [(person.name, person.anchors) for person in matches.people]
    if removed:
        for person in gallery.removed_people():
            click.echo(common.format_row([person.name, person.anchors, f"{person.removed:%Y-%m-%d %H:%M}"]))
    elif as_json:
        from app import serialization

        click.echo(json.dumps(serialization.people(found)))
    elif found:
        click.echo("\n".join(map(common.format_row, found)))
    elif not query:
        click.echo(common.empty_gallery(), err=True)
    if query and not found:
        close = text.alternatives([person.name for person in matches.close]) if matches.close else ""
        hint = f"Did you mean {close}?" if close else f"List everyone: {common.program()} people list"
        raise click.ClickException(f"No person matches {' '.join(query)!r}. {hint}")


class _Outcome(click.Choice[str]):
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "lookalike":
            click.echo("lookalike is now look_alike. The old name works until version 2.", err=True)
            value = "look_alike"
        return super().convert(value, param, ctx)


_OUTCOME = _Outcome(["duplicate", "unlike", "look_alike"])
_ALLOW = click.option("--allow", multiple=True, type=_OUTCOME, help="Enroll photos with this outcome. Can be repeated.")


@people.command(context_settings=common.renamed_options(anyway="allow"))
@click.argument("name")
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...", type=common.PHOTO)
@click.option("--face", "choices", multiple=True, metavar="PHOTO=NUMBER", help="Enroll this face of a photo.")
@_ALLOW
@click.option("--review", "only_review", is_flag=True, help="Print the outcomes and enroll nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@people_rights.record_options
def add(
    name: str,
    photos: tuple[Path, ...],
    choices: tuple[str, ...],
    allow: tuple[str, ...],
    only_review: bool,
    yes: bool,
    **record: str | None,
) -> None:
    """Enroll a new person, or add photos of a known one.

    Prints the outcome of each photo. On a terminal, asks for confirmation. All accepted photos are enrolled
    together, or none.

    --face us.jpg=2 enrolls the second face from the left. If two photos are called us.jpg, write the path
    (--face trip/us.jpg=2) or the position of the photo (--face 3=2).

    --source, --basis, --reference, --date and --expires are the record of the person, see `people record`.
    """
    from app.enrollment.enroll import confirm, review
    from app.enrollment.face_choices import resolve_face_choices

    faces = resolve_face_choices(choices, [str(path) for path in photos])
    labeled_photos = zip(_labels(photos), photos, strict=True)
    with common.progress_bar(len(photos), "photo", iterable=labeled_photos) as bar:
        recognizer = common.load_recognizer(Settings())
        reviewed = review(recognizer, name, bar, faces)
    for path, photo in zip(photos, reviewed.photos, strict=True):
        click.echo(common.format_row([text.display_path(path), photo.outcome, photo.reason]))
    if reviewed.warning:
        click.echo(reviewed.warning, err=True)
    allowed = reviewed.allow(allow)
    if only_review:
        total = f"{text.count(len(photos), 'photo')} of {reviewed.name}"
        click.echo(f"{allowed.accepted} of {total} would be enrolled.", err=True)
        sys.exit(0 if allowed.accepted == len(photos) else 1)
    if allowed.accepted and not yes and sys.stdin.isatty():
        click.confirm(f"Enroll {text.count(allowed.accepted, 'photo')} of {reviewed.name}?", default=True, abort=True)
    enrollment = confirm(recognizer, allowed, record=record)
    for path, before, photo in zip(photos, allowed.photos, enrollment.photos, strict=True):
        if before.accepted and not photo.accepted:  # enrolled by another program since the review
            click.echo(common.format_row([text.display_path(path), photo.outcome, photo.reason]))
    if enrollment.person is None:
        click.echo(f"No photo of {enrollment.name} was enrolled.", err=True)
    else:
        enrolled = text.count(enrollment.accepted, "photo")
        photos_now = text.count(enrollment.person.anchors, "reference photo")
        click.echo(f"{enrolled} of {enrollment.name} enrolled. {enrollment.name} has {photos_now}.", err=True)
        click.echo(str(enrollment.check), err=True)
    sys.exit(0 if enrollment.accepted == len(photos) else 1)


@people.command("import", context_settings=common.renamed_options(anyway="allow"))
@click.argument("source", metavar="FOLDER|FILE", type=click.Path(exists=True, path_type=Path))
@click.option("--report", "report_file", type=click.Path(dir_okay=False, path_type=Path), help="Default: FOLDER.csv.")
@click.option("--again", is_flag=True, help="Review all photos, also those that an earlier import reviewed.")
@_ALLOW
def import_people(source: Path, report_file: Path | None, again: bool, allow: tuple[str, ...]) -> None:
    """Enroll people from a folder with a folder for each person, or import a file of `people export`.

    A folder has the name of its person and contains their photos, also in folders below. Prints name, enrolled and
    reviewed photos of each person. Standard error explains photos that were not enrolled, and names people who need
    more photos. The report has the outcome of every photo.

    The gallery records the reviewed photos. The same command resumes an interrupted import, and later reviews new and
    changed photos only. It imports people again who were removed since.

    The file aliases.csv in the folder adds aliases, one in a row, with the columns person and alias. records.csv has
    the records of people, with the column person and any of source, basis, reference, date and expires.

    A damaged FILE is not imported. Known people get the anchors that they do not have. People who were erased or opted
    out, and photos whose face is on the opt-out list (opted_out), are left out: the exit code is 1 then.
    """
    from app.enrollment.record_import import FILE_NAME as RECORDS
    from app.enrollment.record_import import RecordImport, read_records

    settings = Settings()
    if source.is_file():
        sys.exit(0 if _import_file(source, settings) else 1)
    try:
        records = read_records(source / RECORDS) if (source / RECORDS).is_file() else RecordImport()
        complete = _import_folder(source, report_file, again, allow, records)
        complete &= _import_aliases(source)
        complete &= _import_records(records)
    except OSError as error:
        path = text.display_path(error.filename or source)
        raise click.ClickException(f"{path} cannot be used ({error.strerror}).") from error
    sys.exit(0 if complete else 1)


@people.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--no-crops", is_flag=True, help="Leave out the face crops that FACES_KEEP_CROPS keeps.")
def export(file: Path, no_crops: bool) -> None:
    """Export the whole gallery to a file.

    It contains names, aliases, embeddings, portraits, rejected faces and kept crops, but no photos.
    Import it with `people import FILE`. The import keeps crops only if FACES_KEEP_CROPS is set there.
    """
    count = common.open_gallery().export_bundle(file, not no_crops)
    click.echo(f"{text.count(count, 'person')} exported to {text.display_path(file)}.")


def _import_file(source: Path, settings: Settings) -> bool:
    """Return whether everyone in the file was imported."""
    from app.gallery import names
    from app.gallery.opt_outs import FACE_LISTED
    from app.recognition.decision import find_opted_out
    from app.recognition.model_card import read_card

    gallery = common.open_gallery(settings)
    known = [person.name for person in gallery.people()]
    rules = read_card(settings.model).rules
    imported = gallery.import_bundle(source, settings.keep_crops, partial(find_opted_out, rules=rules))
    everyone = [person.name for person in gallery.people()]
    for warning in names.warn_confusable(set(everyone).difference(known), everyone):
        click.echo(warning, err=True)
    for name in imported.left_out:
        click.echo(f"{name} was not imported. They were erased from this gallery, or opted out.", err=True)
    for name, photo in imported.refused:
        click.echo(common.format_row([name, photo, "opted_out", FACE_LISTED]), err=True)
    for alias in imported.taken_aliases:
        click.echo(f"The alias {alias} was not imported. Another person has this name.", err=True)
    click.echo(f"{text.count(imported.anchors, 'anchor')} imported. To undo it: {common.program()} people undo")
    return not (imported.left_out or imported.refused)


def _import_folder(
    source: Path, report_file: Path | None, again: bool, allow: Sequence[str], records: RecordImport
) -> bool:
    """Return whether all photos were enrolled."""
    from app.enrollment.folder_import import NO_PHOTO, ImportReport, find_folders, import_folders
    from app.gallery import names

    settings = Settings()
    folders = find_folders(common.open_gallery(settings), source, again)
    if not folders:
        raise click.ClickException(
            f"{text.display_path(source)} contains no folder. Make a folder for each person, with photos in it."
        )
    reviewed = sum(folder.reviewed for folder in folders)
    if reviewed:
        click.echo(f"{text.count(reviewed, 'photo')} skipped, reviewed by an earlier import. Option: --again", err=True)
    pending = [folder for folder in folders if folder.pending]
    if not pending:
        click.echo(f"There is no new photo in {text.display_path(source)}.", err=True)
        return True
    for folder in pending:
        if folder.reviewed and names.key(folder.name) != names.key(folder.path.name):
            path = text.display_path(folder.path)
            click.echo(f"New photos in {path} are added to {folder.name}, like the earlier ones.", err=True)
    default_report = source.resolve().with_name(f"{source.resolve().name}.csv")
    report = ImportReport(report_file or default_report, source, pending)
    complete = True
    with common.progress_bar(sum(len(folder.photos) for folder in pending), "photo") as bar:
        recognizer = common.load_recognizer(settings)
        for enrollment in import_folders(recognizer, source, pending, report, allow, bar.update, records.records):
            complete &= 0 < enrollment.accepted == len(enrollment.photos)
            problems = [f"{photo.file}: {photo.reason}" for photo in enrollment.photos if not photo.accepted]
            if enrollment.warning:
                problems.append(enrollment.warning)
            if not enrollment.photos:
                problems.append(f"{enrollment.name}: {enrollment.error or NO_PHOTO}")
            elif enrollment.check and not enrollment.check.good:
                problems.append(f"{enrollment.name}: {enrollment.check}")
            for problem in problems:
                common.print_line(problem, err=True)
            common.print_line(common.format_row([enrollment.name, enrollment.accepted, len(enrollment.photos)]))
    common.print_line(f"Report: {text.display_path(report.path)}", err=True)
    return complete


def _import_aliases(source: Path) -> bool:
    """Return whether all rows of the file of aliases, if there is one, could be used."""
    from app.enrollment.alias_import import FILE_NAME, import_aliases

    if not (source / FILE_NAME).is_file():
        return True
    imported = import_aliases(common.open_gallery(), source / FILE_NAME)
    for problem in imported.problems:
        common.print_line(problem, err=True)
    common.print_line(f"Aliases added: {imported.added}", err=True)
    return not imported.problems


def _import_records(imported: RecordImport) -> bool:
    """Return whether all rows of the file of records, if there is one, could be used."""
    from app.enrollment.record_import import apply_records

    for problem in imported.problems:
        common.print_line(problem, err=True)
    if imported.records:
        changed = apply_records(common.open_gallery(), imported)
        common.print_line(f"Records changed: {changed}", err=True)
    return not imported.problems


def _labels(paths: Sequence[Path]) -> list[str]:
    """Return the file name of each photo, with as many folders as make it unique."""
    labels = []
    for path in paths:
        endings = (path.parts[-size:] for size in range(1, len(path.parts) + 1))
        unique = (end for end in endings if sum(other.parts[-len(end) :] == end for other in paths) == 1)
        labels.append(str(Path(*next(unique, path.parts[-1:]))))
    return labels
