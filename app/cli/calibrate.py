"""`calibrate`: what a distance is worth in one's own gallery, and how often a stranger would be named."""

from __future__ import annotations

from dataclasses import asdict

import click

from app import plural
from app.cli import common

DISTANCES = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
"""Class distances whose probability is told."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of sentences.")
def calibrate(as_json: bool) -> None:
    """Measure your own gallery: how often a stranger is named, and how likely a name is right at each distance.

    Uses the gallery's own anchors and the strangers' faces that ship with the network; nothing is changed.
    """
    from app import strangers
    from app.card import read_card
    from app.cli.progress import bar
    from app.cli.train import learning

    settings = common.settings()
    card = read_card(settings.model)
    faces = strangers.read(settings.model, card)
    snapshot = common.open_gallery(settings).snapshot()
    with learning(), bar(len(snapshot), "person") as progress:
        from app.training import odds

        found = odds.measure(snapshot, card.rules, faces, progress.update)
    right = {f"{distance:.2f}": found.right(distance) for distance in DISTANCES}
    if as_json:
        click.echo(common.json_line(asdict(found) | {"right": right}))
        return
    click.echo(f"{found.people} people, {plural.count(found.anchors, 'anchor')}. With the card's thresholds:")
    click.echo(f"  of {found.strangers} faces of strangers, {found.strangers_named:.2%} are given a name;")
    click.echo(f"  of the gallery's own, each taken out with all its person has, {found.left_out_named:.2%};")
    click.echo(f"  of the gallery's own, {found.named:.2%} their own name and {found.misnamed:.2%} another.")
    for share, limit in found.limits:
        click.echo(f"At most {share:.1%} of strangers have anybody under a distance of {limit:.3f}.")
    click.echo("How likely the closest person is the right one, if every second face is a stranger's:")
    for distance, chance in right.items():
        click.echo(f"  {distance}  {chance:.1%}")
