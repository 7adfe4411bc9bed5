"""`people`: who can be recognized; the same gallery that the page uses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import common
from app.cli import people_edit as changes
from app.cli.people_check import check
from app.errors import UnreadableFile
from app.vision import photo_files

if TYPE_CHECKING:
    from app.enrollment.enroll import EnrollmentReport


@click.group()
def people() -> None:
    """The people of the gallery: list, add, import, change, and take changes back."""


@people.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with everyone.")
@click.option("--removed", is_flag=True, help="Those instead who were removed and can be restored, and when.")
def list_people(as_json: bool, removed: bool) -> None:
    """Print everyone: a row a person with name and number of anchors."""
    gallery = common.open_gallery(common.settings())
    if removed:
        for person in gallery.removed_people():
            click.echo(common.row([person.name, person.anchors, f"{person.removed:%Y-%m-%d %H:%M}"]))
        return
    found = [(person.name, person.anchors) for person in gallery.people()]
    if as_json:
        from app import serialization

        click.echo(common.json_line(serialization.people(found)))
        return
    for name, anchors in found:
        click.echo(common.row([name, anchors]))
    if not found:
        click.echo(common.empty_gallery(), err=True)


ALLOW = click.option(
    "--allow",
    multiple=True,
    type=click.Choice(["duplicate", "unlike", "lookalike"]),
    help="Enroll photos with this outcome too. Can be repeated.",
)


@people.command(context_settings=common.renamed_options(anyway="allow"))
@click.argument("name")
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...", type=common.PHOTO)
@click.option(
    "--face",
    "picks",
    multiple=True,
    metavar="PHOTO=NUMBER",
    help="Which face of a photo, from the left. PHOTO is its path or position.",
)
@ALLOW
@click.option("--review", "only_review", is_flag=True, help="Only say what would become of the photos.")
@click.option("--yes", is_flag=True, help="Do not ask, even on a terminal.")
@click.pass_context
def add(
    context: click.Context,
    name: str,
    photos: tuple[Path, ...],
    picks: tuple[str, ...],
    allow: tuple[str, ...],
    only_review: bool,
    yes: bool,
) -> None:
    """Enroll a person from photos, or add photos of a known person.

    Prints a row for each photo: file, outcome and reason. On a terminal it asks before it changes the gallery. All
    accepted photos enter together or none.

    --face picks one of several faces: --face us.jpg=2 is the second from the left. If two photos are called us.jpg,
    write the path (--face trip/us.jpg=2) or the position among the photos (--face 3=2).
    """
    from app.cli.progress import bar
    from app.enrollment.enroll import confirm, resolve_picks, review
    from app.errors import InvalidFaceChoice

    settings = common.settings()
    try:
        chosen = resolve_picks(picks, [str(path) for path in photos])
    except InvalidFaceChoice as error:
        raise common.WrongUsage(f"--face: {error}") from error
    readable, unread = _read_all(photos, settings.max_file_bytes)
    for index, reason in unread.items():
        click.echo(common.row([common.shown(photos[index]), "unreadable", reason]))
    if not readable:
        context.exit(1)
    numbers = {place: chosen[index] for place, index in enumerate(readable) if index in chosen}
    with bar(len(readable), "photo") as progress:
        recognizer = common.load_recognizer(settings)
        labeled = zip(_labels([photos[index] for index in readable]), readable.values(), strict=True)
        reviewed = review(recognizer, name, _counted(labeled, progress.update), numbers)
    for index, photo in zip(readable, reviewed.photos, strict=True):
        click.echo(common.row([common.shown(photos[index]), photo.outcome, photo.reason]))
    also = [place for place, photo in enumerate(reviewed.photos) if photo.outcome in allow]
    entering = reviewed.accepted + len(also)
    if only_review:
        click.echo(f"{entering} of {text.count(len(photos), 'photo')} of {reviewed.name} would be enrolled.", err=True)
        context.exit(0 if entering == len(photos) else 1)
    if entering and not yes and sys.stdin.isatty():
        click.confirm(f"Enroll {text.count(entering, 'photo')} of {reviewed.name}?", default=True, abort=True)
    report = confirm(recognizer, reviewed, also)
    _tell(report)
    context.exit(0 if report.accepted == len(photos) else 1)


@people.command("import", context_settings=common.renamed_options(anyway="allow"))
@click.argument("source", metavar="FOLDER|FILE", type=click.Path(exists=True, path_type=Path))
@click.option("--report", "report_file", type=click.Path(dir_okay=False, path_type=Path), help="Default: FOLDER.csv.")
@click.option("--again", is_flag=True, help="Review all photos, also those that an earlier import reviewed.")
@ALLOW
@click.pass_context
def import_people(
    context: click.Context, source: Path, report_file: Path | None, again: bool, allow: tuple[str, ...]
) -> None:
    """Enroll many people from a folder of folders, or import a gallery that `people export` wrote.

    Each folder in FOLDER is named as its person. All photos in it and in the folders below belong to them. Prints a
    row for each person: name, photos enrolled, photos reviewed. Standard error says why a photo was not enrolled and
    whose new photos would rarely be recognized, and the report has the outcome of every photo.

    The gallery records which photos an import reviewed. The same command resumes an import that was stopped, and
    later reviews new and changed photos only. People who were removed since are imported again.

    Of a FILE all is imported or nothing. Known people get the anchors that they do not have.
    """
    if source.is_file():
        settings = common.settings()
        added = common.open_gallery(settings).import_bundle(source, settings.keep_crops)
        click.echo(f"{text.count(added, 'anchor')} imported. Not what you wanted? python main.py people undo")
        return
    complete = True
    try:
        for found in _import(source, report_file, again, allow):
            complete &= found.error is None and 0 < found.accepted == len(found.photos)
    except OSError as error:
        place = error.filename or source
        raise click.ClickException(f"{common.shown(Path(place))} cannot be used ({error.strerror}).") from error
    context.exit(0 if complete else 1)


@people.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--no-crops", is_flag=True, help="Leave out the crops that FACES_KEEP_CROPS has kept.")
def export(file: Path, no_crops: bool) -> None:
    """Write the whole gallery into one file: names, embeddings, portraits, rejected faces, kept crops; no photos.

    Whoever takes the file over keeps the crops if FACES_KEEP_CROPS says so there.
    """
    written = common.open_gallery(common.settings()).export_bundle(file, not no_crops)
    click.echo(f"{written} people written to {common.shown(file)}.")


def _import(source: Path, report_file: Path | None, again: bool, allow: tuple[str, ...]):
    from app.cli.progress import bar, say
    from app.enrollment.folder_import import Report, find_folders, import_folders
    from app.errors import InvalidImportReport
    from app.gallery import names

    settings = common.settings()
    folders = find_folders(common.open_gallery(settings), source, again)
    if not folders:
        raise click.ClickException(
            f"{common.shown(source)} holds no folder. Make one for each person, named as the person, with photos in it."
        )
    reviewed = sum(folder.reviewed for folder in folders)
    if reviewed:
        were = "was" if reviewed == 1 else "were"
        say(f"{text.count(reviewed, 'photo')} {were} reviewed by an earlier import. --again repeats that.", err=True)
    pending = [folder for folder in folders if folder.pending]
    if not pending:
        say(f"There is no new photo in {common.shown(source)}.", err=True)
        return
    for folder in pending:
        if folder.reviewed and names.key(folder.name) != names.key(folder.path.name):
            say(f"New photos in {common.shown(folder.path)} go to {folder.name}, as those before.", err=True)
    full = source.resolve()
    try:
        report = Report(report_file or full.with_name(f"{full.name}.csv"), source, pending)
    except InvalidImportReport as error:
        raise click.ClickException(str(error)) from error
    with bar(sum(len(folder.photos) for folder in pending), "photo") as progress:
        recognizer = common.load_recognizer(settings)
        for found in import_folders(recognizer, source, pending, report, allow, progress.update):
            for complaint in _complaints(found):
                say(complaint, err=True)
            say(common.row([found.name, found.accepted, len(found.photos)]))
            yield found
    say(f"Report with the outcome of every photo: {common.shown(report.path)}", err=True)


def _read_all(paths: tuple[Path, ...], most: int) -> tuple[dict[int, bytes], dict[int, str]]:
    """Return the bytes of the files that can be read, and the reason for each other file, by index."""
    readable, unread = {}, {}
    for index, path in enumerate(paths):
        try:
            readable[index] = photo_files.read_photo(path, most)
        except UnreadableFile as error:
            unread[index] = str(error)
    return readable, unread


def _labels(paths: list[Path]) -> list[str]:
    """Return the file name of each photo, with as many folders as it takes to tell it from the others."""
    labels = []
    for path in paths:
        endings = (path.parts[-size:] for size in range(1, len(path.parts) + 1))
        unique = (end for end in endings if sum(other.parts[-len(end) :] == end for other in paths) == 1)
        labels.append(str(Path(*next(unique, path.parts[-1:]))))
    return labels


def _counted(photos, tick):
    """Yield (label, bytes) of each photo, and call `tick` when the next one is asked for."""
    for photo in photos:
        yield photo
        tick()


def _tell(report: EnrollmentReport) -> None:
    if report.person is None:
        click.echo(f"No photo of {report.name} was enrolled.", err=True)
    else:
        enrolled, anchors = text.count(report.accepted, "photo"), text.count(report.person.anchors, "anchor")
        click.echo(f"{enrolled} of {report.person.name} enrolled. The gallery has {anchors} of them.", err=True)
        click.echo(str(report.check), err=True)


def _complaints(report: EnrollmentReport) -> list[str]:
    from app.enrollment.folder_import import NO_PICTURE

    if report.error is not None:
        return [f"{report.name}: {report.error}"]
    if not report.photos:
        return [f"{report.name}: {NO_PICTURE}"]
    refused = [f"{photo.file}: {photo.reason}" for photo in report.photos if not photo.accepted]
    doubt = [f"{report.name}: {report.check}"] if report.check and not report.check.good else []
    return refused + doubt


for _command in (
    changes.remove,
    changes.restore,
    changes.rename,
    changes.merge,
    changes.anchors,
    changes.reject,
    changes.rejected,
    changes.undo,
    changes.history,
    changes.migrate,
    changes.rebuild,
    check,
):
    people.add_command(_command)
