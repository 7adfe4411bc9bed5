"""`library groups` and the commands that name, merge and separate groups of unknown faces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import batch, common, people_rights
from app.cli.common import print_line
from app.settings import Settings

if TYPE_CHECKING:
    from app.enrollment.enroll import Enrollment
    from app.library.groups import FaceGroup
    from app.library.search import FoundFace
    from app.library.store import Library

_FOLDER = click.argument("folder", metavar="LIBRARY", type=common.LIBRARY)
_NUMBER = click.argument("group", type=click.IntRange(1))
_OUTCOME = click.Choice(["duplicate", "unlike", "look_alike"])


@click.command()
@_FOLDER
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The largest groups only.")
@click.option("--suggest", "as_suggestions", is_flag=True, help="Pairs that may be the same person, instead of groups.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per row.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write all faces as CSV.")
def groups(folder: Path, limit: int, as_suggestions: bool, as_json: bool, csv_file: Path | None) -> None:
    """Group the unknown faces by person, the largest group first.

    Run it again after `library index`: new faces join the groups, whose numbers stay. Prints one row per group, from
    left to right:

    \b
        group, faces, photos, first and last date taken, up to three examples

    An example is PHOTO=NUMBER, the face counted from the left. --csv writes all faces of all groups.

    --suggest prints two groups, or a group and a person, per row, the most similar first. Answer with
    `library merge-groups`, `name-group` or `keep-apart`. Answered pairs are not listed again.
    """  # noqa: D301 (click needs the escaped character)
    from app.errors import LibraryLocked
    from app.library import export
    from app.library.groups import Grouping, group_faces, list_groups
    from app.library.store import Library

    if as_suggestions and csv_file:
        raise click.UsageError("--csv writes groups. Use --json with --suggest.")
    with Library.open(folder) as library:
        locked = False
        try:
            with library.lock(), common.status_line("Grouping"):
                found = group_faces(library)
        except LibraryLocked:
            found, locked = Grouping(), True
            message = "The groups are those of the last run of this command."
            click.echo(f"Another run is writing to {library.folder}. {message}", err=True)
        if found.groups or found.joined:
            message = (
                f"{text.count(found.groups, 'new group')}. {text.count(found.joined, 'face')} joined earlier groups."
            )
            click.echo(message, err=True)
        if as_suggestions:
            _print_suggestions(library, limit, as_json)
            return
        if csv_file:
            common.record_export("groups", ["csv"])
            export.write_groups_csv(library, csv_file)
            return
        listed = list_groups(library, limit)
        for group in listed:
            print_line(json.dumps(export.face_group(group)) if as_json else _row(group))
        if len(listed) == limit:
            click.echo(f"These are the {limit} largest groups. --limit lists more.", err=True)
        elif not listed and not locked:
            click.echo("No unknown person is in three photos or more.", err=True)


def _row(group: FaceGroup) -> str:
    dates = (_day(group.since), _day(group.until))
    return common.format_row((group.number, group.faces, group.photos, *dates, *map(_example, group.examples)))


def _day(date: str | None) -> str:
    return (date or "")[:10]


def _example(face: FoundFace) -> str:
    return f"{face.file}={face.number}"


def _print_suggestions(library: Library, limit: int, as_json: bool) -> None:
    from app.library import export
    from app.library.groups import list_groups
    from app.library.suggestions import STORED, store_suggestions

    # The pages of the library show them too.
    suggested = store_suggestions(library, max(limit, STORED))[:limit]
    numbers = {number for pair in suggested for number in (pair.group, pair.other) if number}
    examples = {group.number: group.examples[0] for group in list_groups(library, numbers=numbers)}
    for pair in suggested:
        if as_json:
            print_line(json.dumps(export.suggestion(pair)))
            continue
        other = _example(examples[pair.other]) if pair.other else ""
        row = (pair.group, pair.other or pair.person, f"{pair.score:.2f}", _example(examples[pair.group]), other)
        print_line(common.format_row(row))
    click.echo(f"{text.count(len(suggested), 'suggestion')}.", err=True)


@click.command("name-group")
@_FOLDER
@_NUMBER
@click.argument("name")
@click.option("--allow", multiple=True, type=_OUTCOME, help="Enroll faces with this outcome. Can be repeated.")
@click.option("--review", "only_review", is_flag=True, help="Print the outcomes and change nothing.")
@people_rights.record_options
def name_group(
    folder: Path, group: int, name: str, allow: Sequence[str], only_review: bool, **record: str | None
) -> None:
    """Name all faces of a group.

    Reads the clearest 24 faces again and reviews them like `people add`. The first 12 accepted ones become anchors of
    NAME, who is added to the gallery if necessary. All faces of the group are confirmed, and the other faces of the
    library are named again. `library undo` undoes it.

    --source, --basis, --reference, --date and --expires are the record of the person, see `people record`.
    """
    from app.library import group_naming
    from app.library.store import Library

    settings = Settings().for_local_files()
    with Library.open(folder) as library, library.lock():
        recognizer = common.load_recognizer(settings)
        library.audit = recognizer.gallery.audit
        library.check_origin_network(recognizer.network.card.id)
        if not only_review:
            recognizer.gallery.check_record(name, record)
        review = group_naming.review_group(library, recognizer, group, name)
        _print_outcomes(review.enrollment)
        if only_review:
            return
        review = review.allow(allow)
        review = group_naming.name_group(library, recognizer, review, record)
        enrollment = review.enrollment
        enrolled = text.count(enrollment.accepted, "face")
        click.echo(f"{text.count(len(review.faces), 'face')} named {enrollment.name}, {enrolled} enrolled.")
        if enrollment.check:
            click.echo(str(enrollment.check), err=True)
        report = batch.name_library(settings, library, recognizer.gallery)
        if report.named or report.renamed:
            click.echo(f"{text.count(report.named + report.renamed, 'other face')} named by the gallery of now.")


def _print_outcomes(enrollment: Enrollment) -> None:
    for photo in enrollment.photos:
        print_line(common.format_row([photo.file, photo.outcome, photo.reason]))
    if enrollment.warning:
        click.echo(enrollment.warning, err=True)


@click.command("merge-groups")
@_FOLDER
@_NUMBER
@click.argument("into", type=click.IntRange(1))
def merge_groups(folder: Path, group: int, into: int) -> None:
    """Give the faces of GROUP to the group INTO, since both show the same person."""
    from app.library import groups as face_groups

    with common.open_library(folder) as (library, _):
        face_groups.merge_groups(library, group, into)
        faces = len(face_groups.members(library, into))
    click.echo(f"Group {into} now has {text.count(faces, 'face')}.")


@click.command("keep-apart")
@_FOLDER
@_NUMBER
@click.argument("other", metavar="GROUP|NAME")
def keep_apart(folder: Path, group: int, other: str) -> None:
    """Record that a group and another group, or a person, are different people."""
    from app.library import decisions
    from app.library import groups as face_groups

    with common.open_library(folder) as (library, gallery):
        if other.isdecimal():
            face_groups.keep_apart(library, group, int(other))
            other = f"group {other}"
        else:
            other = common.gallery_name(gallery, other)
            decisions.reject(library, face_groups.members(library, group), other, group)
    click.echo(f"Group {group} and {other} are different people.")


COMMANDS = (groups, name_group, merge_groups, keep_apart)
