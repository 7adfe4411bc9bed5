"""`people remove`, `restore`, `rename` and other commands that change the gallery, and undo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import common
from app.errors import UnreadableFile
from app.vision import photo_files

if TYPE_CHECKING:
    from app.gallery.store import Gallery, Person

ANCHORS = click.option(
    "--anchor", "anchor_ids", type=int, multiple=True, help="Only this anchor, by its number; can be repeated."
)


@click.command(context_settings=common.renamed_options(now="purge"))
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--shipped", is_flag=True, help="Remove everybody whose anchors all come from the shipped gallery.")
@ANCHORS
@click.option("--purge", is_flag=True, help="Erase now and for good, instead of after FACES_RECOVERY_DAYS.")
@click.option("--yes", is_flag=True, help="Do not ask, even on a terminal.")
def remove(names: tuple[str, ...], shipped: bool, anchor_ids: tuple[int, ...], purge: bool, yes: bool) -> None:
    """Remove people with all their anchors and portraits, or single anchors of one person.

    All people are removed in one change, or none if one of the names is unknown. You can restore them for
    FACES_RECOVERY_DAYS. --purge erases them, and everybody with these names who was removed before.
    """
    if bool(names) == shipped:
        raise click.UsageError("Give one or more names, or --shipped.")
    if anchor_ids and len(names) != 1:
        raise click.UsageError("--anchor needs exactly one name: it removes anchors of one person.")
    gallery = common.open_gallery(common.settings())
    if not yes and sys.stdin.isatty():
        what = _removal(gallery, names, anchor_ids, purge)
        click.confirm(
            f"{'Purge' if purge else 'Remove'} {what}?{' This cannot be undone.' if purge else ''}", abort=True
        )
    done = "purged" if purge else "removed"
    if anchor_ids:
        left = gallery.remove_anchors(names[0], anchor_ids, purge=purge)
        click.echo(f"{text.count(len(anchor_ids), 'anchor')} of {left.name} {done}; {left.anchors} are left.")
        return
    gone = gallery.remove_shipped(purge=purge) if shipped else gallery.remove_people(names, purge=purge)
    if not gone:
        click.echo(f"No person was {done}: every person has anchors of your own, or none.")
    elif shipped:
        click.echo(f"{_shipped(gone)} {'was' if len(gone) == 1 else 'were'} {done}.")
    for person in () if shipped else gone:
        click.echo(f"{person.name} was {done}.")
    if gone and not purge:
        back = f"restore {gone[0].name!r}" if len(gone) == 1 else "undo"
        days = text.count(gallery.recovery_days, "day")
        click.echo(f"For {days} this brings them back: python main.py people {back}", err=True)


def _removal(gallery: Gallery, names: tuple[str, ...], anchor_ids: tuple[int, ...], purge: bool) -> str:
    """Return what a removal is about, for the question before it."""
    if not names:
        return _shipped(gallery.shipped_people(removed=purge))
    if anchor_ids:
        return f"{text.count(len(anchor_ids), 'anchor')} of {names[0]}"
    known = {name: gallery.find(name) for name in names}
    return ", ".join(
        f"{person.name} with {text.count(person.anchors, 'anchor')}" if person else name
        for name, person in known.items()
    )


def _shipped(people: Sequence[Person]) -> str:
    return text.count(len(people), "person").replace(" ", " shipped ")


@click.command()
@click.argument("name")
@ANCHORS
def restore(name: str, anchor_ids: tuple[int, ...]) -> None:
    """Bring back a removed person, or removed anchors of somebody who is there."""
    gallery = common.open_gallery(common.settings())
    back = gallery.restore_anchors(name, anchor_ids) if anchor_ids else gallery.restore(name)
    click.echo(f"{back.name} is in the gallery with {text.count(back.anchors, 'anchor')}.")


@click.command()
@click.argument("old")
@click.argument("new")
def rename(old: str, new: str) -> None:
    """Give a person another name; anchors and portrait stay."""
    gallery = common.open_gallery(common.settings())
    known = gallery.find(old)
    renamed = gallery.rename(old, new)
    click.echo(f"{known.name if known else old} is called {renamed.name} now.")


@click.command()
@click.argument("name")
@click.argument("into")
def merge(name: str, into: str) -> None:
    """Give NAME's anchors to INTO, who stays, and remove NAME: two entries of one person become one."""
    merged = common.open_gallery(common.settings()).merge(name, into)
    click.echo(f"{merged.name} has {text.count(merged.anchors, 'anchor')} now.")


@click.command()
@click.argument("name")
@click.option("--crops", type=click.Path(path_type=Path, file_okay=False), help="Folder to write kept crops to.")
def anchors(name: str, crops: Path | None) -> None:
    """List a person's anchors: number, day, where it came from."""
    gallery = common.open_gallery(common.settings())
    found = gallery.anchors(name)
    for one in found:
        click.echo(common.row([one.id, f"{one.created:%Y-%m-%d}", one.note]))
    if crops is not None:
        kept = [one.id for one in found if one.has_crop]
        crops.mkdir(parents=True, exist_ok=True)
        for anchor_id in kept:
            (crops / f"{anchor_id}.webp").write_bytes(gallery.crop(anchor_id))
        click.echo(f"{text.count(len(kept), 'crop')} of {len(found)} anchors written to {crops}.", err=True)


