"""Evaluation of the shipped network and gallery: figures for the model card, and details for the report.

All faces are those that neither training nor the choice of thresholds has seen, unless a figure says otherwise. They
go through the detection, alignment, quality gate, ranking and verdicts that serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.gallery.snapshot import Snapshot
from app.recognition.inference import Network
from app.recognition.model_card import ModelCard
from app.training.data.crops import collect, embed
from app.training.data.labeled_faces import UNSEEN, LabeledFaces, Progress, no_progress
from app.training.evaluation import fairness, identification, reliability, verification
from app.training.evaluation.judged import arrays, judged
from app.vision.detection import Detector


def gallery(faces: LabeledFaces, spellings: dict[str, str], snapshot: Snapshot, card: ModelCard) -> tuple[dict, dict]:
    """Measure identification in the shipped gallery: known people, three kinds of impostors, reliability, fairness.

    Args:
        faces: as `shipping.gather` returns them, with or without guests.
        spellings: names by folder name.
        snapshot: the gallery.
        card: of the network.

    Returns:
        Figures for the card: `guests` where there are any, `impostors`, `celebrities`, `reliability` and `fairness`.
        Details: `open_set_curves`, `people`, `confusions`.
    """
    splits = ("test", "test-unseen", "test-impostor", "test-famous")
    celebrities, guests, ordinary, famous = (
        judged(faces, np.flatnonzero(faces.splits == split), spellings, snapshot, card) for split in splits
    )
    look_alikes = [face.left_out() for face in [*celebrities, *guests]]
    kinds = {"ordinary": ordinary, "famous": famous, "look_alikes": look_alikes}
    by_person = fairness.people(celebrities, [*ordinary, *look_alikes], card.rules)
    distances, right = arrays([*celebrities, *guests, *ordinary, *famous])
    seen = np.isfinite(distances)
    figures = {
        "impostors": {name: identification.impostor_faces(kind, card.rules) for name, kind in kinds.items() if kind},
        "celebrities": identification.known_faces(celebrities, ordinary, card.rules),
        "reliability": reliability.bins(distances[seen], right[seen]),
        "fairness": fairness.summary(by_person, fairness.sources(celebrities, ordinary, card.rules)),
    }
    curves = {"celebrities": identification.curve(celebrities, ordinary)}
    curves["celebrities, among look-alikes"] = identification.curve(celebrities, look_alikes)
    if guests:
        figures["guests"] = identification.known_faces(guests, ordinary, card.rules)
        curves["LFW people"] = identification.curve(guests, ordinary)
    return figures, {"open_set_curves": curves, "people": by_person, "confusions": fairness.confusions(celebrities)}


def guests(faces: LabeledFaces, card: ModelCard) -> dict:
    """Measure small galleries of the guests, and the comparison of two photos, on faces of the guests alone.

    Args:
        faces: with guests.
        card: of the network.

    Returns:
        `own_galleries` and `comparisons`.
    """
    collection = own_people(faces, card)
    pairs = collection.held_out[collection.usable[collection.held_out]]
    return {
        "own_galleries": identification.own_galleries(collection, card.rules),
        "comparisons": verification.comparisons(faces.embeddings[pairs], faces.identities[pairs], card.rules),
    }


def own_people(faces: LabeledFaces, card: ModelCard) -> identification.Collection:
    """Return the guests as a collection: those with enough pictures are members, the others impostors."""
    usable = card.quality.accepts(faces.crops.qualities)
    inside = np.char.startswith(faces.identities, f"{UNSEEN}/")
    members, impostors, held_out = (
        np.flatnonzero(inside & np.isin(faces.splits, splits))
        for splits in (("train", "test-unseen"), ("calibration-impostor", "test-impostor"), ("test-impostor",))
    )
    return identification.Collection(faces.embeddings, usable, faces.identities, members, impostors, held_out)


def lfw(
    root: Path,
    work: Path,
    detector: Detector,
    network: Network,
    left_out: Sequence[str],
    progress: Progress = no_progress,
) -> tuple[dict, dict]:
    """Measure verification on LFW's 6,000 pairs.

    Args:
        root: LFW's folder with pairs.txt.
        work: folder for the cached crops.
        detector: the one that serves.
        network: the one that serves.
        left_out: LFW names of the celebrities; the figures without their pairs are returned too.
        progress: called with the progress.

    Returns:
        Figures for the card, and details: `roc`, for all pairs and for those without celebrities.
    """
    pairs = verification.lfw_pairs(root)
    files = sorted({file for pair in pairs for file in pair[:2]})
    done = iter(range(1, len(files) + 1))
    crops = collect(
        root, files, detector, work / "lfw", lambda: progress("finding faces in LFW", next(done), len(files))
    )
    crops, embeddings = embed(network, crops, work / "lfw", lambda done, total: progress("embedding LFW", done, total))
    left, right = (crops.positions([pair[side] for pair in pairs]) for side in (0, 1))
    distances = np.linalg.norm(embeddings[left] - embeddings[right], axis=1)
    distances = np.where(crops.found[left] & crops.found[right], distances, np.inf)
    different = np.array([pair[2] for pair in pairs])
    others = np.array([not any(file.split("/")[0] in left_out for file in pair[:2]) for pair in pairs])
    figures = {"missed_faces": int((~crops.found).sum()), **_pairs(distances, different)}
    figures["without_celebrities"] = _pairs(distances[others], different[others])
    roc = {
        "all pairs": verification.roc(distances, different),
        "without celebrities": verification.roc(distances[others], different[others]),
    }
    return figures, {"roc": roc}


def _pairs(distances: np.ndarray, different: np.ndarray) -> dict:
    accuracy, error = verification.folds_accuracy(distances, different)
    tar = verification.tar_at_far(distances, different, 1e-3)
    return {"pairs": len(distances), "accuracy": accuracy, "standard_error": error, "tar_at_far_1e-3": tar}
