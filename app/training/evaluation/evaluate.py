"""Evaluation of the shipped network and gallery: metrics for the model card, and details for the report.

No face was used for training or for the choice of thresholds, unless a metric says otherwise. Faces go through the
serving pipeline: detection, alignment, quality floor, ranking and verdict.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.gallery.snapshot import Snapshot
from app.recognition.evaluation_table import Metrics
from app.recognition.model_card import ModelCard
from app.training.data.crops import Pipeline
from app.training.data.labeled_faces import LEFT_OUT, UNSEEN, LabeledFaces
from app.training.evaluation import fairness, identification, verification
from app.training.evaluation.identification import distances_and_hits, rank_faces, tpir_curve
from app.training.evaluation.own_galleries import Collection, own_gallery_rates


def evaluate_gallery(faces: LabeledFaces, snapshot: Snapshot, card: ModelCard) -> tuple[Metrics, Metrics]:
    """Measure identification in the shipped gallery; return metrics for the card and details for the report."""
    celebrities, unseen, ordinary, famous = (
        rank_faces(faces, np.flatnonzero(faces.splits == split), snapshot, card)
        for split in ("test", "test-unseen", "test-impostor", "test-famous")
    )
    look_alikes = [face.as_impostor() for face in [*celebrities, *unseen]]
    kinds = {"ordinary": ordinary, "famous": famous, "look_alikes": look_alikes}
    by_source = fairness.rates_by_source(celebrities, ordinary, card.rules)
    by_person = fairness.rates_by_person(celebrities, [*ordinary, *look_alikes], card.rules)
    everyone = [face for face in [*celebrities, *unseen, *ordinary, *famous] if np.isfinite(face.distance)]
    metrics: Metrics = {
        "impostors": {name: identification.impostor_rates(kind, card.rules) for name, kind in kinds.items() if kind},
        "celebrities": identification.known_face_rates(celebrities, ordinary, card.rules),
        "reliability": identification.reliability_bins(*distances_and_hits(everyone)),
        "fairness": fairness.summarize(by_person, by_source),
    }
    curves = {"celebrities": (celebrities, ordinary), "celebrities, among look-alikes": (celebrities, look_alikes)}
    if unseen:
        metrics["unseen_people"] = identification.known_face_rates(unseen, ordinary, card.rules)
        curves["LFW people"] = (unseen, ordinary)
    points = {
        name: tpir_curve(*distances_and_hits(known), distances_and_hits(impostors)[0])
        for name, (known, impostors) in curves.items()
    }
    errors = fairness.frequent_errors(celebrities)
    return metrics, {"open_set_curves": points, "people": by_person, "frequent_errors": errors}


def evaluate_unseen_people(faces: LabeledFaces, card: ModelCard) -> Metrics:
    """Return `own_galleries` and `comparisons`, measured on people not seen in training alone."""
    collection = unseen_collection(faces, card)
    paired = collection.held_out[collection.usable[collection.held_out]]
    return {
        "own_galleries": own_gallery_rates(collection, card.rules),
        "comparisons": verification.comparison_rates(faces.embeddings[paired], faces.identities[paired], card.rules),
    }


def unseen_collection(faces: LabeledFaces, card: ModelCard) -> Collection:
    """Return the people not seen in training: those with enough pictures as members, the others as impostors."""
    usable = card.quality.accepts(faces.crops.qualities)
    is_unseen = np.char.startswith(faces.identities, f"{UNSEEN}/")
    groups = (("train", "test-unseen", LEFT_OUT), ("calibration-impostor", "test-impostor"), ("test-impostor",))
    members, impostors, held_out = (np.flatnonzero(is_unseen & np.isin(faces.splits, splits)) for splits in groups)
    return Collection(faces.embeddings, usable, faces.identities, members, impostors, held_out)


def evaluate_lfw(root: Path, excluded: Sequence[str], pipeline: Pipeline) -> tuple[Metrics, Metrics]:
    """Measure verification on the 6,000 pairs of LFW, also without the pairs of the `excluded` LFW names.

    Returns:
        Metrics for the card, and `roc` for the report.
    """
    pairs = verification.read_lfw_pairs(root)
    files = sorted({file for left, right, _ in pairs for file in (left, right)})
    crops, embeddings = pipeline.embed(root, files, "lfw")
    left = crops.positions([file for file, _, _ in pairs])
    right = crops.positions([file for _, file, _ in pairs])
    pair_distances = np.linalg.norm(embeddings[left] - embeddings[right], axis=1)
    pair_distances = np.where(crops.found[left] & crops.found[right], pair_distances, np.inf)
    is_different = np.array([different for _, _, different in pairs])
    kept = np.array([not {file.split("/")[0] for file in pair[:2]} & set(excluded) for pair in pairs])
    every, others = (pair_distances, is_different), (pair_distances[kept], is_different[kept])
    metrics = {"missed_faces": int((~crops.found).sum()), **verification.pair_metrics(*every)}
    metrics["without_celebrities"] = verification.pair_metrics(*others)
    return metrics, {"roc": {"all pairs": verification.roc(*every), "without celebrities": verification.roc(*others)}}
