"""Constants that depend on the network: `.venv/bin/python -m bench.embeddings COMMAND`.

`copies` checks `photo_comparison.DUPLICATE_COSINE` and `scoring.SAME_PICTURE`, `outliers` the findings of `people
check`, and `rejected` the effect of marking a face as *not this person*. These commands need the crops and embeddings
that `main.py ship` cached in .training. `arithmetic` compares 8-bit with floating-point embeddings on LFW.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np

from app.arrays import AnyArray, FloatArray, TextArray
from app.enrollment.gallery_check import check_anchors
from app.enrollment.photo_comparison import DUPLICATE_COSINE
from app.gallery import shipped
from app.gallery.snapshot import RejectedFaces, Snapshot
from app.recognition import inference
from app.recognition.decision import Rules
from app.recognition.model_card import read_card
from app.recognition.scoring import SAME_PICTURE, rank
from app.settings import ROOT, Settings
from app.training.data import labeled_faces
from app.training.data.crops import collect, embed, fingerprint
from app.training.data.labeled_faces import person_name, read_spellings
from app.training.data.splits import split_of
from app.training.evaluation.own_galleries import Collection, own_gallery_rates
from app.training.evaluation.robustness import compress
from app.vision import alignment
from app.vision.detection import Detector
from bench.common import FOLDER

COSINES = (0.65, SAME_PICTURE, 0.9, 0.95, DUPLICATE_COSINE)
MEMBER_PICTURES = 16
ANCHOR_COUNTS = (5, 10, 32, 1000)
IMPOSTORS = ("calibration-impostor", "test-impostor")
WORK = click.option(
    "--work", type=click.Path(path_type=Path, file_okay=False), default=ROOT / ".training", help="Work folder of ship."
)


@click.group()
def main() -> None:
    """Measure constants that depend on the network."""


def load_embeddings(crops: Path, weights: dict[str, AnyArray], *splits: str) -> tuple[TextArray, FloatArray]:
    """Return the folder of each detected face's person, and float32 (faces, dims) of unit length.

    Args:
        crops: Folder of cached crops.
        weights: Weights of the network that embedded them.
        splits: Splits to return. Default: all faces.
    """
    path = crops / f"vectors-{fingerprint(weights)}.npy"
    if not path.exists():
        raise SystemExit(f"{crops} has no embeddings of this network. Run whopic ship FACES_FOLDER.")
    files = np.array((crops / "about.txt").read_text(encoding="utf-8").split("\n")[2:])
    people = np.array([file.rpartition("/")[0] for file in files])
    embeddings = inference.to_unit_length(np.load(path))
    chosen = embeddings.any(axis=1)
    if splits:
        chosen &= np.array([split_of(*row) in splits for row in zip(people, files, strict=True)])
    return people[chosen], embeddings[chosen]


def shrink(face: np.ndarray, side: int) -> np.ndarray:
    """Return a crop reduced to `side` pixels and enlarged again: uint8 (112, 112, 3)."""
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (alignment.SIZE, alignment.SIZE), interpolation=cv2.INTER_LINEAR)


COPIES = {
    "75 pixels wide": partial(shrink, side=75),
    "56 pixels wide": partial(shrink, side=56),
    "JPEG quality 60": partial(compress, quality=60),
    "JPEG quality 30": partial(compress, quality=30),
}


def closest_of_person(folder: Path, weights: dict[str, AnyArray]) -> AnyArray:
    """Return the cosine of each picture to the closest other picture of its person: (pictures,)."""
    people, embeddings = load_embeddings(folder, weights)
    found: list[float] = []
    for person in np.unique(people[~np.char.startswith(people, "people/")]):  # Impostors are below people/.
        own = embeddings[people == person]
        if len(own) > 1:
            found += (own @ own.T - 2 * np.eye(len(own))).max(axis=1).tolist()
    return np.array(found)


@main.command()
@WORK
@click.option("--faces", "count", default=400, show_default=True, help="Pictures that are copied.")
def copies(work: Path, count: int) -> None:
    """Print shares of cosines over limits: of other pictures, of impostors, and of degraded copies."""
    network = inference.load_network(Settings().model)
    anchors = shipped.read(Settings().anchors).snapshot().anchors
    _, impostors = load_embeddings(work / "crops", network.weights, *IMPOSTORS)
    rows = {
        "closest other of the person": closest_of_person(work / "crops", network.weights),
        "closest other of the person, LFW": closest_of_person(work / "unseen", network.weights),
        "impostor, closest anchor": (impostors @ anchors.T).max(axis=1),
    }
    crops = np.load(work / "crops" / "crops.npy", mmap_mode="r")
    faces = np.array([crops[position] for position in np.linspace(0, len(crops) - 1, count).astype(int)])
    faces = faces[faces.any(axis=(1, 2, 3))]
    originals = network.embed(faces)
    for name, degrade in COPIES.items():
        degraded = network.embed(np.stack([degrade(face) for face in faces]))
        rows[f"copy, {name}"] = (originals * degraded).sum(axis=1)
    click.echo(f"{'cosine over':<34}" + "".join(f"{limit:>9}" for limit in COSINES))
    for name, cosines in rows.items():
        click.echo(f"{name:<34}" + "".join(f"{(cosines > limit).mean():>9.1%}" for limit in COSINES))


@main.command()
@WORK
@click.option("--share", default=0.05, show_default=True, help="Share of wrong labels.")
def outliers(work: Path, share: float) -> None:
    """Replace some faces of each person by faces of others, and print precision and recall of `people check`."""
    network = inference.load_network(Settings().model)
    people, embeddings = load_embeddings(work / "crops", network.weights, "train")
    rng = np.random.default_rng(1)
    click.echo(f"{len(people)} faces of {len(set(people))} people; {share:.0%} of the labels are wrong\n")
    click.echo("anchors  planted   found  precision  recall")
    for count in ANCHOR_COUNTS:
        planted = found = correct = 0
        for person in sorted(set(people)):
            own = rng.permutation(np.flatnonzero(people == person))[:count]
            is_wrong = rng.random(len(own)) < share
            rows = own.copy()
            rows[is_wrong] = rng.choice(np.flatnonzero(people != person), is_wrong.sum())
            findings = check_anchors(person, embeddings[rows], network.card.rules)
            reported = [finding.rows[0] for finding in findings if finding.kind == "outlier"]
            planted += int(is_wrong.sum())
            found += len(reported)
            correct += int(is_wrong[reported].sum())
        click.echo(f"{count:7} {planted:8} {found:7} {correct / found:10.3f} {correct / planted:7.3f}")


@main.command()
@WORK
def rejected(work: Path) -> None:
    """Mark each impostor's face as not its closest person, and count which other faces the mark keeps away."""
    settings = Settings()
    rules, snapshot = read_card(settings.model).rules, shipped.read(settings.anchors).snapshot()
    weights = inference.load_network(settings.model).weights
    spellings = read_spellings(settings.anchors)
    impostors, impostor_faces = load_embeddings(work / "crops", weights, *IMPOSTORS)
    people, known_faces = load_embeddings(work / "crops", weights, "calibration", "test")
    positions = {name: position for position, name in enumerate(snapshot.names)}
    owners = np.array([positions.get(person_name(person, spellings), -1) for person in people])
    matched = owners == np.array([positions[rank(face, snapshot, rules.head)[0].person] for face in known_faces])
    closest = np.array([positions[rank(face, snapshot, rules.head)[0].person] for face in impostor_faces])
    marks = kept_away = others = lost = own = 0
    for number, person in enumerate(closest):
        same = np.flatnonzero((impostors == impostors[number]) & (closest == person))
        same = same[same != number]
        if len(same):
            correct = np.flatnonzero(matched & (owners == person))
            marks, others, own = marks + 1, others + len(same), own + len(correct)
            kept_away += count_rejected(impostor_faces[same], person, snapshot, impostor_faces[number], rules)
            lost += count_rejected(known_faces[correct], person, snapshot, impostor_faces[number], rules)
    click.echo(f"{marks} faces of impostors, marked as not the person they are closest to")
    click.echo(f"the impostors' other faces kept away  {kept_away:5} of {others:5}   {kept_away / others:.1%}")
    click.echo(f"the people's own faces lost           {lost:5} of {own:5}   {lost / own:.2%}")


