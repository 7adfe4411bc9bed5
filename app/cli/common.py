"""Shared by the commands: settings, error reporting, the recognizer, progress bars and output formats."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.settings import Settings
from app.text import csv_cell, one_line

if TYPE_CHECKING:
    from tqdm import tqdm

    from app.gallery.store import Gallery
    from app.library.store import Library
    from app.recognition.recognizer import Recognizer

PHOTO = click.Path(path_type=Path, readable=False)
"""Type of a photo argument. Click does not check the file, so that one bad file does not stop the command."""


class _LibraryFolder(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        # As a path, s3://BUCKET/library would be a folder s3: on this machine.
        if "://" in str(value):
            self.fail(f"{value}: A library is a folder on this machine and cannot be at a URL.", param, context)
        return super().convert(value, param, context)


LIBRARY = _LibraryFolder(path_type=Path, file_okay=False)
"""Type of the argument that names a library's folder."""


class InvalidUsage(click.ClickException):
    """The arguments or settings are invalid: exit code 2, without click's usage lines."""

    exit_code = 2


def program() -> str:
    """Return the command that started the program, for hints: `python main.py` or `whopic`."""
    return click.get_current_context().find_root().info_name or "whopic"


def empty_gallery() -> str:
    """Return the hint for a gallery without people."""
    return (
        f"The gallery is empty, so every face is unknown. Add a person: {program()} people add NAME PHOTO... "
        f"Or import a folder of people: {program()} people import FOLDER"
    )


def renamed_options(**names: str) -> dict[str, Any]:
    """Return click's `context_settings` under which options keep their old names until version 2, with a warning.

    Example:
        >>> @click.command(context_settings=renamed_options(old_name="new_name"))
    """
    renamed = {old.replace("_", "-"): new.replace("_", "-") for old, new in names.items()}

    def normalize(name: str) -> str:
        if name in renamed:
            click.echo(f"--{name} is now --{renamed[name]}. The old name works until version 2.", err=True)
        return renamed.get(name, name)

    return {"token_normalize_func": normalize}


def open_gallery(settings: Settings | None = None, hide_expired: bool = True) -> Gallery:
    """Open the gallery without loading the network, in well under a second.

    Opening hides and purges what has expired, unless `hide_expired` is off.
    """
    from app.gallery.store import Gallery
    from app.recognition.model_card import read_card

    settings = settings or Settings()
    return Gallery.from_settings(settings, read_card(settings.model).id, maintain=hide_expired)


def record(action: str, details: Mapping[str, object]) -> None:
    """Add an entry to the audit log of the gallery."""
    with closing(open_gallery()) as gallery:
        gallery.audit.record(action, details=details)


def record_export(content: str, formats: Sequence[str]) -> None:
    """Add an entry about an export of a library to the audit log, before the export writes its files."""
    record("exported_library", {"content": content, "formats": list(formats)})


@contextmanager
def open_library(folder: Path) -> Iterator[tuple[Library, Gallery]]:
    """Open a library to change it, and the gallery, whose audit log gets an entry for each change."""
    from app.library.store import Library

    with Library.open(folder) as library, closing(open_gallery()) as gallery:
        library.audit = gallery.audit
        yield library, gallery


def gallery_name(gallery: Gallery, name: str, is_given: bool = False) -> str:
    """Return the name of the gallery's person with a name or alias, or the name itself if there is none.

    Raises `OptedOut` for a name of the opt-out list that a face or a photo `is_given`.
    """
    if is_given:
        gallery.rights.check_name(name)
    person = gallery.find(name)
    return person.name if person else name


def load_recognizer(settings: Settings) -> Recognizer:
    """Load the detector, the network and the gallery, which takes seconds."""
    from app.recognition.recognizer import Recognizer

    return Recognizer.load(settings.for_local_files())


def progress_bar(total: int | None, unit: str, **options: Any) -> tqdm:
    """Return a bar that counts up to `total` and is erased at the end.

    It is shown if standard error is a terminal and standard output is not piped into a program.
    """
    from tqdm import tqdm

    shown = sys.stderr.isatty() and not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
    return tqdm(total=total, unit=unit, leave=False, disable=not shown, dynamic_ncols=True, **options)


def status_line(text: str) -> tqdm:
    """Return a context manager that shows a line on a terminal."""
    return progress_bar(None, "", desc=text, bar_format="{desc}")


def print_line(text: str, err: bool = False) -> None:
    """Print a line above the bar, if there is one. Control characters, such as those of file names, are escaped."""
    from tqdm import tqdm

    with tqdm.external_write_mode():
        click.echo(one_line(text), err=err)


def format_row(values: Iterable[object]) -> str:
    """Format values as one CSV line with a space after each comma, see `csv_cell` and `one_line`."""
    return ", ".join(_quote(one_line(str(csv_cell(value)))) for value in values).rstrip()


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search('[",]', text) else text
