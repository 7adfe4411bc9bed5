"""Introduction shown without a command: the main commands, and an example with a shipped portrait."""

import os
from pathlib import Path

import click

from app.cli import common
from app.settings import Settings

_INTRODUCTION = """Identify the people in photos. Try:

  {0} identify PHOTO...         identify the people in photos or folders
  {0} compare A B               check whether two photos show the same person
  {0} people list               list the people in the gallery
  {0} people add NAME PHOTO...  add a person to the gallery
  {0} --help                    show all commands

To start the web app, run: make run
"""

_MAX_PORTRAITS, _RANKS, _BAR_WIDTH = 20, 5, 30


def welcome() -> None:
    """Print an introduction, and identify a portrait if the gallery has shipped people."""
    settings = Settings()
    click.echo(_INTRODUCTION.format(common.program()))
    gallery = common.open_gallery(settings)
    if not gallery.people():
        click.echo(common.empty_gallery())
    if not gallery.shipped_people():
        return
    portraits = sorted((settings.anchors / "portraits").glob("*.webp"))[:_MAX_PORTRAITS]
    if portraits:
        _identify(portraits, settings)
    else:
        click.echo(f"No portraits found in {settings.anchors}. Try a photo of your own.")


def _identify(portraits: list[Path], settings: Settings) -> None:
    """Print the result of the first matching portrait. Portraits are average faces, and some do not match."""
    with common.status_line("Loading the network ..."):
        recognizer = common.load_recognizer(settings)
    for portrait in portraits:
        faces = recognizer.identify(portrait).faces
        if any(face.verdict.person for face in faces):
            break
    click.echo(f"Example: {common.program()} identify {min(os.path.relpath(portrait), str(portrait), key=len)}\n")
    for verdict in (face.verdict for face in faces):
        click.echo(f"  {verdict.reason}\n")
        for rank in verdict.ranking[:_RANKS]:
            bar = "#" * round(_BAR_WIDTH * rank.class_distance)
            line = f"  {rank.person:24} {rank.class_distance:.3f}  {bar}"
            click.echo(click.style(line, bold=rank.person == verdict.person))
