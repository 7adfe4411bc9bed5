"""`library changes` and `library undo`: the log of what a user decided."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import batch, common
from app.settings import Settings

_FOLDER = click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)


@click.command("changes")
@_FOLDER
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="The latest changes only.")
def list_changes(folder: Path, limit: int) -> None:
    """List what you decided, the latest first.

    Prints number, time, actor and change per row. `library undo` undoes one.
    """
    from app.library import changes
    from app.library.store import Library

    with Library.open(folder) as library:
        listed = changes.list_changes(library, limit)
    for change in listed:
        note = "" if change.reversible else " (undone)" if change.undone else " (cannot be undone)"
        made = change.made.astimezone().strftime("%Y-%m-%d %H:%M")
        common.print_line(common.format_row((change.number, made, change.author, change.description + note)))
    if not listed:
        click.echo("No decisions were made yet.", err=True)


@click.command()
@_FOLDER
@click.argument("number", type=click.IntRange(1), required=False)
def undo(folder: Path, number: int | None) -> None:
    """Undo a change of `library changes`, by default the latest.

    Later decisions about the same faces stay. Undoing `library name-group` removes the anchors from the gallery and
    names the faces of the library again.
    """
    from app.library.changes import NAME_GROUP, find_reversible
    from app.library.undo import undo as undo_change

    settings = Settings().for_local_files()
    with common.open_library(folder) as (library, gallery):
        if find_reversible(library, number).action != NAME_GROUP:
            undone = undo_change(library, gallery, number)
        else:
            with library.lock():
                undone = undo_change(library, gallery, number)
                batch.name_library(settings, library, gallery)
    common.print_line(undone.message)


COMMANDS = (list_changes, undo)
