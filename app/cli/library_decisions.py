"""`library confirm`, `reject`, `forget`, `tag` and `untag`: what a user says about a face or a photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import common
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

    with common.open_library(folder) as (library, gallery):
        name = common.gallery_name(gallery, name, is_given=True)
        decisions.confirm(library, [_find_face(library, photo, face)], name)
    click.echo(f"The face shows {name}.")


@click.command()
@_FOLDER
@_PHOTO
@click.argument("name")
@_FACE
def reject(folder: Path, photo: str, name: str, face: int | None) -> None:
    """Record that a face does not show a person. `library name` does not name it so again."""
    from app.library import decisions

    with common.open_library(folder) as (library, gallery):
        name = common.gallery_name(gallery, name)
        decisions.reject(library, [_find_face(library, photo, face)], name)
    click.echo(f"The face does not show {name}.")


@click.command()
@_FOLDER
@_PHOTO
@_FACE
def forget(folder: Path, photo: str, face: int | None) -> None:
    """Forget what you confirmed or rejected about a face. `library name` judges it again."""
    from app.library import decisions

    with common.open_library(folder) as (library, _):
        decisions.take_back(library, [_find_face(library, photo, face)])
    click.echo("The decisions about the face are forgotten.")


@click.command()
@_FOLDER
@_PHOTO
@click.argument("name")
def tag(folder: Path, photo: str, name: str) -> None:
    """Record that a photo shows a person without a face, such as from behind."""
    from app.library import tags

    with common.open_library(folder) as (library, gallery):
        name = common.gallery_name(gallery, name, is_given=True)
        tags.tag(library, _find_photo(library, photo), name)
    click.echo(f"The photo shows {name}.")


@click.command()
@_FOLDER
@_PHOTO
@click.argument("name")
def untag(folder: Path, photo: str, name: str) -> None:
    """Remove a tag of a person from a photo."""
    from app.library import tags

    with common.open_library(folder) as (library, gallery):
        name = common.gallery_name(gallery, name)
        tags.untag(library, _find_photo(library, photo), name)
    click.echo(f"{name} is no longer tagged in the photo.")


COMMANDS = (confirm, reject, forget, tag, untag)


def _find_photo(library: Library, photo: str) -> int:
    from app.batch.sources import resolve
    from app.library import tags

    return tags.find_photo(library, display_path(resolve(photo)))


def _find_face(library: Library, photo: str, number: int | None) -> int:
    from app.batch.sources import resolve
    from app.library import decisions

    return decisions.find_face(library, display_path(resolve(photo)), number)
