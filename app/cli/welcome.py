"""What a newcomer sees: what to try, and a first try with a portrait that ships."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import common
from app.vision import photo_files

if TYPE_CHECKING:
    from app.recognition.recognizer import IdentifiedFace
    from app.settings import Settings

_TRY = """\
This program tells who is in a photo. Try:

  python main.py identify PHOTO...     who is in these photos? folders work too
  python main.py compare A B           do two photos show the same person?
  python main.py people list           who can be recognized
  python main.py people add NAME PHOTO...
  python main.py --help                everything else
  make run                             the page to drop photos on
"""

_ROWS, _BAR, _TRIES = 5, 30, 20


def welcome() -> None:
    """Print what to try, and identify a portrait of the shipped gallery if its people are enrolled."""
    settings = common.load_settings()
    click.echo(_TRY)
    gallery = common.open_gallery(settings)
    if not gallery.people():
        click.echo(common.EMPTY_GALLERY)
    if not gallery.shipped_people():
        return
    portraits = sorted((settings.anchors / "portraits").glob("*.webp"))[:_TRIES]
    if not portraits:
        click.echo(f"There is no portrait in {settings.anchors} to try it with; take a photo of your own.")
        return
    _identify(portraits, settings)


def _identify(portraits: list[Path], settings: Settings) -> None:
    """Show the first portrait that gets a name: an average face is softer than a photo, and some stay unknown."""
    from app.cli.progress import waiting

    with waiting("Loading the network ..."):
        recognizer = common.load_recognizer(settings)
    for portrait in portraits:
        found = recognizer.identify(photo_files.read(portrait, settings.max_file_bytes))
        if any(face.verdict.person for face in found.faces):
            break
    click.echo(f"For example, python main.py identify {_short(portrait)}\n")
    for face in found.faces:
        _show(face)
    if not found.faces:
        click.echo("No face was found in it.")


def _show(face: IdentifiedFace) -> None:
    verdict = face.verdict
    click.echo(f"  {verdict.reason}\n")
    width = max((len(row.person) for row in verdict.ranking[:_ROWS]), default=0)
    for row in verdict.ranking[:_ROWS]:
        line = f"  {row.person:{width}}  {row.class_distance:.3f}  {'#' * round(_BAR * row.class_distance)}"
        click.echo(click.style(line, bold=row.person == verdict.person))


def _short(path: Path) -> str:
    """A path from where the reader stands, if that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)
