"""`people` commands that change the gallery: remove, restore, rename, alias, merge, reject, undo, migrate, rebuild."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import common
from app.cli.people_rights import erase
from app.files import write_file
from app.settings import Settings

if TYPE_CHECKING:
    from app.gallery.store import Gallery

_ANCHORS = click.option("--anchor", "anchor_ids", type=int, multiple=True, help="Only this anchor. Can be repeated.")


@click.command(context_settings=common.renamed_options(now="purge"))
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--shipped", is_flag=True, help="Remove all people whose anchors are all from the shipped gallery.")
@_ANCHORS
@click.option("--purge", is_flag=True, help="Erase --shipped people or the --anchor for good. Others: people erase.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_context
def remove(
    context: click.Context,
    /,
    names: tuple[str, ...],
    shipped: bool,
    anchor_ids: tuple[int, ...],
    purge: bool,
    yes: bool,
) -> None:
    """Remove people with all their anchors and portraits, or single anchors of one person.

    All people are removed in one change, or none if a name is unknown. You can restore them for FACES_RECOVERY_DAYS.
    `people erase` erases people for good.
    """
    if bool(names) == shipped:
        raise click.UsageError("Give one or more names, or --shipped.")
    if anchor_ids and len(names) != 1:
        raise click.UsageError("Give one name with --anchor.")
    if purge and not anchor_ids and not shipped:
        click.echo("people remove --purge NAME is now people erase NAME. The old name works until version 2.", err=True)
        context.invoke(erase, names=names, libraries=(), sidecars=False, yes=yes)
        return
    gallery = common.open_gallery()
    if not yes and sys.stdin.isatty():
        if shipped:
            removal = text.count(len(gallery.shipped_people(removed=purge)), "shipped person")
        elif anchor_ids:
            removal = f"{text.count(len(anchor_ids), 'anchor')} of {names[0]}"
        else:
            people = {name: gallery.find(name) for name in names}
            removal = ", ".join(
                f"{person.name} with {text.count(person.anchors, 'anchor')}" if person else name
                for name, person in people.items()
            )
        click.confirm(f"Purge {removal}? This cannot be undone." if purge else f"Remove {removal}?", abort=True)
    done = "purged" if purge else "removed"
    if anchor_ids:
        person = gallery.remove_anchors(names[0], anchor_ids, purge)
        removed_anchors = f"{text.count(len(anchor_ids), 'anchor')} of {person.name}"
        click.echo(f"{removed_anchors} {done}. {text.count(person.anchors, 'anchor')} left.")
        _print_erasing_notice(gallery, purge)
        return
    removed = gallery.remove_shipped(purge) if shipped else gallery.remove_people(names)
    if not removed:
        click.echo(f"No person was {done}. The gallery has no shipped people.")
        return
    subjects = [text.count(len(removed), "shipped person")] if shipped else [f"{person.name} was" for person in removed]
    click.echo("\n".join(f"{subject} {done}." for subject in subjects))
    _print_erasing_notice(gallery, purge)
    if not purge:
        command = f"restore {removed[0].name!r}" if len(removed) == 1 else "undo"
        days = text.count(gallery.recovery_days, "day")
        click.echo(f"To bring them back within {days}: {common.program()} people {command}", err=True)


def _print_erasing_notice(gallery: Gallery, purge: bool) -> None:
    if purge and gallery.erasing_notice:
        click.echo(gallery.erasing_notice, err=True)


@click.command()
@click.argument("name")
@_ANCHORS
def restore(name: str, anchor_ids: tuple[int, ...]) -> None:
    """Restore a removed person, or removed anchors of a person."""
    gallery = common.open_gallery()
    person = gallery.restore_anchors(name, anchor_ids) if anchor_ids else gallery.restore(name)
    click.echo(f"{person.name} is in the gallery with {text.count(person.anchors, 'anchor')}.")


@click.command()
@click.argument("name")
@click.argument("new_name")
@click.option("--keep-alias", is_flag=True, help="Keep the former name as an alias.")
def rename(name: str, new_name: str, keep_alias: bool) -> None:
    """Rename a person. Anchors, portrait and aliases stay."""
    gallery = common.open_gallery()
    former = gallery.find(name)
    person = gallery.rename(name, new_name, keep_alias)
    click.echo(f"{former.name if former else name} is now called {person.name}.")
    if warning := gallery.name_warning(person.name):
        click.echo(warning, err=True)


@click.command()
@click.argument("name")
@click.argument("aliases", nargs=-1, metavar="[ALIAS...]")
@click.option("--remove", multiple=True, metavar="ALIAS", help="Remove this alias. Can be repeated.")
def alias(name: str, aliases: tuple[str, ...], remove: tuple[str, ...]) -> None:
    """Add aliases of NAME, such as nicknames, and list all of them.

    Searches, imports and commands find the person by their aliases too.
    """
    gallery = common.open_gallery()
    person = gallery.change_aliases(name, aliases, remove)
    click.echo("\n".join(person.aliases) or f"{person.name} has no alias.", err=not person.aliases)
    for warning in filter(None, map(gallery.name_warning, aliases)):
        click.echo(warning, err=True)


@click.command()
@click.argument("name")
@click.argument("into")
@click.option("--dry-run", is_flag=True, help="Show how alike the two people are, and change nothing.")
def merge(name: str, into: str, dry_run: bool) -> None:
    """Move the anchors of NAME to the person INTO, and remove NAME, which becomes an alias of INTO."""
    settings = Settings()
    gallery = common.open_gallery(settings)
    if dry_run:
        _preview_merge(gallery, settings, name, into)
        return
    person = gallery.merge(name, into)
    click.echo(f"{person.name} now has {text.count(person.anchors, 'anchor')}.")


def _preview_merge(gallery: Gallery, settings: Settings, name: str, into: str) -> None:
    from app.enrollment.merge_preview import preview_merge
    from app.recognition.model_card import read_card

    snapshot = gallery.snapshot()
    rules = read_card(settings.model).rules.for_gallery(settings.fpir, snapshot.shifts)
    preview = preview_merge(gallery, snapshot, rules, name, into)
    for person in (preview.source, preview.target):
        click.echo(common.format_row([person.name, person.anchors]))
    click.echo(f"{preview.similarity}\n{preview.result}\nNothing was changed.")


@click.command()
@click.argument("name")
@click.option("--crops", type=click.Path(path_type=Path, file_okay=False), help="Write kept face crops to this folder.")
def anchors(name: str, crops: Path | None) -> None:
    """List a person's anchors: number, date and file name."""
    gallery = common.open_gallery()
    found = gallery.anchors(name)
    for anchor in found:
        click.echo(common.format_row([anchor.id, f"{anchor.created:%Y-%m-%d}", anchor.note]))
    if crops is not None:
        crops.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = {anchor.id: crop for anchor in found if (crop := gallery.crop(anchor.id)) is not None}
        # First: data that leaves the gallery has an entry, also if the log cannot be written afterwards.
        gallery.audit.record("exported_crops", name, {"crops": len(kept)})
        for anchor_id, crop in kept.items():
            write_file(crops / f"{anchor_id}.webp", crop, private=True)
        click.echo(f"{text.count(len(kept), 'crop')} of {len(found)} anchors written to {crops}.", err=True)