@click.command()
@click.argument("name")
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...", type=common.PHOTO)
@click.pass_context
def reject(context: click.Context, name: str, photos: tuple[Path, ...]) -> None:
    """Mark the face in each PHOTO as not NAME.

    It is kept as an embedding and weighs against NAME for faces like it, and only for these.
    """
    import numpy as np

    from app.errors import UnreadableImage

    settings = common.settings()
    recognizer = common.load_recognizer(settings)
    embeddings, notes = [], []
    for path in photos:
        try:
            probes = recognizer.extract_probes(photo_files.read_photo(path, settings.max_file_bytes))[1]
        except (UnreadableFile, UnreadableImage) as error:
            click.echo(common.row([common.shown(path), str(error)]), err=True)
            continue
        usable = [probe for probe in probes if probe.embedding is not None]
        if len(usable) == 1:
            embeddings.append(usable[0].embedding)
            notes.append(path.name)
        else:
            reason = f"{text.count(len(usable), 'face')} can be compared in it, and it needs exactly one."
            click.echo(common.row([common.shown(path), reason]), err=True)
    if embeddings:
        person = recognizer.gallery.reject_faces(name, np.stack(embeddings), notes)
        click.echo(f"{text.count(len(embeddings), 'face')} marked as not {person.name}.")
    context.exit(0 if len(embeddings) == len(photos) else 1)


@click.command()
@click.argument("name", required=False)
@click.option("--take-back", "ids", type=int, multiple=True, help="Let this one weigh no longer; can be repeated.")
def rejected(name: str | None, ids: tuple[int, ...]) -> None:
    """List faces marked as not NAME, or as not anybody: number, person, day, where it came from."""
    gallery = common.open_gallery(common.settings())
    if ids:
        gallery.remove_rejected_faces(ids)
    for one in gallery.rejected_faces(name):
        click.echo(common.row([one.id, one.person, f"{one.created:%Y-%m-%d}", one.note]))


@click.command()
@click.option("--times", default=1, show_default=True, type=click.IntRange(1), help="How many changes to undo.")
def undo(times: int) -> None:
    """Take back the last change to the gallery, whoever made it and on which door."""
    gallery = common.open_gallery(common.settings())
    for _ in range(times):
        click.echo(f"Undone: {gallery.undo()}.")


@click.command()
@click.option("--most", default=20, show_default=True, type=click.IntRange(1), help="How many to list.")
def history(most: int) -> None:
    """List the last changes, the newest first: number, time (UTC), what, and whether undo can take it back."""
    gallery = common.open_gallery(common.settings())
    for one in gallery.history(most):
        fate = "undone" if one.undone else "can be undone" if one.reversible else "stays"
        click.echo(common.row([one.id, f"{one.created:%Y-%m-%d %H:%M}", one.change, fate]))


@click.command()
def migrate() -> None:
    """Bring the tables of FACES_DATABASE_URL to this version of the program; SQLite does that by itself."""
    from app.gallery.opening import migrate_gallery

    done = migrate_gallery(common.settings().database_url)
    click.echo("The tables were brought to this version." if done else "The tables are of this version already.")


@click.command()
@click.option("--drop", is_flag=True, help="Let anchors without a kept crop, and rejected faces, be lost.")
def rebuild(drop: bool) -> None:
    """Bring the gallery to the network of FACES_MODEL: embed kept crops again, replace shipped anchors.

    Crops of another alignment are aligned again. The rebuild is done as a whole or not at all. Restart running
    servers afterwards: they hold the old network.
    """
    import io

    import numpy as np
    from PIL import Image

    from app.enrollment.enroll import lossless
    from app.gallery.rebuild import rebuild as build
    from app.recognition.inference import load_network
    from app.vision import alignment
    from app.vision.decoding import Picture
    from app.vision.detection import Detector

    settings = common.settings()
    network, detector = load_network(settings.model), Detector.from_settings(settings)

    def pixels(file: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))

    def embed(files: Sequence[bytes]) -> np.ndarray:
        return network.embed(np.stack([pixels(file) for file in files]))

    def realign(file: bytes) -> bytes:
        picture = pixels(file)
        face = detector.find_largest_face(Picture(picture))
        # Crops of every alignment so far have their eyes at the same place.
        return lossless(alignment.align(picture, alignment.EYES if face is None else face.landmarks))

    done = build(settings.database_url, network.card.id, settings.anchors, embed, drop, realign)
    if done is None:
        click.echo("The gallery belongs to this network already.")
    else:
        click.echo(
            f"{text.count(done.embedded, 'anchor')} embedded again, {done.shipped} replaced by shipped ones, "
            f"{done.lost} lost. Restart running servers."
        )
