"""`train`: train the network on a folder of faces."""

from __future__ import annotations

from pathlib import Path

import click
from tqdm import tqdm

from app.cli import common
from app.cli.training_options import COLOR, FILE, FOLDER, VALUES, WORK, progress_bars


@click.command()
@click.argument("faces", metavar="FACES_FOLDER", type=FOLDER)
@WORK
@click.option("--images", default=400_000, show_default=True, help="Augmented faces the network sees in all.")
@click.option("--batch", default=64, show_default=True, help="Faces in one step.")
@click.option("--rate", default=0.1, show_default=True, help="Highest rate of learning.")
@click.option(
    "--decay",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.25,
    show_default=True,
    help="Share of the faces, at the end, over which the rate falls to zero; 1 where a trained network goes on.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Of the convolutions. auto: bfloat16 where the machine multiplies it by itself.",
)
@click.option("--seed", default=1, show_default=True, help="Of weights, order and augmentation.")
@click.option("--answers", type=FOLDER, help="A teacher's answers about blends of two faces, see: targets.")
@click.option(
    "--teacher",
    type=FILE,
    help="Instead, a teacher in an ONNX file, to be asked about blends while they are learnt from: for a GPU.",
)
@COLOR
@VALUES
@click.option(
    "--from",
    "cards",
    multiple=True,
    type=FILE,
    help="Card of a twin to begin with; of several twins of one layout, the mean of their weights.",
)
def train(
    faces: Path,
    work: Path,
    images: int,
    batch: int,
    rate: float,
    decay: float,
    precision: str,
    seed: int,
    answers: Path | None,
    teacher: Path | None,
    color: str,
    values: str,
    cards: tuple[Path, ...],
) -> None:
    """Train a network on FACES_FOLDER.

    Every folder of pictures below it is one person. An index.csv with landmarks and a targets.npy with a
    teacher's embeddings are used where they lie. Stop it with Ctrl-C whenever you like: the same
    command goes on from the last checkpoint. Then: ship.
    """
    if answers and teacher:
        raise click.UsageError("--teacher asks about blends itself: give it or --answers, not both.")
    settings = common.load_settings()
    with progress_bars() as progress:
        from app.recognition.model_card import TwinConfig, read_card, read_weights
        from app.training.data import answers as answered
        from app.training.data import tiles
        from app.training.fit import learner, loop
        from app.training.fit.graph import Graph
        from app.training.fit.initial_weights import learnt_from, mean, origin
        from app.training.fit.schedule import Plan
        from app.vision.detection import Detector

        detector = Detector.from_settings(settings)
        packed = tiles.pack(faces, work / "tiles", detector, lambda done, total: progress("reading faces", done, total))
    click.echo(f"{len(packed)} faces of {len(set(packed.identities))} people.")
    begin = [read_card(card) for card in cards]
    chosen = learner.precision_here() if precision == "auto" else precision
    taught = answered.read(packed, answers) if answers else None
    # Half precision keeps more digits of what a teacher says than bfloat16, and takes no longer.
    asked = Graph(teacher, color, values, "float32" if chosen == "float32" else "float16") if teacher else None
    plan = Plan(
        images=images,
        batch=batch,
        rate=rate,
        decay=decay,
        seed=seed,
        precision=chosen,
        seen_before=max((learnt_from(card) for card in begin), default=0),
        initial=tuple(origin(card) for card in begin),
    )
    with tqdm(total=images, unit="face", desc="training", dynamic_ncols=True) as bar:
        loop.train(
            packed,
            work / "run",
            plan,
            begin[0].twin if begin else TwinConfig(),
            lambda line: _show(bar, line),
            taught,
            mean([read_weights(*one) for one in zip(cards, begin, strict=True)]) if begin else None,
            asked,
        )
    click.echo(f"Trained. Next: python main.py ship {faces}")


def _show(bar: tqdm, line: dict) -> None:
    if not bar.n:
        # A run that goes on has made few of these faces since it started.
        bar.initial = bar.n = line["images"]
        bar.unpause()
        bar.start_t = bar.last_print_t
    bar.update(line["images"] - bar.n)
    losses = {name: f"{line[name]:.3f}" for name in ("distillation", "softmax", "contrastive", "spread")}
    if "validation" in line:
        bar.write(f"{line['images']} faces: validation pair accuracy {line['validation']:.1%}")
    bar.set_postfix(losses)
