"""What each part of the learning gives: `.venv/bin/python -m bench.ablation FACES_FOLDER LFW_FOLDER [--images 57500]`.

Four networks on one short schedule from one seed, each with one part more than the last, measured on LFW's pairs and on
the held-out faces of the gallery's people; with what its training cost. A run that was cut off goes on.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from app.recognition.inference import Network
from app.recognition.model_card import TwinConfig
from app.settings import ROOT, Settings
from app.training.data import labeled_faces, tiles
from app.training.evaluation import measuring
from app.training.evaluation.judged import judged
from app.training.fit import loop
from app.training.fit.learner import precision_here
from app.training.fit.schedule import Plan
from app.training.release import export, release
from app.vision.detection import Detector

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def steps(plan: Plan, packed: tiles.TileSet) -> dict[str, tuple[Plan, tiles.TileSet]]:
    """The plan and the faces of each network; without a teacher the centers of the people are learnt."""
    untaught = replace(packed, targets=None)
    alone = replace(plan, augmented=False, softmax=0.0, contrastive=1.0)
    return {
        "contrastive loss": (alone, untaught),
        "+ margin softmax": (replace(alone, softmax=1.0, contrastive=plan.contrastive), untaught),
        "+ distillation": (replace(plan, augmented=False), packed),
        "+ augmentation": (plan, packed),
    }


def trained(folder: Path, plan: Plan, packed: tiles.TileSet) -> tuple[Network, float]:
    """A network, and the seconds that its training took in all calls together."""
    cost = folder / "seconds.json"
    before = json.loads(cost.read_text()) if cost.exists() else 0.0
    began = time.monotonic()
    try:
        loop.train(packed, folder, plan, TwinConfig())
    finally:
        spent = before + time.monotonic() - began
        cost.write_text(json.dumps(spent))
    return export.provisional_network(*export.trained_weights(folder)), spent


def measured(network: Network, faces: Path, lfw: Path, work: Path, detector: Detector) -> tuple[float, ...]:
    """Return the accuracy and TAR on LFW's pairs, and rank-1 and rank-5 of the gallery's test faces."""
    pairs, _ = measuring.lfw(lfw, work, detector, network, [])
    gathered = labeled_faces.load(faces, work, detector, network, "celebrities")
    snapshot, _ = release.choose_gallery(gathered, {}, network.card.quality)
    known = judged(gathered, np.flatnonzero(gathered.splits == "test"), {}, snapshot, network.card)
    five = [face.person in [row.person for row in face.ranking[:5]] for face in known]
    return pairs["accuracy"], pairs["tar_at_far_1e-3"], np.mean([face.right for face in known]), np.mean(five)


@click.command()
@click.argument("faces", type=FOLDER)
@click.argument("lfw", type=FOLDER)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=ROOT / ".training")
@click.option("--images", default=57_500, show_default=True, help="Augmented faces that each network sees.")
def main(faces: Path, lfw: Path, work: Path, images: int) -> None:
    """Train, measure and print."""
    detector = Detector.from_settings(Settings())
    packed = tiles.pack(faces, work / "tiles", detector)
    plan = Plan(images=images, precision=precision_here())
    print(f"{images} faces each")
    print(f"{'':<20}{'LFW':>7}{'TAR@1e-3':>10}{'rank-1':>8}{'rank-5':>8}{'minutes':>9}")
    for number, (name, (own, taught_by)) in enumerate(steps(plan, packed).items()):
        network, seconds = trained(work / "ablation" / f"{number}-{images}", own, taught_by)
        figures = measured(network, faces, lfw, work, detector)
        lfw_share, tar, first, five = (100 * figure for figure in figures)
        print(f"{name:<20}{lfw_share:>7.1f}{tar:>10.1f}{first:>8.1f}{five:>8.1f}{seconds / 60:>9.1f}", flush=True)


if __name__ == "__main__":
    main()
