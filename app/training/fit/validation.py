"""Validation pair accuracy: verification of photo pairs of identities not seen in training, as on LFW."""

from collections.abc import Callable

import numpy as np

from app.arrays import ByteArray, FloatArray
from app.training.data.training_faces import TrainingFaces
from app.training.evaluation.verification import folds_accuracy

MAX_FACES = 1000
MIN_PAIRS, MAX_PAIRS = 20, 300
"""Pairs of one person, and as many of two."""


class PairValidation:
    """Pairs of faces of the calibration impostors, the same ones at each call."""

    def __init__(self, faces: TrainingFaces) -> None:
        rng = np.random.default_rng(11)
        positions = rng.permutation(faces.positions("calibration-impostor"))[:MAX_FACES]
        first, second = np.triu_indices(len(positions), 1)
        different = faces.identities[positions[first]] != faces.identities[positions[second]]
        kinds = [rng.permutation(np.flatnonzero(different == kind))[:MAX_PAIRS] for kind in (False, True)]
        chosen = np.concatenate(kinds)
        rng.shuffle(chosen)  # each fold gets pairs of both kinds
        self.different = different[chosen]
        self.possible = min(self.different.sum(), (~self.different).sum()) >= MIN_PAIRS
        used, numbers = np.unique([first[chosen], second[chosen]], return_inverse=True)
        self.first, self.second = numbers.reshape(2, -1)
        self.crops: ByteArray = np.asarray(faces.crops[positions[used]])

    def accuracy(self, embed: Callable[[ByteArray], FloatArray]) -> float:
        """Return the share of correctly verified pairs, with thresholds chosen on the other folds.

        `embed` maps uint8 crops (faces, 112, 112, 3) to unit-length embeddings (faces, dims).
        """
        embeddings = embed(self.crops)
        distances = np.linalg.norm(embeddings[self.first] - embeddings[self.second], axis=1)
        return folds_accuracy(distances, self.different)[0]
