"""Who names more faces: `.venv/bin/python -m bench.accuracy FACES_FOLDER LFW_FOLDER [--people N] [--pairs N]`.

The network that ships beside `face_recognition` (dlib) on the same pictures: LFW's pairs, and a gallery of the same
anchors. Whoever misses a face has it wrong. What dlib answers is kept in `.bench/`, since it takes an hour.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from app import inference
from app.detection import Detector
from app.settings import ROOT, Settings
from app.training import evaluation, identification, shipping
from app.training.crops import collect, embed
from app.training.judged import Judged
from app.verdict import PersonDistance
from bench.rival import rival

KEPT = ROOT / ".bench" / "dlib.jsonl"
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def encodings(root: Path, files: Sequence[str]) -> np.ndarray:
    """Dlib's encoding of the largest face of each file: float64 (files, 128), NaN where it found none."""
    KEPT.parent.mkdir(exist_ok=True)
    known = {}
    if KEPT.exists():
        # A last line that was cut off while it was written is asked for again.
        lines = KEPT.read_text(encoding="utf-8").splitlines(keepends=True)
        known = dict(json.loads(line) for line in lines if line.endswith("\n"))
        KEPT.write_text("".join(line for line in lines if line.endswith("\n")), encoding="utf-8")
    missing = [file for file in files if file not in known]
    if missing:
        with rival() as dlib, KEPT.open("a", encoding="utf-8") as stream:
            for file in tqdm(missing, desc="dlib", unit="face", disable=None):
                found = dlib.ask(root / file).largest
                known[file] = None if found is None else found.round(6).tolist()
                stream.write(json.dumps([file, known[file]]) + "\n")
                stream.flush()
    return np.array([known[file] or [np.nan] * 128 for file in files])


def pairs(root: Path, count: int, ours: np.ndarray, theirs: np.ndarray, files: Sequence[str]) -> dict[str, str]:
    """Accuracy on the first `count` of LFW's pairs, each tenth in turn."""
    listed = evaluation.lfw_pairs(root)[:: max(1, 6000 // count)]
    places = {file: place for place, file in enumerate(files)}
    left, right = ([places[pair[side]] for pair in listed] for side in (0, 1))
    different = np.array([pair[2] for pair in listed])
    answers = {}
    for name, rows in (("ours", ours), ("dlib", theirs)):
        distances = np.linalg.norm(rows[left] - rows[right], axis=1)
        accuracy, error = evaluation.folds_accuracy(np.where(np.isnan(distances), np.inf, distances), different)
        answers[name] = f"{100 * accuracy:.1f} ± {100 * error:.1f}"
    return answers


def judged(rows: np.ndarray, identities: Sequence[str], anchors: dict[str, np.ndarray]) -> list[Judged]:
    """Each face with the closest people by the mean Euclidean distance to their anchors."""
    names = list(anchors)
    faces = []
    for row, identity in zip(rows, identities, strict=True):
        means = np.array([np.linalg.norm(own - row, axis=1).mean() for own in anchors.values()])
        order = [] if np.isnan(row).any() else np.argsort(means)[:2]
        ranking = tuple(PersonDistance(names[i], float(means[i]), 0.0, 0.0, len(anchors[names[i]])) for i in order)
        faces.append(Judged(identity, identity if identity in anchors else None, "", ranking, len(names)))
    return faces


def gallery(faces: shipping.Faces, people: int, rows: np.ndarray, shown: Sequence[int]) -> dict[str, str]:
    """Closed and open set over the same anchors, test faces and strangers, by one kind of embedding.

    Arguments:
        faces: as `shipping.gather` gives them.
        people: how many of the gallery's people.
        rows: float (len(shown), dims), NaN where no face was found.
        shown: places of the faces that `rows` are of.
    """
    place = {face: number for number, face in enumerate(shown)}
    anchors: dict[str, list] = {}
    for face in chosen(faces, people)[0]:
        if not np.isnan(rows[place[face]]).any():
            anchors.setdefault(str(faces.identities[face]), []).append(rows[place[face]])
    anchors = {name: np.array(own) for name, own in anchors.items()}
    known, strangers = (
        judged(rows[[place[face] for face in part]], faces.identities[list(part)], anchors)
        for part in chosen(faces, people)[1:]
    )
    found = {"first": f"{100 * np.mean([face.right for face in known]):.1f}"}
    for rate in identification.RATES:
        row = identification.at_rate(known, strangers, rate)
        found[f"named at {100 * rate:g} %"] = f"{100 * row['mean']:.1f} ± {100 * row['spread']:.1f}"
    return found


def chosen(faces: shipping.Faces, people: int) -> tuple[list[int], list[int], list[int]]:
    """Places of the anchors of the first `people` people, of their test faces, and of the strangers."""
    _, anchors = shipping.choose_gallery(faces, {}, shipping.QualityFloor(0.0, 0.0))
    anchors = anchors[:people]
    who = {str(faces.identities[own[0]]) for own in anchors}
    test = [face for face in np.flatnonzero(faces.splits == "test") if faces.identities[face] in who]
    return [int(face) for own in anchors for face in own], test, list(np.flatnonzero(faces.splits == "test-stranger"))


@click.command()
@click.argument("faces", type=FOLDER)
@click.argument("lfw", type=FOLDER)
@click.option("--people", default=401, show_default=True, help="People in the gallery.")
@click.option("--pairs", "count", default=6000, show_default=True, help="Pairs of LFW.")
@click.option("--work", type=FOLDER, default=ROOT / ".training", help="Where `ship` left its crops.")
def main(faces: Path, lfw: Path, people: int, count: int, work: Path) -> None:
    """Measure and print."""
    settings = Settings.from_environment()
    detector, network = Detector.from_settings(settings), inference.load_network(settings.model)
    files = sorted({file for pair in evaluation.lfw_pairs(lfw) for file in pair[:2]})
    crops = collect(lfw, files, detector, work / "lfw")
    ours = np.where(crops.found[:, None], embed(network, crops, work / "lfw"), np.nan)
    needed = sorted({file for pair in evaluation.lfw_pairs(lfw)[:: max(1, 6000 // count)] for file in pair[:2]})
    theirs = np.full((len(files), 128), np.nan)
    theirs[[files.index(file) for file in needed]] = encodings(lfw, needed)
    rows = {f"LFW, {count:,} pairs": pairs(lfw, count, ours, theirs, files)}
    gathered = shipping.gather(faces, work, detector, network, "celebrities")
    shown = sorted({face for part in chosen(gathered, people) for face in part})
    own = np.where(gathered.crops.found[shown, None], gathered.embeddings[shown], np.nan)
    other = encodings(faces, [gathered.crops.files[face] for face in shown])
    by_kind = {"ours": gallery(gathered, people, own, shown), "dlib": gallery(gathered, people, other, shown)}
    for what in by_kind["ours"]:
        rows[f"{people} people, {what}"] = {kind: figures[what] for kind, figures in by_kind.items()}
    print(f"{'%':<32} {'this network':>14} {'dlib':>14}")
    for what, figures in rows.items():
        print(f"{what:<32} {figures['ours']:>14} {figures['dlib']:>14}")


if __name__ == "__main__":
    main()
