"""`evaluate`: measure the shipped network and gallery, and write metrics and report."""

import json
import tempfile
from pathlib import Path

import click

from app.cli.training_options import FOLDER, GALLERY, LFW, OUTPUT, WORK, progress_bars
from app.files import write_file
from app.settings import Settings


@click.command()
@click.argument("faces", metavar="FACES_FOLDER", type=FOLDER)
@WORK
@GALLERY
@LFW
@click.option("--robustness/--no-robustness", default=True, help="Also measure degraded photos, in minutes.")
@click.option("--write/--no-write", default=True, help="Write the metrics into the model card. Default: write.")
@click.option("--report", "folder", type=OUTPUT, help="Report folder. Default: report, by the card.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def evaluate(
    faces: Path,
    work: Path,
    gallery: str,
    lfw: Path | None,
    robustness: bool,
    write: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Measure the shipped network and gallery on held-out faces.

    Writes the metrics into the model card, and a report with plots. Metrics that this call does not measure stay in
    the card. Own galleries, people not seen in training and photo comparisons need --lfw.
    """
    settings = Settings()
    with progress_bars() as progress, tempfile.TemporaryDirectory() as database:
        from app.recognition.evaluation_table import format_table
        from app.recognition.recognizer import Recognizer
        from app.training.data import labeled_faces
        from app.training.data.crops import Pipeline
        from app.training.evaluation import evaluate as evaluation
        from app.training.evaluation import report
        from app.training.evaluation import robustness as robustness_rates

        recognizer = Recognizer.load(settings.with_changes(database_url=f"sqlite:///{database}/gallery.sqlite"))
        network = recognizer.network
        pipeline = Pipeline(recognizer.detector, network, work, progress)
        loaded = labeled_faces.load(faces, lfw, gallery, settings.anchors, pipeline)
        metrics, details = evaluation.evaluate_gallery(loaded, recognizer.gallery.snapshot(), network.card)
        if lfw:
            metrics |= evaluation.evaluate_unseen_people(loaded, network.card)
            metrics["lfw"], roc = evaluation.evaluate_lfw(lfw, labeled_faces.lfw_names(faces), pipeline)
            details |= roc
        if robustness:
            metrics["resent"] = robustness_rates.resent_rates(loaded, recognizer, progress)
            metrics["robustness"] = robustness_rates.degraded_rates(loaded, recognizer, progress)
            metrics["tilt"] = robustness_rates.tilt_rates(metrics["robustness"])
        recognizer.gallery.close()
        card = network.card.raw | {"metrics": network.card.raw.get("metrics", {}) | metrics}
        if write:
            write_file(settings.model, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
        if write or folder:
            folder = folder or settings.model.parent / "report"
            report.write(folder, card, details)
            click.echo(f"The report is {folder / 'report.md'}.", err=True)
    click.echo(json.dumps(metrics, indent=2) if as_json else format_table(metrics))
