"""`people` commands about records and rights: record, expire, data, erase, erasures and opt-out."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZIP_DEFLATED, ZipFile

import click

from app import text
from app.cli import common
from app.gallery.record import BASES, FIELDS
from app.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

_HELP = {
    "source": "Where the photos come from.",
    "basis": "Legal basis.",
    "reference": "Where the proof of the basis is, such as the number of a form.",
    "date": "Day of the basis, as 2026-12-31.",
    "expires": "First day without the basis, as 2026-12-31. The person is hidden then, and erased later.",
}


def record_options(command: F) -> F:
    """Add an option for each field of a record to a command."""
    for name in reversed(FIELDS):
        kind = click.Choice([*BASES, ""]) if name == "basis" else None
        metavar = f"[{'|'.join(BASES)}]" if name == "basis" else "DATE" if name in ("date", "expires") else "TEXT"
        command = click.option(f"--{name}", type=kind, metavar=metavar, help=_HELP[name])(command)
    return command


_LIBRARIES = click.option(
    "--library", "libraries", type=common.LIBRARY, multiple=True, help="A library of an archive. Can be repeated."
)


@click.command()
@click.argument("name")
@record_options
def record(name: str, **fields: str | None) -> None:
    """Print the record of NAME, after a change of its fields.

    An empty value, such as --expires "", deletes a field. `people undo` undoes the change.
    """
    with closing(common.open_gallery()) as gallery:
        person = gallery.change_record(name, fields)
    for field, value in person.record.fields().items():
        click.echo(common.format_row([field, value]))


@click.command()
@click.option("--dry-run", is_flag=True, help="List people only, and change nothing.")
@click.option("--within", type=click.IntRange(0), default=30, show_default=True, metavar="DAYS", help="Days ahead.")
def expire(dry_run: bool, within: int) -> None:
    """List whose record has expired or will, and hide and erase the people who are due.

    Servers and commands do the same automatically: a server within ten seconds, a command at its start. Prints name,
    state and date per row. The state is hide (expired), erase (hidden, with the day from which they are erased), or
    expires.
    """
    with closing(common.open_gallery(hide_expired=not dry_run)) as gallery:
        expiry = gallery.rights.list_expiry(within)
    rows = [(person.name, "hide", person.record.expires) for person in expiry.due]
    rows += [(person.name, "erase", str(erased)) for person, erased in expiry.hidden]
    rows += [(person.name, "expires", person.record.expires) for person in expiry.upcoming]
    for row in rows:
        click.echo(common.format_row(row))
    if not rows:
        click.echo(f"No record has expired, or expires within {text.count(within, 'day')}.", err=True)


@click.command()
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_LIBRARIES
def data(name: str, file: Path, libraries: tuple[Path, ...]) -> None:
    """Write everything that is stored about NAME to a ZIP file: data.json, pictures and embeddings.

    It has the record, names, file names of reference photos, changes, entries of the audit log and of the opt-out list,
    and the faces, tags and decisions in FACES_LIBRARY and each --library. The photos of archives are not copied.
    """
    from app.files import open_complete
    from app.library import person_data
    from app.library.store import Library

    settings = Settings()
    with closing(common.open_gallery(settings)) as gallery:
        found = gallery.rights.collect_data(name)
    files = dict(found.files)
    hits = []
    folders = _list_folders(settings, libraries)
    for number, folder in enumerate(folders, start=1):
        with Library.open(folder) as library:
            values, pictures = person_data.collect(library, found.names, [found.values["id"]], settings.database_url)
        hits.append({"library": str(folder), **values})
        files |= {f"{number}/{path}": content for path, content in pictures.items()}
    made = datetime.now(UTC).isoformat(timespec="seconds")
    index = {"made": made, "gallery": found.values, "libraries": hits}
    with open_complete(file, private=True) as opened, ZipFile(opened, "w", ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps(index, indent=1, ensure_ascii=False))
        for path, content in files.items():
            archive.writestr(path, content)
    click.echo(f"The data of {found.names[0]} was written to {text.display_path(file)}: {_count(files)}.")
    if not folders:
        click.echo("Libraries of archives were not searched. Option: --library LIBRARY", err=True)


def _list_folders(settings: Settings, libraries: Sequence[Path]) -> list[Path]:
    """Return the given libraries and FACES_LIBRARY, each once."""
    folders = [*libraries, *([settings.library] if settings.library else [])]
    return list({folder.resolve(): folder for folder in reversed(folders)}.values())[::-1]


def _count(files: dict[str, bytes]) -> str:
    pictures = sum(path.endswith(".webp") for path in files)
    return f"{text.count(pictures, 'picture')}, {text.count(len(files) - pictures, 'embedding')}"


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_LIBRARIES
@click.option("--sidecars", is_flag=True, help="Also remove the names that `library write-metadata` wrote.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def erase(names: tuple[str, ...], libraries: tuple[Path, ...], sidecars: bool, yes: bool) -> None:
    """Erase people for good, everywhere, and search the files for remains.

    Erases name, aliases, record, reference photos, portraits and undo history, also of people who were removed with
    these names or merged into them. In FACES_LIBRARY and each --library, it erases their faces, tags, decisions and
    pictures. Libraries know people by their names of today, and by the former names that the gallery still has.

    A restored backup or an imported export does not bring them back: both have random IDs of people. Exports of earlier
    versions have none. There, a person is recognized by name, aliases and the former names that the gallery had at the
    erasure, and so is another person with such a name. `people add` and `people import FOLDER` do enroll them again,
    unless they are on the opt-out list.

    With --sidecars, a person leaves the sidecars of the libraries' photos, as far as `library write-metadata` wrote the
    name. You cannot undo this.

    The exit code is 1 if something remains, or if neither the gallery nor a library has a NAME.
    """
    from app.library.person_erasure import erase as erase_people

    settings = Settings()
    if not yes and sys.stdin.isatty():
        click.confirm(f"Erase {text.alternatives(list(names))}? This cannot be undone.", abort=True)
    with closing(common.open_gallery(settings)) as gallery:
        folders = _list_folders(settings, libraries)
        erased = erase_people(gallery, names, folders, settings.database_url, sidecars)
    for sentence in (*(f"{person.name} was erased." for person in erased.people), *erased.proof()):
        click.echo(sentence)
    for problem in erased.problems():
        click.echo(problem, err=True)
    sys.exit(0 if erased.is_complete else 1)


@click.command()
@click.option("--apply", "file", type=click.File(), help="Erase the people of a list that this command printed.")
def erasures(file: Any) -> None:
    """List the erased people: a random ID and the time (UTC) per row, without names.

    Before you restore a backup, save this list. Afterwards, --apply FILE erases the people again whom the backup has.
    """
    from app.gallery.erasures import Erasure

    with closing(common.open_gallery()) as gallery:
        if file is None:
            for erasure in gallery.rights.list_erasures():
                click.echo(common.format_row([erasure.uuid, erasure.erased.isoformat(timespec="seconds")]))
            return
        listed = []
        for number, row in enumerate(csv.reader(file, skipinitialspace=True), start=1):
            try:
                uuid, time = row
                listed.append(Erasure(uuid, datetime.fromisoformat(time)))
            except ValueError:
                raise click.ClickException(
                    f"{file.name}, row {number}: Expected an ID and a time, as `people erasures` prints them."
                ) from None
        erased = gallery.rights.apply_erasures(listed)
    for person in erased:
        click.echo(f"{person.name} was erased.")
    click.echo(f"{text.count(len(erased), 'person')} of {len(listed)} erased again.", err=True)


@click.group("opt-out")
def opt_out() -> None:
    """People who are never named or enrolled."""


@opt_out.command("add")
@click.argument("name", required=False)
@click.option("--photo", "photos", multiple=True, type=common.PHOTO, help="A photo of the person. Can be repeated.")
@click.option("--face", type=click.IntRange(1), help="Face in the photos from the left, for photos with several.")
@click.option("--reference", help="Your reference, such as the number of the request.")
def add_opt_out(name: str | None, photos: tuple[Path, ...], face: int | None, reference: str | None) -> None:
    """Never name or enroll a person: by NAME, by the face in a photo, or by both.

    Of a photo, only the embedding is stored. People of the gallery with this name or face stay in it until you erase
    them, but are not named.
    """
    from app.enrollment.opt_out_photos import read_faces

    if not name and not photos:
        raise click.UsageError("Give a NAME, --photo FILE, or both.")
    if not photos:
        with closing(common.open_gallery()) as gallery:
            added = gallery.rights.add_opt_out(name, None, reference)
            person = gallery.find(name or "")
    else:
        recognizer = common.load_recognizer(Settings())
        embeddings = read_faces(recognizer, [(path.name, path) for path in photos], face)
        added = recognizer.gallery.rights.add_opt_out(name, embeddings, reference)
        person = recognizer.gallery.find(name) if name else None
    click.echo(f"Opt-out {added.id} was added. Judge libraries again: {common.program()} library name LIBRARY")
    if person:
        click.echo(
            f"{person.name} is in the gallery and no longer named. Erase: {common.program()} people erase "
            f"{person.name!r}",
            err=True,
        )


@opt_out.command("list")
def list_opt_outs() -> None:
    """List the people who opted out: number, name, kind, date and reference."""
    with closing(common.open_gallery()) as gallery:
        for entry in gallery.rights.list_opt_outs():
            kind = "face" if entry.has_face else "name"
            row = [entry.id, entry.name or "", kind, f"{entry.created:%Y-%m-%d}", entry.reference or ""]
            click.echo(common.format_row(row))


@opt_out.command("remove")
@click.argument("number", type=click.IntRange(1))
def remove_opt_out(number: int) -> None:
    """Remove an entry of the list, by its number, and erase its face."""
    with closing(common.open_gallery()) as gallery:
        gallery.rights.remove_opt_out(number)
    click.echo(f"Opt-out {number} was removed.")


COMMANDS = (record, expire, data, erase, erasures, opt_out)
