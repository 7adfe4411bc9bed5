"""`calibrate`: identification rates of your own gallery, and thresholds that keep its FPIR."""

import json
from dataclasses import asdict

import click

from app import text
from app.cli import common
from app.settings import Settings


@click.command()
@click.option("--apply", "apply", is_flag=True, help="Use thresholds that keep the FPIR in this gallery.")
@click.option("--revert", is_flag=True, help="Use the thresholds of the network again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of sentences.")
def calibrate(apply: bool, revert: bool, as_json: bool) -> None:
    """Measure TPIR and FPIR in your gallery, and calibrate its thresholds.

    Each anchor is a probe against the other anchors of its person. Impostors are the faces that ship with the
    network, and the anchors of each person while that person is left out of the gallery. --apply shifts the
    thresholds so that both kinds of impostors keep the FPIR. A running server uses them from the next request on.
    """
    from app.cli.common import progress_bar
    from app.recognition import impostor_faces
    from app.recognition.model_card import read_card
    from app.training.calibration import own_gallery

    if apply and revert:
        raise click.UsageError("Give --apply or --revert, not both.")
    settings = Settings()
    card = read_card(settings.model)
    gallery = common.open_gallery(settings)
    if revert:
        gallery.shift_thresholds(())
        click.echo("The thresholds of the network are in use again.")
        return
    snapshot = gallery.snapshot()
    rules = card.rules.for_gallery(settings.fpir, snapshot.shifts)
    impostors = impostor_faces.read_impostors(settings.model, card)
    with progress_bar(len(snapshot), "person") as progress:
        rates = own_gallery.measure(snapshot, rules, impostors, progress.update)
    if as_json:
        click.echo(json.dumps(asdict(rates)))
    else:
        click.echo(
            f"{rates.people} people, {text.count(rates.anchors, 'anchor')}. With the FPIR set to {rates.fpir:.1%}:\n"
            f"  TPIR: {rates.tpir:.1%} of the anchors match their own person, {rates.misidentified:.1%} another one.\n"
            f"  FPIR: {rates.impostor_fpir:.2%} of {rates.impostors:,} impostor faces match a person.\n"
            f"  FPIR: {rates.left_out_fpir:.2%} of the anchors match if their person is left out of the gallery."
        )
        for fpir, shift in rates.shifts:
            if shift is None:
                click.echo(f"FPIR {fpir:.1%}: this gallery has too few faces. It needs {round(1 / fpir):,}.")
            else:
                click.echo(f"FPIR {fpir:.1%}: calibration moves the thresholds by {shift:+.3f}.")
    if apply:
        gallery.shift_thresholds([(fpir, shift) for fpir, shift in rates.shifts if shift is not None])
        click.echo("Applied. To revert: whopic calibrate --revert", err=as_json)
