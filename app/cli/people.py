"""`people`: who can be recognised; the same gallery that the page uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import common
from app.cli import people_changes as changes

if TYPE_CHECKING:
    from app.enrolment import EnrolmentReport


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
        for person in gallery.removed():
            click.echo(common.row([person.name, person.anchors, f"{person.removed:%Y-%m-%d %H:%M}"]))
        return
    found = [(person.name, person.anchors) for person in gallery.people()]
    if as_json:
        from app import serialize

        click.echo(common.json_line(serialize.people(found)))
        return
    for name, anchors in found:
        click.echo(common.row([name, anchors]))
    if not found:
        click.echo("The gallery is empty. Add somebody: python main.py people add NAME PHOTO...", err=True)


@people.command()
@click.argument("name")
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...", type=common.PHOTO)
@click.pass_context
def add(context: click.Context, name: str, photos: tuple[Path, ...]) -> None:
    """Learn a person from photos, or more photos of a known one.

    Every photo has to show NAME's face alone. Prints a row a photo: file, what became of it, and why.
    """
    from app.cli.progress import bar
    from app.enrolment import enrol

    settings = common.settings()
    readable, unread = _read_all(photos, settings.max_bytes)
    for path, reason in unread.items():
        click.echo(common.row([common.shown(path), "unreadable", reason]))
    if not readable:
        context.exit(1)
    with bar(len(readable), "photo") as progress:
        recognizer = common.load_recognizer(settings)
        report = enrol(recognizer, name, _counted(readable, progress.update))
    for path, photo in zip((path for path, _ in readable), report.photos, strict=True):
        click.echo(common.row([common.shown(path), photo.outcome, photo.reason]))
    _tell(report)
    context.exit(0 if report.accepted == len(photos) else 1)


@people.command("import")
@click.argument("folder", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def import_people(context: click.Context, folder: Path) -> None:
    """Learn many people from a folder of folders.

    Each folder in FOLDER is named as its person and holds their photos. Prints a row a person: name,
    photos learnt, photos looked at. Why a photo was not learnt is told on standard error.
    """
    from app.cli.progress import bar, say
    from app.enrolment import count_photos, import_folder

    complete, seen = True, 0
    try:
        total = count_photos(folder)
        with bar(total, "photo") as progress:
            recognizer = common.load_recognizer(common.settings())
            for report in import_folder(recognizer, folder, progress.update):
                seen += 1
                complete &= report.error is None and 0 < report.accepted == len(report.photos)
                for complaint in _complaints(report):
                    say(complaint, err=True)
                say(common.row([report.name, report.accepted, len(report.photos)]))
    except OSError as error:
        raise click.ClickException(f"{common.shown(folder)} cannot be read ({error.strerror}).") from error
    if not seen:
        raise click.ClickException(
            f"{common.shown(folder)} holds no folder. Make one for each person, named as the person, with photos in it."
        )
    context.exit(0 if complete else 1)


def _read_all(paths: tuple[Path, ...], most: int) -> tuple[list[tuple[Path, bytes]], dict[Path, str]]:
    """The bytes of the files that can be read, and why not of the others."""
    readable, unread = [], {}
    for path in paths:
        try:
            readable.append((path, common.read(path, most)))
        except common.UnreadableFile as error:
            unread[path] = str(error)
    return readable, unread


def _counted(photos, tick):
    """(file name, bytes) of each photo; `tick` is called when the next one is asked for."""
    for path, data in photos:
        yield path.name, data
        tick()


def _tell(report: EnrolmentReport) -> None:
    if report.person is None:
        click.echo(f"Nothing was learnt of {report.name}.", err=True)
    else:
        learnt, anchors = common.count(report.accepted, "photo"), common.count(report.person.anchors, "anchor")
        click.echo(f"{learnt} of {report.person.name} learnt; the gallery has {anchors} of them now.", err=True)


def _complaints(report: EnrolmentReport) -> list[str]:
    if report.error is not None:
        return [f"{report.name}: {report.error}"]
    if not report.photos:
        return [f"{report.name}: There is no picture in this folder."]
    return [f"{report.name}/{photo.file}: {photo.reason}" for photo in report.photos if not photo.accepted]


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
):
    people.add_command(_command)
