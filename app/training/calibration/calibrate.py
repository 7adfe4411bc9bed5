"""Calibration of a network: score, thresholds, margin and quality floor, chosen on calibration faces."""

import numpy as np

from app.gallery.snapshot import Snapshot
from app.recognition.decision import Rules
from app.recognition.scoring import Head
from app.training.calibration import quality_floor, thresholds
from app.training.calibration.thresholds import Impostors
from app.training.data.crops import Pipeline
from app.training.data.labeled_faces import LabeledFaces
from app.training.release.gallery import choose_gallery
from app.vision.quality import QualityFloor


def calibrate(
    faces: LabeledFaces, pipeline: Pipeline, pretrained: bool = False
) -> tuple[Rules, QualityFloor, Snapshot]:
    """Choose the quality floor, the gallery, and the rules that hold for it.

    A `pretrained` network was trained on none of the faces. Training faces that do not become anchors then count too.
    """
    floor = quality_floor.choose(faces, pipeline)
    snapshot, anchors = choose_gallery(faces, floor)
    is_good = floor.accepts(faces.crops.qualities)
    calibration, impostors, famous = (
        positions[is_good[positions]]
        for positions in map(faces.positions, ("calibration", "calibration-impostor", "calibration-famous"))
    )
    known = calibration
    if pretrained:
        unused = np.setdiff1d(faces.positions("train"), np.concatenate(anchors))
        known = np.concatenate([calibration, unused[is_good[unused]]])
    # Left-over training faces are the least typical ones, with wrong labels. They would widen "can't tell" for pairs.
    paired = np.concatenate([impostors, calibration])
    embeddings, identities = faces.embeddings[paired], faces.identities[paired]
    head = Head(thresholds.SCORE_SCALE, thresholds.equal_error_distance(embeddings, identities))
    kinds = {
        "ordinary": Impostors(faces.embeddings[impostors]),
        "famous": Impostors(faces.embeddings[famous]),
        "look_alikes": Impostors(faces.embeddings[known], faces.names[known]),
    }
    pipeline.progress("choosing thresholds", 0, 1)
    margin = thresholds.choose_margin(faces.embeddings[known], faces.names[known], kinds, snapshot, head)
    tables = thresholds.choose_tables(kinds, snapshot, head, margin)
    # Not gallery people left out: those of their photos that come close to another person often have a wrong label.
    outside = np.concatenate([impostors, famous])
    look_alike = thresholds.choose_look_alike(faces.embeddings[outside], faces.names[outside], snapshot, head)
    pipeline.progress("choosing thresholds", 1, 1)
    pairs = thresholds.choose_pair_rules(embeddings, identities, head)
    return Rules(head, tables, margin, pairs, look_alike), floor, snapshot
