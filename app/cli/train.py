"""`train`: train the network on a folder of faces."""

from pathlib import Path
from typing import Any

import click

from app.cli import common
from app.cli.training_options import FILE, FOLDER, GALLERY, WORK, progress_bars
from app.settings import Settings


@click.command(context_settings=common.renamed_options(batch="batch_size"))
@click.argument("faces", metavar="FACES_FOLDER", type=FOLDER)
@WORK
@GALLERY
@click.option("--steps", type=click.IntRange(2), default=6000, show_default=True, help="Optimizer steps.")
@click.option("--batch-size", type=click.IntRange(4), default=64, show_default=True, help="Faces in a step.")
@click.option("--learning-rate", default=1e-3, show_default=True, help="Peak learning rate.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Precision of the convolutions. bfloat16 is faster on GPUs.",
)
@click.option("--seed", default=1, show_default=True, help="Seed of weights, batches and augmentation.")
@click.option("--teacher", "teacher_card", type=FILE, help="Model card of a network to learn from (distillation).")
@click.option("--from", "initial_card", type=FILE, help="Model card of the initial weights. Default: random weights.")
def train(
    faces: Path, work: Path, gallery: str, teacher_card: Path | None, initial_card: Path | None, **options: Any
) -> None:
    """Train a network on FACES_FOLDER, which has one folder of pictures for each person.

    Ctrl-C stops the training. The same command resumes it from the last checkpoint. Next: ship.
    """
    settings = Settings()
    with progress_bars() as progress:
        from app.recognition.model_card import TwinConfig, read_card, read_weights
        from app.recognition.siamese import build_twin, set_weights
        from app.training.data import training_faces
        from app.training.fit import trainer
        from app.training.fit.plan import TrainingPlan
        from app.training.fit.student import PRECISIONS
        from app.vision.detection import Detector

        training_set = training_faces.load(faces, work, Detector.from_settings(settings), gallery, progress)
    click.echo(f"{len(training_set)} pictures of {len(set(training_set.identities))} people.")
    config, weights, teacher = TwinConfig(), None, None
    if initial_card:
        card = read_card(initial_card)
        config, weights = card.twin, read_weights(initial_card, card)
        pretrained = card.raw["training"].get("pretrained")
        origin = f": {pretrained['source']}, {pretrained['license']}" if pretrained else ""
        options["initial"] = f"{card.id}{origin}"
    if teacher_card:
        card = read_card(teacher_card)
        options["teacher"] = card.id
        teacher = build_twin(card.twin, PRECISIONS[options["precision"]])
        set_weights(teacher, read_weights(teacher_card, card))
    plan = TrainingPlan(checkpoint_steps=min(200, options["steps"]), **options)
    trainer.train(training_set, work / "run", plan, config, weights, teacher, click.echo)
    click.echo(f"Trained. Next: whopic ship {faces}")
