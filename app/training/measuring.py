"""Everything that `evaluate` measures, in two parts: figures for the card, and details for the report folder.

All of it on faces that neither training nor the choice of thresholds has seen, with the crops, ranking and verdicts
that serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.detection import Detector
from app.gallery.snapshot import Snapshot
from app.training import calibration, evaluation, fairness, identification, reliability
from app.training.crops import collect, embed
from app.training.judged import Judged, judged
from app.training.shipping import Faces, Tick, person_of, quiet
from app.verdict import Rules


def gallery(faces: Faces, spelling: dict[str, str], snapshot: Snapshot, rules: Rules) -> tuple[dict, dict]:
    """Open set, closed set, reliability and fairness on test faces.

    Arguments:
        faces: as `shipping.gather` gives them.
        spelling: names by folder name.
        snapshot: the gallery.
        rules: of the card.

    Returns:
        Figures for the card, and details: `open_set_curves`, `people`, `confusions`.
    """
    known, others = faces.of("test"), faces.of("test-stranger")
    seen, strangers = (judged(faces, places, spelling, snapshot, rules.head) for places in (known, others))
    names = [face.person for face in seen]
    missed = np.flatnonzero((faces.splits == "test") & ~faces.crops.found)
    tested = seen + judged(faces, missed, spelling, snapshot, rules.head)
    # Every known face is a stranger too, in the gallery without its person.
    left_out = [face.left_out() for face in seen]
    by_person = fairness.people(tested, [*strangers, *left_out], rules)
    embeddings = faces.embeddings[known]
    figures = {
        "open_set": evaluation.open_set(faces.embeddings[others], snapshot, rules),
        "closed_set": evaluation.closed_set(embeddings, names, len(missed), snapshot, rules),
        "reliability": reliability.measure(embeddings, np.array(names), faces.embeddings[others], snapshot, rules.head),
        "identification": {
            "strangers": [identification.at_rate(tested, strangers, rate) for rate in identification.RATES],
            "celebrities_left_out": _left_out(left_out, tested, rules),
        },
        "galleries": galleries(embeddings, np.array(names), faces.embeddings[others], snapshot, rules),
        "fairness": fairness.summary(by_person, fairness.sources(tested, strangers, rules)),
    }
    guests = faces.of("guest")
    if len(guests):
        whose = [person_of(identity, spelling) for identity in faces.identities[guests]]
        missed_guests = faces.missed("guest")
        figures["guests"] = evaluation.closed_set(faces.embeddings[guests], whose, missed_guests, snapshot, rules)
        # The network has not learnt from them either.
        unlearnt = [face.left_out() for face in judged(faces, guests, spelling, snapshot, rules.head)]
        figures["identification"]["guests_left_out"] = _left_out(unlearnt, tested, rules)
    four = [i for i, name in enumerate(names) if name in evaluation.FOUR]
    if four:
        small = evaluation.among(snapshot, evaluation.FOUR)
        lost = sum(face.person in evaluation.FOUR for face in tested[len(seen) :])
        figures["four"] = evaluation.closed_set(embeddings[four], [names[i] for i in four], lost, small, rules)
    details = {
        "open_set_curves": {
            "strangers": identification.curve(tested, strangers),
            "celebrities left out": identification.curve(tested, left_out),
        },
        "people": by_person,
        "confusions": fairness.confusions(seen),
    }
    return figures, details


def _left_out(strangers: list[Judged], known: list[Judged], rules: Rules) -> dict:
    """How people do as strangers who were taken out of the gallery, beside known faces."""
    return {
        "faces": len(strangers),
        "named": float(np.mean([face.named(rules) is not None for face in strangers])),
        "rates": [identification.at_rate(known, strangers, rate) for rate in identification.RATES],
    }


def galleries(known: np.ndarray, names: np.ndarray, strangers: np.ndarray, snapshot: Snapshot, rules: Rules) -> dict:
    """Do the thresholds hold in other galleries: with fewer anchors a person, and with fewer people?

    Arguments:
        known: float32 (faces, dims), test faces of people in the gallery.
        names: str (faces,), who they are.
        strangers: float32 (faces, dims), of people who are not.
        snapshot: the gallery.
        rules: of the card.

    Returns:
        `anchors`, rows of `anchors`, `strangers_named`, `left_out_named` (known people, without themselves in the
        gallery), `top1` and `named` of the known; and `people`, rows of `people`, `strangers_named` and
        `left_out_named` on average over all galleries of that size, the margin not counted.
    """
    groups = {"strangers_named": calibration.Strangers(strangers, known[:0], names[:0])}
    groups["left_out_named"] = calibration.Strangers(known[:0], known, names)
    anchors = []
    for count in (1, 3, 8, 32):
        thin = calibration.thinned(snapshot, count)
        limit = rules.threshold(count, len(snapshot))
        distances = reliability.class_distances(known, thin, rules.head)
        right = np.array(thin.names)[distances.argmin(axis=1)] == names
        row = {"anchors": count, "top1": float(right.mean())}
        row["named"] = float((right & (calibration.clear(distances, rules.margin).min(axis=1) <= limit)).mean())
        for name, group in groups.items():
            others = calibration.clear(group.distances(thin, rules.head), rules.margin)
            row[name] = float((others.min(axis=1) <= limit).mean())
        anchors.append(row)
    people = []
    found = {name: group.distances(snapshot, rules.head) for name, group in groups.items()}
    most = int(snapshot.counts.max())
    for size in [*(size for size in calibration.GALLERY_SIZES if size < len(snapshot)), len(snapshot)]:
        limit = rules.threshold(most, size)
        row = {"people": size}
        for name, others in found.items():
            row[name] = calibration.strangers_named(others, groups[name].weights, limit, size)
        people.append(row)
    return {"anchors": anchors, "people": people}


def lfw(
    root: Path, work: Path, detector: Detector, network, left_out: Sequence[str], tick: Tick = quiet
) -> tuple[dict, dict]:
    """LFW's 6,000 pairs with the serving crop.

    Arguments:
        root: LFW's folder with pairs.txt.
        work: folder for the cached crops.
        detector: the one that serves.
        network: what embeds.
        left_out: LFW names of people who trained the network; figures without their pairs are given too.
        tick: told the progress.

    Returns:
        Figures for the card, and details: `roc`, for all pairs and for those without these people.
    """
    pairs = evaluation.lfw_pairs(root)
    files = sorted({file for pair in pairs for file in pair[:2]})
    done = iter(range(1, len(files) + 1))
    crops = collect(root, files, detector, work / "lfw", lambda: tick("finding faces in LFW", next(done), len(files)))
    embeddings = embed(network, crops, work / "lfw", lambda done, total: tick("embedding LFW", done, total))
    left, right = (crops.positions([pair[side] for pair in pairs]) for side in (0, 1))
    distances = np.linalg.norm(embeddings[left] - embeddings[right], axis=1)
    distances = np.where(crops.found[left] & crops.found[right], distances, np.inf)
    different = np.array([pair[2] for pair in pairs])
    others = np.array([not any(file.split("/")[0] in left_out for file in pair[:2]) for pair in pairs])
    figures = {"pairs": len(pairs), "missed_faces": int((~crops.found).sum()), **_pairs(distances, different)}
    figures["without_trained_people"] = {"pairs": int(others.sum()), **_pairs(distances[others], different[others])}
    roc = {
        "all pairs": evaluation.roc(distances, different),
        "without trained people": evaluation.roc(distances[others], different[others]),
    }
    return figures, {"roc": roc}


def _pairs(distances: np.ndarray, different: np.ndarray) -> dict:
    accuracy, error = evaluation.folds_accuracy(distances, different)
    accepted = evaluation.accepted_at(distances, different, 1e-3)
    return {"accuracy": accuracy, "standard_error": error, "tar_at_far_1e-3": accepted}