@click.command()
@click.argument("name")
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...", type=common.PHOTO)
@click.option("--face", "choices", multiple=True, metavar="PHOTO=NUMBER", help="Reject this face of a photo.")
def reject(name: str, photos: tuple[Path, ...], choices: tuple[str, ...]) -> None:
    """Mark the face in each PHOTO as not NAME.

    Similar faces then get a larger distance to NAME. Only the face's embedding is stored.

    --face us.jpg=2 marks the second face from the left, as in `people add`.
    """
    import numpy as np

    from app.enrollment.face_choices import resolve_face_choices
    from app.enrollment.photo_review import choose_face, examine_photo

    numbers = resolve_face_choices(choices, [str(path) for path in photos])
    recognizer = common.load_recognizer(Settings())
    embeddings, notes = [], []
    for index, path in enumerate(photos):
        outcome = choose_face(examine_photo(recognizer, path.name, path), numbers.get(index))
        if outcome.face is not None:
            embeddings.append(outcome.face.embedding)
            notes.append(path.name)
        else:
            common.print_line(common.format_row([text.display_path(path), outcome.reason]), err=True)
    if embeddings:
        person = recognizer.gallery.reject_faces(name, np.stack(embeddings), notes)
        click.echo(f"{text.count(len(embeddings), 'face')} marked as not {person.name}.")
    sys.exit(0 if len(embeddings) == len(photos) else 1)


