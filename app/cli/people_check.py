"""`people check` and `people show` commands: problems of the gallery, and how well one person is recognized."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

import click

from app import text
from app.cli import common
from app.settings import Settings

_MAX_SHOWN = 10


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print all findings as JSON, also about shipped people.")
@click.option("--all", "show_all", is_flag=True, help="Print all findings, also about shipped people.")
def check(as_json: bool, show_all: bool) -> None:
    """Check the people that you added or changed: outliers, duplicates, confused people and risky names.

    Prints the first 10 findings of each kind, and only counts those about shipped people. Exit code 1 if there are
    findings about your people, with --all about any person.
    """
    from app.enrollment.gallery_check import Finding, check_gallery
    from app.recognition.impostor_faces import read_impostors
    from app.recognition.model_card import read_card

    settings = Settings()
    card, gallery = read_card(settings.model), common.open_gallery(settings)
    snapshot = gallery.snapshot()
    rules = card.rules.for_gallery(settings.fpir, snapshot.shifts)
    with common.progress_bar(len(snapshot), "person") as bar:
        result = check_gallery(snapshot, rules, read_impostors(settings.model, card), bar.update)
    added = {person.name for person in gallery.added_people()}

    def describe(finding: Finding) -> dict[str, Any]:
        anchors = gallery.anchors(finding.person) if finding.rows else []
        fields = asdict(finding) | {"advice": finding.advice, "shipped": not finding.concerns(added)}
        return fields | {"anchors": [anchors[index].id for index in fields.pop("rows")]}

    own = [describe(finding) for finding in result.findings if finding.concerns(added)]
    shipped = [finding for finding in result.findings if not finding.concerns(added)]
    if as_json:
        click.echo(json.dumps(asdict(result) | {"findings": own + list(map(describe, shipped))}))
    else:
        _print_findings(own, show_all)
        if show_all and shipped:
            click.echo("Shipped people:")
            _print_findings(list(map(describe, shipped)), show_all)
        elif shipped:
            click.echo(f"{text.count(len(shipped), 'finding')} about shipped people. List them with --all.")
        click.echo(
            f"{text.count(result.people, 'person')}, {text.count(result.anchors, 'anchor')}. "
            f"Of {result.impostors} faces of unknown people, {result.measured_fpir:.2%} would get a name (FPIR)."
        )
        if not result.people:
            click.echo(common.empty_gallery(), err=True)
    sys.exit(1 if own or (show_all and shipped) else 0)


@click.command()
@click.argument("name")
def show(name: str) -> None:
    """Show a person: name, aliases, number of anchors, and how many of them are recognized when left out."""
    from app.enrollment.self_check import check_position
    from app.recognition.model_card import read_card

    settings = Settings()
    gallery = common.open_gallery(settings)
    person, snapshot = gallery.get(name), gallery.snapshot()
    click.echo(person.name)
    if person.aliases:
        click.echo(f"Also known as {', '.join(person.aliases)}")
    click.echo(text.count(person.anchors, "anchor"))
    if person.id in snapshot.ids:
        rules = read_card(settings.model).rules.for_gallery(settings.fpir, snapshot.shifts)
        click.echo(str(check_position(snapshot.ids.index(person.id), snapshot, rules)))


def _print_findings(rows: Sequence[dict[str, Any]], show_all: bool) -> None:
    for kind, group in groupby(rows, key=lambda row: row["kind"]):
        found = list(group)
        click.echo(f"{kind}: {len(found)}. {found[0]['advice']}")
        for row in found if show_all else found[:_MAX_SHOWN]:
            people = f"{row['person']} and {row['other']}" if row["other"] else row["person"]
            numbers = ", ".join(map(str, row["anchors"]))
            anchors = f"anchor{'s' if len(row['anchors']) > 1 else ''} {numbers} " if numbers else ""
            click.echo(f"  {people}: {anchors}{row['detail']}")
        if len(found) > _MAX_SHOWN and not show_all:
            click.echo(f"  and {len(found) - _MAX_SHOWN} more: --all")
