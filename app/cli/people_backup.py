"""`people` commands for a backup of the gallery: make one, and restore one."""

import sys
from contextlib import closing, suppress
from pathlib import Path

import click

from app import text
from app.cli import common
from app.errors import GalleryError
from app.settings import Settings

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@_FILE
def backup(file: Path) -> None:
    """Copy the gallery to a file, also while a server uses it. An earlier backup in FILE is replaced.

    The file is an SQLite database, also for a gallery in PostgreSQL. `people restore-backup` restores it.
    """
    from app.gallery.audit_log import AuditLog
    from app.gallery.backup import back_up
    from app.gallery.database import Database
    from app.gallery.database_status import BACKED_UP

    back_up(Settings().database_url, file)
    # A gallery of an earlier version has no audit log yet.
    with suppress(GalleryError), closing(Database.connect(Settings().database_url)) as database:
        AuditLog(database).record(BACKED_UP)
    click.echo(f"The gallery was copied to {text.display_path(file)}.")


@click.command("restore-backup")
@_FILE
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def restore_backup(file: Path, yes: bool) -> None:
    """Replace the gallery by a backup, also while a server uses it.

    The backup can be of an earlier version, and of a gallery in SQLite or PostgreSQL. It is checked first. The gallery
    is replaced completely or not at all. People who were erased since the backup are erased again.
    """
    from app.gallery.restoration import open_backup, read_contents

    database_url = Settings().database_url
    with open_backup(file) as opened:
        present = read_contents(database_url)
        click.echo(f"Backup: {opened.contents}.")
        click.echo(f"Gallery: {present}." if present else "There is no gallery yet.")
        if present and not yes and _is_terminal():
            keep = f"To keep the gallery, answer no and run: {common.program()} people backup OTHER_FILE"
            click.echo(keep)
            click.confirm("Replace the gallery by the backup?", abort=True)
        erased = opened.restore(database_url)
    for person in erased:
        click.echo(f"{person.name} was erased again: the backup is older than the erasure.")
    click.echo("The backup was restored. Running servers use it from the next request on.")


def _is_terminal() -> bool:
    return sys.stdin.isatty()


COMMANDS = (backup, restore_backup)
