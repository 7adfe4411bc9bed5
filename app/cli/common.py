"""What the commands share: settings, errors as sentences, the recognizer, reading files, rows of text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.errors import FacesError, SettingsError
from app.settings import Settings

if TYPE_CHECKING:
    from app.gallery.store import Gallery
    from app.recognition.recognizer import Recognizer

PHOTO = click.Path(path_type=Path, readable=False)
"""The type of a file argument. Click does not look at the file: a bad one is told in its place, among the others."""

EMPTY = (
    "The gallery is empty, so every face is unknown. Add a person: python main.py people add NAME PHOTO... "
    "Or a folder of people: python main.py people import FOLDER"
)
"""What commands say about a gallery without people."""


class WrongUsage(click.ClickException):
    """What was asked for cannot be meant: exit code 2."""

    exit_code = 2


@contextmanager
def sentences() -> Iterator[None]:
    """Let errors that are meant for a person end the program with their sentence; all others are mistakes in it."""
    try:
        yield
    except (click.exceptions.Exit, click.Abort):
        raise
    except SettingsError as error:
        raise WrongUsage(str(error)) from error
    except FacesError as error:
        raise click.ClickException(str(error)) from error


def settings() -> Settings:
    """The settings that the environment gives.

    Raises:
        SettingsError: one of them cannot be used.
    """
    return Settings.from_environment()


def open_gallery(chosen: Settings) -> Gallery:
    """The gallery alone, in well under a second: the network's card is read, the network is not."""
    from app.gallery.store import Gallery
    from app.recognition.model_card import read_card

    return Gallery.open(chosen.database_url, read_card(chosen.model).id, chosen.shipped_gallery, chosen.recovery_days)


def load_recognizer(chosen: Settings) -> Recognizer:
    """Detector, network and gallery: some seconds."""
    from app.recognition.recognizer import Recognizer

    return Recognizer.load(chosen)


def row(values: Iterable[object]) -> str:
    """Values as a line of CSV with a space after each comma; a value with a comma in it is quoted."""
    return ", ".join(_cell(str(value)) for value in values).rstrip()


def json_line(value: object) -> str:
    """A value as JSON on one line, in plain ASCII, which every pipe and console takes."""
    return json.dumps(value)


def shown(path: Path) -> str:
    """A path as text, also where its name is no valid text."""
    return click.format_filename(path)


def _cell(text: str) -> str:
    if not text:
        return ""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([text])
    return line.getvalue()
