"""`train`, `ship` and `evaluate`: how the network and the gallery that ship are made and measured."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from tqdm import tqdm

from app.cli import common
from app.settings import ROOT

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
WORK = click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / ".training",
    help="Folder for checkpoints and cached crops; a later call goes on from there. Default: .training here.",
)
GALLERY = click.option(
    "--gallery", default="celebrities", show_default=True, help="Sub-folder whose people are the gallery's."
)
LFW = click.option(
    "--lfw",
    type=FOLDER,
    help="Folder of LFW's photos and pairs.txt. People with ten or more join the gallery, with half of their photos.",
)
ONNX = click.Path(path_type=Path, exists=True, dir_okay=False)
COLOR = click.option(
    "--color", type=click.Choice(["rgb", "bgr"]), default="rgb", show_default=True, help="Channels a teacher takes."
)
VALUES = click.option(
    "--values",
    type=click.Choice(["bytes", "unit"]),
    default="bytes",
    show_default=True,
    help="What a teacher takes: bytes from 0 to 255, or unit from -1 to 1.",
)


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
    type=ONNX,
    help="Instead, a teacher in an ONNX file, to be asked about blends while they are learnt from: for a GPU.",
)
@COLOR
@VALUES
@click.option(
    "--from",
    "cards",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
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
    with learning():
        from app.recognition.model_card import TwinConfig, read_card, read_weights
        from app.training.data import answers as answered
        from app.training.data import tiles
        from app.training.fit import learner, loop
        from app.training.fit.graph import Graph
        from app.training.fit.initial_weights import learnt_from, mean, origin
        from app.training.fit.schedule import Plan
        from app.vision.detection import Detector

        detector = Detector.from_settings(settings)
        with bars() as tick:
            packed = tiles.pack(faces, work / "tiles", detector, lambda done, total: tick("reading faces", done, total))
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


@click.command()
@click.argument("faces", metavar="FACES_FOLDER", type=FOLDER)
@WORK
@GALLERY
@LFW
@click.option("--model", type=click.Path(path_type=Path), help="Card to write; default: that of FACES_MODEL.")
@click.option("--anchors", type=click.Path(path_type=Path), help="Gallery to write; default: that of FACES_ANCHORS.")
@click.option("--data", default="", help="What the network was trained on, in words for the card.")
@click.option("--pretrained", type=ONNX, help="Ship these weights, an ONNX file such as SFace's, not the trained ones.")
@click.option("--source", default="", help="Where the pretrained file comes from, in words for the card.")
@click.option("--license", default="", help="License of the pretrained weights, for the card.")
def ship(
    faces: Path,
    work: Path,
    gallery: str,
    lfw: Path | None,
    model: Path | None,
    anchors: Path | None,
    data: str,
    pretrained: Path | None,
    source: str,
    license: str,
) -> None:
    """Write a card, weights and a gallery for the network that was trained, or for a pretrained one.

    Chooses anchors and every number that decides a verdict on faces the network was not trained on. A names.json
    in the gallery's folder says how folder names are spelled for people. Next: evaluate.
    """
    if pretrained and not (source and license):
        raise click.UsageError("--pretrained needs --source and --license: the model card names both.")
    settings = common.load_settings()
    model, anchors = model or settings.model, anchors or settings.anchors
    with learning(), bars() as tick:
        from app.training.data import tiles
        from app.training.release import export, release
        from app.training.release import pretrained as imported
        from app.vision.detection import Detector

        detector = Detector.from_settings(settings)
        if pretrained:
            weights, origin = imported.read_onnx(pretrained)
            about = imported.about(origin, source, license)
        else:
            weights, about = export.trained_weights(work / "run")
        network = export.provisional_network(weights, about)
        spelling = release.spelling_of(anchors)
        gathered = _gathered(faces, lfw, work, detector, network, gallery, spelling, tick)
        rules, floor, _ = release.calibrate(gathered, spelling, network, pretrained is not None, tick)
        raw = export.describe(about, data, crops_made_by=settings.detector)
        card = release.write(model, raw, weights, rules, floor)
        packed = tiles.pack(faces, work / "tiles", detector)
        release.write_impostors(model, card.id, gathered)
        release.write_gallery(anchors, card.id, gathered, spelling, floor, packed, detector, tick)
    click.echo(
        f"Wrote {model}, its weights, strangers, and the gallery {anchors}. Next: python main.py evaluate {faces}"
    )


@click.command()
@click.argument("faces", metavar="FACES_FOLDER", type=FOLDER)
@WORK
@GALLERY
@LFW
@click.option(
    "--robustness/--no-robustness",
    default=True,
    show_default=True,
    help="Also measure degraded photos: minutes.",
)
@click.option("--write/--no-write", default=True, show_default=True, help="Write the figures into the card.")
@click.option(
    "--report", type=click.Path(path_type=Path), help="Folder of the report. Default: report beside the card."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
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
    """Measure the shipped network and gallery on faces that neither has seen.

    Writes the figures into the model card, and a report with plots into a folder beside it. Figures that this call
    does not measure stay in the card. Own galleries, people not seen in training and photo comparisons need --lfw.
    """
    settings = common.load_settings()
    with learning(), bars() as tick, tempfile.TemporaryDirectory() as database:
        from app.recognition.recognizer import Recognizer
        from app.training.evaluation import measuring, report_files
        from app.training.evaluation import robustness as robust
        from app.training.release import release

        recognizer = Recognizer.load(replace(settings, database_url=f"sqlite:///{database}/gallery.sqlite"))
        detector, network = recognizer.detector, recognizer.network
        spelling = release.spelling_of(settings.anchors)
        gathered = _gathered(faces, lfw, work, detector, network, gallery, spelling, tick)
        figures, details = measuring.gallery(gathered, spelling, recognizer.gallery.snapshot(), network.card)
        if lfw:
            figures |= measuring.guests(gathered, network.card)
            figures["lfw"], more = measuring.lfw(lfw, work, detector, network, in_lfw(faces), tick)
            details |= more
        if robustness:
            figures["resent"] = robust.resent(gathered, spelling, recognizer, tick)
            figures["robustness"] = robust.measure(gathered, spelling, recognizer, tick)
            figures["tilt"] = robust.tilt(figures["robustness"])
        recognizer.gallery.close()
        card = network.card.raw | {"metrics": network.card.raw.get("metrics", {}) | figures}
        if write:
            settings.model.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if write or report:
            folder = report or settings.model.parent / "report"
            report_files.write(folder, card, details)
            click.echo(f"The report is {folder / 'report.md'}.", err=True)
    click.echo(json.dumps(figures, indent=2) if as_json else report_files.figures_table(figures))


@contextmanager
def learning() -> Iterator[None]:
    """Errors of training and data that are meant for a person end the program with their sentence."""
    from app.recognition.siamese import import_keras

    # First and quietly: training prints what it does itself, and TensorFlow's lines would break its bars.
    import_keras()
    try:
        yield
    except Exception as error:
        from app.errors import TrainingError

        if isinstance(error, TrainingError):
            raise click.ClickException(str(error)) from error
        raise


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for each thing that is done; yields the tick to call."""
    bars: dict[str, tqdm] = {}

    def tick(what: str, done: int, total: int) -> None:
        if what not in bars:
            # What an earlier call did is not this one's speed.
            bars[what] = tqdm(total=total, initial=max(0, done - 1), desc=what, dynamic_ncols=True, disable=None)
        bars[what].update(done - bars[what].n if done > bars[what].n else 0)

    try:
        yield tick
    finally:
        for bar in bars.values():
            bar.close()


