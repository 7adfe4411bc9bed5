"""`people check`: what makes names wrong in this gallery, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby

import click

from app import plural
from app.cli import common

_SHOWN = 10


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all findings.")
@click.option("--all", "everything", is_flag=True, help="All findings, instead of the first 10 of each kind.")
@click.pass_context
def check(context: click.Context, as_json: bool, everything: bool) -> None:
    """Tell what is wrong with the gallery: bad anchors, people too alike, names that strangers would get.

    Exits with 1 if anything was found.
    """
    from app import health, strangers
    from app.card import read_card
    from app.cli.progress import bar

    settings = common.settings()
    card = read_card(settings.model)
    faces = strangers.read(settings.model, card)
    gallery = common.open_gallery(settings)
    snapshot = gallery.snapshot()
    with bar(len(snapshot) + len(faces), "step") as progress:
        found = health.check(snapshot, card.rules, faces, progress.update)
    places = dict(zip(snapshot.names, snapshot.ids, strict=True))
    rows = []
    for one in found.findings:
        ids = [gallery.anchors(one.person)[row].id for row in one.rows] if one.person in places else []
        rows.append(asdict(one) | {"anchors": ids, "advice": one.advice})
    if as_json:
        figures = {"people": found.people, "anchors": found.anchors, "strangers": found.strangers}
        named = {"strangers_named": found.strangers_named}
        click.echo(common.json_line(figures | named | {"findings": [_without_rows(row) for row in rows]}))
    else:
        _tell(rows, everything)
        click.echo(
            f"{plural.count(found.people, 'person')}, "
            f"{plural.count(found.anchors, 'anchor')}. Of {found.strangers} faces of strangers, "
            f"{found.strangers_named:.2%} would be given a name."
        )
    context.exit(1 if rows else 0)


def _tell(rows: list[dict], everything: bool) -> None:
    for kind, group in groupby(rows, key=lambda row: row["kind"]):
        found = list(group)
        click.echo(f"{kind}: {len(found)}. {found[0]['advice']}")
        for row in found if everything else found[:_SHOWN]:
            numbers = ", ".join(map(str, row["anchors"]))
            anchors = f" anchor{'s' if len(row['anchors']) > 1 else ''} {numbers}" if numbers else ""
            click.echo(f"  {row['person']}{':' if numbers else ''}{anchors} {row['detail']}")
        if len(found) > _SHOWN and not everything:
            click.echo(f"  and {len(found) - _SHOWN} more: --all")


def _without_rows(row: dict) -> dict:
    return {name: value for name, value in row.items() if name != "rows"}