@click.command(context_settings=common.renamed_options(take_back="remove"))
@click.argument("name", required=False)
@click.option("--remove", "face_ids", type=int, multiple=True, help="Remove this rejected face. Can be repeated.")
def rejected(name: str | None, face_ids: tuple[int, ...]) -> None:
    """List the faces marked as not NAME, or all rejected faces: number, person, date and file name."""
    gallery = common.open_gallery()
    if face_ids:
        gallery.remove_rejected_faces(face_ids)
    for face in gallery.rejected_faces(name):
        click.echo(common.format_row([face.id, face.person, f"{face.created:%Y-%m-%d}", face.note]))


@click.command()
@click.option("--times", default=1, show_default=True, type=click.IntRange(1), help="Number of changes.")
def undo(times: int) -> None:
    """Undo the latest changes, from the command line, the web app or the API."""
    gallery = common.open_gallery()
    for _ in range(times):
        click.echo(f"Undone: {gallery.undo()}.")


@click.command(context_settings=common.renamed_options(most="limit"))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="Maximum number of changes.")
def history(limit: int) -> None:
    """List the latest changes, the newest first: number, time (UTC), description, state and actor."""
    for change in common.open_gallery().history(limit):
        state = "undone" if change.undone else "can be undone" if change.reversible else "permanent"
        row = [change.id, f"{change.created:%Y-%m-%d %H:%M}", change.change, state, change.actor or ""]
        click.echo(common.format_row(row))


@click.command()
def migrate() -> None:
    """Migrate the tables of FACES_DATABASE_URL to this version. SQLite is migrated automatically."""
    from app.gallery.database import migrate_gallery

    migrated = migrate_gallery(Settings().database_url)
    click.echo("The tables were migrated." if migrated else "The tables are up to date.")


@click.command()
@click.option(
    "--drop", is_flag=True, help="Delete anchors without a kept crop, rejected faces and faces of the opt-out list."
)
def rebuild(drop: bool) -> None:
    """Rebuild the gallery for the network of FACES_MODEL: embed kept crops again and replace shipped anchors.

    Crops of another alignment are aligned again. The rebuild is one transaction. Restart running servers afterwards.
    """
    from app.enrollment.crops import embed_crops, realign_crop
    from app.gallery.rebuild import rebuild as rebuild_gallery
    from app.recognition.inference import load_network
    from app.vision.detection import Detector

    settings = Settings()
    network = load_network(settings.model)
    embed, realign = partial(embed_crops, network), partial(realign_crop, Detector.from_settings(settings))
    report = rebuild_gallery(settings.database_url, network.card.id, settings.anchors, embed, drop, realign)
    if report is None:
        click.echo("The gallery already belongs to this network.")
    else:
        click.echo(
            f"{text.count(report.embedded, 'anchor')} embedded again, {report.shipped} replaced by shipped ones, "
            f"{report.lost} lost. Restart running servers."
        )


COMMANDS = (remove, restore, rename, alias, merge, anchors, reject, rejected, undo, history, migrate, rebuild)