def _show(bar: tqdm, line: dict) -> None:
    if not bar.n:
        # A run that goes on has made few of these faces since it started.
        bar.initial = bar.n = line["images"]
        bar.unpause()
        bar.start_t = bar.last_print_t
    bar.update(line["images"] - bar.n)
    losses = {name: f"{line[name]:.3f}" for name in ("distillation", "softmax", "contrastive", "spread")}
    if "validation" in line:
        bar.write(
            f"{line['images']} faces: {line['validation']:.1%} of the pairs of people who do not train told rightly."
        )
    bar.set_postfix(losses)


def _gathered(faces: Path, lfw: Path | None, work: Path, detector, network, gallery: str, spelling: dict, tick):
    """Return the faces that a gallery is made of and measured with, a `shipping.Faces`."""
    from app.training.data import unseen_people
    from app.training.release import release

    gathered = release.gather(faces, work, detector, network, gallery, tick)
    if lfw:
        gathered = unseen_people.invite(gathered, lfw, work, detector, network, in_lfw(faces), tick)
    return release.without_gallery_people(gathered, spelling)


def in_lfw(faces: Path) -> list[str]:
    """Return the LFW names of the gallery's people, from in_lfw.csv in the folder of faces."""
    path = faces / "in_lfw.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [row["lfw_name"] for row in csv.DictReader(stream)]
