"""`evaluate`: measure the shipped network and gallery, and write the model card's figures and the report."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from app.cli import common
from app.cli.training_options import FOLDER, GALLERY, LFW, WORK, progress_bars


@click.command()
@click.argument("faces", metavar="FACES_FOLDER", type=FOLDER)
@WORK
@GALLERY
@LFW
@click.option(
    "--robustness/--no-robustness", default=True, show_default=True, help="Also measure degraded photos, in minutes."
)
@click.option("--write/--no-write", default=True, show_default=True, help="Write the figures into the model card.")
@click.option("--report", type=click.Path(path_type=Path), help="Folder of the report. Default: report, by the card.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def evaluate(
    faces: Path,
    work: Path,
    gallery: str,
    lfw: Path | None,
    robustness: bool,
    write: bool,
    report: Path | None,
    as_json: bool,
) -> None:
    """Measure the shipped network and gallery on held-out faces.

    Writes the figures into the model card, and a report with plots. Figures that this call does not measure stay in
    the card. Own galleries, people not seen in training and photo comparisons need --lfw.
    """
    settings = common.load_settings()
    with progress_bars() as progress, tempfile.TemporaryDirectory() as database:
        from app.recognition import evaluation_figures
        from app.recognition.recognizer import Recognizer
        from app.training.data import labeled_faces, unseen_people
        from app.training.evaluation import measuring, report_files
        from app.training.evaluation import robustness as robust

        recognizer = Recognizer.load(settings.with_changes(database_url=f"sqlite:///{database}/gallery.sqlite"))
        detector, network = recognizer.detector, recognizer.network
        spellings = labeled_faces.read_spellings(settings.anchors)
        loaded = unseen_people.load_with_unseen(faces, lfw, work, detector, network, gallery, spellings, progress)
        figures, details = measuring.gallery(loaded, spellings, recognizer.gallery.snapshot(), network.card)
        if lfw:
            figures |= measuring.guests(loaded, network.card)
            excluded = labeled_faces.lfw_names(faces)
            figures["lfw"], more = measuring.lfw(lfw, work, detector, network, excluded, progress)
            details |= more
        if robustness:
            figures["resent"] = robust.resent(loaded, spellings, recognizer, progress)
            figures["robustness"] = robust.measure(loaded, spellings, recognizer, progress)
            figures["tilt"] = robust.tilt(figures["robustness"])
        recognizer.gallery.close()
        card = network.card.raw | {"metrics": network.card.raw.get("metrics", {}) | figures}
        if write:
            settings.model.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if write or report:
            folder = report or settings.model.parent / "report"
            report_files.write(folder, card, details)
            click.echo(f"The report is {folder / 'report.md'}.", err=True)
    click.echo(json.dumps(figures, indent=2) if as_json else evaluation_figures.figures_table(figures))
