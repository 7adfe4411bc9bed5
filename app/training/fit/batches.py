"""Training batches of face pairs. A batch depends on seed and step alone, so an interrupted run resumes exactly."""

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from app.arrays import ByteArray, IntArray
from app.training.data.training_faces import TrainingFaces
from app.training.fit.losses import NO_LABEL
from app.training.fit.plan import TrainingPlan


class PairSampler:
    """Samples pairs of faces of one person."""

    def __init__(self, faces: TrainingFaces, plan: TrainingPlan) -> None:
        self.plan = plan
        self.positions = faces.positions("train")
        people, labels = np.unique(faces.identities[self.positions], return_inverse=True)
        self.classes = len(people)
        self.labels = labels.astype(np.int32)
        self._members = [np.flatnonzero(labels == label) for label in range(self.classes)]

    def sample(self, step: int) -> IntArray:
        """Sample a batch: int64 (batch_size,), rows of `positions`, where rows 2k and 2k + 1 show one person.

        Each face comes first in a pair once per pass over the training set, in a new order for each pass.
        """
        half, faces = self.plan.batch_size // 2, len(self.labels)
        numbers = np.arange(step * half, (step + 1) * half)
        orders = {
            number: np.random.default_rng([self.plan.seed, 1, number]).permutation(faces)
            for number in np.unique(numbers // faces)
        }
        first = np.array([orders[number // faces][number % faces] for number in numbers])
        rng = np.random.default_rng([self.plan.seed, 2, step])
        second = [rng.choice(self._members[label]) for label in self.labels[first]]
        return np.stack([first, second], axis=1).ravel()


def batches(faces: TrainingFaces, sampler: PairSampler, start: int) -> Iterator[tuple[ByteArray, NDArray[np.int32]]]:
    """Yield the batches of the steps from `start` on: crops, uint8 (batch, 112, 112, 3), and labels, int32 (batch,).

    The labels of the first `mixed_faces` of a batch are `NO_LABEL`.
    """
    for step in count(start):
        rows = sampler.sample(step)
        labels = sampler.labels[rows]
        labels[: sampler.plan.mixed_faces] = NO_LABEL
        yield faces.crops[sampler.positions[rows]], labels