def count_rejected(probes: FloatArray, person: int, snapshot: Snapshot, face: FloatArray, rules: Rules) -> int:
    """Count the probes whose distance to a person is raised by a rejected face."""
    counts = np.array([0, snapshot.counts[person]])
    alone = Snapshot(
        (snapshot.names[person],), (0,), snapshot.person(person), counts, 0, RejectedFaces((0,), face[None])
    )
    return sum(rank(probe, alone, rules.head)[0].rejected for probe in probes)


@main.command()
@click.argument("lfw", type=FOLDER)
@WORK
def arithmetic(lfw: Path, work: Path) -> None:
    """Compare 8-bit with floating-point embeddings: cosine, and TPIR in own galleries of people of LFW.

    The members have ten or more pictures, of which up to 16 are used. Every third picture of other people is an
    impostor.
    """
    settings = Settings()
    numbers: Counter[str] = Counter()
    files = []
    members, others = labeled_faces.list_lfw_pictures(lfw, ())
    for file in sorted(members):
        person = file.rpartition("/")[0]
        numbers[person] += 1
        files += [file] if numbers[person] <= MEMBER_PICTURES else []
    count = len(files)
    files += sorted(others)[::3]
    crops = collect(lfw, files, Detector.from_settings(settings), work / "arithmetic")
    exact = inference.load_network(settings.model)
    networks = {"8 bits": exact, "float": inference.Network(exact.weights, exact.card, "f32")}
    people, impostors = np.array([file.rpartition("/")[0] for file in files]), np.arange(count, len(files))
    found = {}
    for name, network in networks.items():
        embedded, found[name] = embed(network, crops, work / "arithmetic")
        usable = network.card.quality.accepts(embedded.qualities)
        faces = Collection(found[name], usable, people, np.arange(count), impostors, impostors)
        click.echo(f"{name}: {usable.sum()} of {len(files)} faces usable; TPIR at FPIR 1 / 0.3 / 0.1 %, and spread")
        for row in own_gallery_rates(faces)["rows"]:
            cells = "  ".join(f"{rate['tpir']:7.2%} ± {rate['spread']:.2%}" for rate in row["rates"])
            click.echo(f"{row['enrolled']:>4} enrolled, {row['probes']} probes  {cells}")
    cosines = (found["8 bits"] * found["float"]).sum(axis=1)[crops.found]
    click.echo(f"cosine of both: mean {cosines.mean():.4f}, smallest {cosines.min():.4f}")


if __name__ == "__main__":
    main()
