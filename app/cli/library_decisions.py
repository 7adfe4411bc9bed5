"""`library confirm`, `reject`, `forget`, `tag` and `untag`: what a user says about a face or a photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import common
from app.settings import Settings
from app.text import display_path

if TYPE_CHECKING:
    from app.library.store import Library

_FOLDER = click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)
_PHOTO = click.argument("photo")
_FACE = click.option("--face", type=click.IntRange(1), help="Which face, counted from the left. Default: the only one.")


@click.command()
@_FOLDER
@_PHOTO
@click.argument("name")
@_FACE
def confirm(folder: Path, photo: str, name: str, face: int | None) -> None:
    """Record that a face shows a person. `library name` keeps it."""
    from app.library import decisions

    name = common.gallery_name(Settings(), name, is_given=True)
    _decide(folder, photo, face, lambda library, face_id: decisions.confirm(library, [face_id], name))
    click.echo(f"The face shows {name}.")


@click.command()
@_FOLDER
@_PHOTO
@click.argument("name")
@_FACE
def reject(folder: Path, photo: str, name: str, face: int | None) -> None:
    """Record that a face does not show a person. `library name` does not name it so again."""
    from app.library import decisions

    name = common.gallery_name(Settings(), name)
    _decide(folder, photo, face, lambda library, face_id: decisions.reject(library, [face_id], name))
    click.echo(f"The face does not show {name}.")


@click.command()
@_FOLDER
@_PHOTO
@_FACE
def forget(folder: Path, photo: str, face: int | None) -> None:
    """Forget what you confirmed or rejected about a face. `library name` judges it again."""
    from app.library import decisions

    _decide(folder, photo, face, lambda library, face_id: decisions.take_back(library, [face_id]))
    click.echo("The decisions about the face are forgotten.")


@click.command()
@_FOLDER
@_PHOTO
@click.argument("name")
def tag(folder: Path, photo: str, name: str) -> None:
    """Record that a photo shows a person without a face, such as from behind."""
    from app.library import tags

    name = common.gallery_name(Settings(), name, is_given=True)
    _change_photo(folder, photo, lambda library, photo_id: tags.tag(library, photo_id, name))
    click.echo(f"The photo shows {name}.")


@click.command()
@_FOLDER
@_PHOTO
@click.argument("name")
def untag(folder: Path, photo: str, name: str) -> None:
    """Remove a tag of a person from a photo."""
    from app.library import tags

    name = common.gallery_name(Settings(), name)
    _change_photo(folder, photo, lambda library, photo_id: tags.untag(library, photo_id, name))
    click.echo(f"{name} is no longer tagged in the photo.")


COMMANDS = (confirm, reject, forget, tag, untag)


def _change_photo(folder: Path, photo: str, change: Callable[[Library, int], object]) -> None:
    from app.batch.sources import resolve
    from app.library import tags
    from app.library.store import Library

    with Library.open(folder) as library:
        change(library, tags.find_photo(library, display_path(resolve(photo))))


def _decide(folder: Path, photo: str, number: int | None, change: Callable[[Library, int], object]) -> None:
    from app.batch.sources import resolve
    from app.library import decisions
    from app.library.store import Library

    with Library.open(folder) as library:
        change(library, decisions.find_face(library, display_path(resolve(photo)), number))
