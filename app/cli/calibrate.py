"""`calibrate`: identification rates of one's own gallery, and thresholds for it."""

from __future__ import annotations

from dataclasses import asdict

import click

from app import text
from app.cli import common


@click.command()
@click.option("--apply", "apply", is_flag=True, help="Use thresholds that keep the FPIR in this gallery.")
@click.option("--revert", is_flag=True, help="Use the thresholds of the network again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of sentences.")
def calibrate(apply: bool, revert: bool, as_json: bool) -> None:
    """Measure how often people are named in your gallery, rightly and wrongly.

    Probes are the gallery's own anchors, each compared with the others of its person. Impostors are the faces that
    ship with the network, and the anchors of each person while that person is taken out of the gallery. --apply
    shifts the thresholds so that the FPIR holds for both; a running server uses them from the next request on.
    """
    from app.cli.progress import progress_bar
    from app.errors import TrainingError
    from app.recognition import impostor_faces
    from app.recognition.model_card import read_card
    from app.training.calibration import gallery_rates

    if apply and revert:
        raise click.UsageError("Give --apply or --revert, not both.")
    settings = common.load_settings()
    card = read_card(settings.model)
    gallery = common.open_gallery(settings)
    if revert:
        gallery.shift_thresholds(())
        click.echo("The thresholds of the network are in use again.")
        return
    snapshot = gallery.snapshot()
    rules = card.rules.for_gallery(settings.fpir, snapshot.shifts)
    impostors = impostor_faces.read_impostors(settings.model, card)
    try:
        with progress_bar(len(snapshot), "person") as progress:
            found = gallery_rates.measure(snapshot, rules, impostors, progress.update)
    except TrainingError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(common.format_json(asdict(found)))
    else:
        _print(found)
    if apply:
        shifts = [(fpir, shift) for fpir, shift in found.shifts if shift is not None]
        gallery.shift_thresholds(shifts)
        click.echo("Applied. To take this back: python main.py calibrate --revert", err=as_json)


def _print(found) -> None:
    click.echo(f"{found.people} people, {text.count(found.anchors, 'anchor')}. At an FPIR of {found.fpir:.1%}:")
    click.echo(f"  {found.named:.1%} of the anchors get their own name, {found.misnamed:.1%} another one.")
    click.echo(f"  {found.impostors_named:.2%} of {found.impostors:,} faces of other people get a name.")
    click.echo(f"  {found.left_out_named:.2%} of the anchors get a name if their person is taken out of the gallery.")
    for fpir, shift in found.shifts:
        if shift is None:
            click.echo(f"For an FPIR of {fpir:.1%} this gallery has too few faces: {round(1 / fpir):,} are needed.")
        else:
            click.echo(f"For an FPIR of {fpir:.1%} the thresholds would move by {shift:+.3f}.")
