"""Calibration of a network: score, thresholds, margin and quality floor, chosen on calibration faces."""

from __future__ import annotations

import numpy as np

from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules
from app.recognition.inference import Network
from app.recognition.scoring import Head
from app.training.calibration import pair_thresholds, quality_floor, thresholds
from app.training.calibration.thresholds import Impostors
from app.training.data.labeled_faces import LabeledFaces, Progress, no_progress, person_name
from app.training.release.gallery import choose_gallery
from app.vision.quality import QualityFloor


def calibrate(
    faces: LabeledFaces,
    spellings: dict[str, str],
    network: Network,
    pretrained: bool = False,
    progress: Progress = no_progress,
) -> tuple[Rules, QualityFloor, Snapshot]:
    """Choose the quality floor, the gallery, and the rules that hold for it.

    Args:
        faces: Faces of gallery people and impostors.
        spellings: Names by folder name.
        network: Network that embeds reduced copies of the faces.
        pretrained: Whether the network was trained on none of the faces. If so, training faces that do not become
            anchors are calibration faces too.
        progress: Called with the progress.
    """
    calibration = faces.positions("calibration")
    floor = quality_floor.choose(faces.crops, faces.embeddings, calibration, network.embed_raw, progress)
    snapshot, anchors = choose_gallery(faces, spellings, floor)
    is_good = floor.accepts(faces.crops.qualities)
    known = calibration
    if pretrained:
        known = np.concatenate([calibration, np.setdiff1d(faces.positions("train"), np.concatenate(anchors))])
    impostors, famous = faces.positions("calibration-impostor"), faces.positions("calibration-famous")
    known, impostors, famous = (positions[is_good[positions]] for positions in (known, impostors, famous))
    # Left-over training faces are the least typical ones, with wrong labels. They would widen "can't tell" for pairs.
    paired = np.concatenate([impostors, np.intersect1d(known, calibration)])
    embeddings, identities = faces.embeddings[paired], faces.identities[paired]
    head = Head(thresholds.SCORE_SCALE, pair_thresholds.equal_error_distance(embeddings, identities))
    people = np.array([person_name(identity, spellings) for identity in faces.identities[known]])
    kinds = {
        "ordinary": Impostors(faces.embeddings[impostors]),
        "famous": Impostors(faces.embeddings[famous]),
        "look_alikes": Impostors(faces.embeddings[known], people),
    }
    progress("choosing thresholds", 0, 1)
    margin = thresholds.choose_margin(faces.embeddings[known], people, kinds, snapshot, head)
    tables = thresholds.choose_tables(kinds, snapshot, head, margin)
    progress("choosing thresholds", 1, 1)
    pairs = pair_thresholds.choose_pair_rules(embeddings, identities, head)
    return Rules(head, tables, margin, pairs), floor, snapshot
