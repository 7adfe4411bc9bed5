"""`people check`: errors in the gallery that lead to wrong names, and what to do about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click

from app import text
from app.cli import common

if TYPE_CHECKING:
    from app.enrollment.gallery_check import Finding
    from app.gallery.store import Gallery

_SHOWN = 10


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all findings, shipped people included.")
@click.option(
    "--all", "everything", is_flag=True, help="All findings, shipped people included, not the first 10 of each kind."
)
@click.pass_context
def check(context: click.Context, as_json: bool, everything: bool) -> None:
    """Find errors among the people that you added or changed: bad anchors, people too alike, risky names.

    The shipped people are checked too, but only counted unless --all lists them. Exits with 1 if there is a
    finding about your own people, or with --all about anybody.
    """
    from app.cli.progress import bar
    from app.enrollment import gallery_check
    from app.recognition import impostor_faces
    from app.recognition.model_card import read_card

    settings = common.settings()
    card = read_card(settings.model)
    faces = impostor_faces.read_impostors(settings.model, card)
    gallery = common.open_gallery(settings)
    snapshot = gallery.snapshot()
    with bar(len(snapshot) + len(faces), "step") as progress:
        found = gallery_check.check(
            snapshot, card.rules.for_gallery(settings.fpir, snapshot.shifts), faces, progress.update
        )
    own_names = {person.name for person in gallery.added_people()}
    own = [_row(gallery, finding) for finding in found.findings if finding.concerns(own_names)]
    shipped = [finding for finding in found.findings if not finding.concerns(own_names)]
    if as_json:
        figures = {"people": found.people, "anchors": found.anchors, "strangers": found.impostors}
        rows = [row | {"shipped": False} for row in own]
        rows += [_row(gallery, finding) | {"shipped": True} for finding in shipped]
        click.echo(common.json_line(figures | {"strangers_named": found.strangers_named, "findings": rows}))
    else:
        _tell(own, everything)
        if everything and shipped:
            click.echo("Shipped people:")
            _tell([_row(gallery, finding) for finding in shipped], everything)
        elif shipped:
            click.echo(f"{text.count(len(shipped), 'finding')} about the shipped people; --all lists them.")
        click.echo(
            f"{text.count(found.people, 'person')}, "
            f"{text.count(found.anchors, 'anchor')}. Of {found.impostors} faces of unknown people, "
            f"{found.strangers_named:.2%} would be given a name."
        )
        if not found.people:
            click.echo(common.empty_gallery(), err=True)
    context.exit(1 if own or (everything and shipped) else 0)


def _tell(rows: Sequence[dict], everything: bool) -> None:
    for kind, group in groupby(rows, key=lambda row: row["kind"]):
        found = list(group)
        click.echo(f"{kind}: {len(found)}. {found[0]['advice']}")
        for row in found if everything else found[:_SHOWN]:
            numbers = ", ".join(map(str, row["anchors"]))
            anchors = f" anchor{'s' if len(row['anchors']) > 1 else ''} {numbers}" if numbers else ""
            click.echo(f"  {row['person']}{':' if numbers else ''}{anchors} {row['detail']}")
        if len(found) > _SHOWN and not everything:
            click.echo(f"  and {len(found) - _SHOWN} more: --all")


def _row(gallery: Gallery, finding: Finding) -> dict:
    """Return a finding as JSON has it, with the numbers of its anchors."""
    row = asdict(finding) | {"advice": finding.advice}
    anchors = gallery.anchors(finding.person) if finding.rows else []
    return row | {"anchors": [anchors[place].id for place in row.pop("rows")]}
