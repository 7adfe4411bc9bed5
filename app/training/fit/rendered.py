"""Batches that are rendered where the network trains, and a learner that asks its teacher about them on the spot."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from app.training.augmentation import augment, dice, frames, rendering
from app.training.data.tiles import TileSet
from app.training.fit import losses, stepping
from app.training.fit.batches import Batch, Pairs, ahead
from app.training.fit.graph import Graph
from app.training.fit.learner import Learner
from app.training.fit.schedule import Plan


class RenderingLearner(Learner):
    """A learner that is called with what `batches` gives: it renders the faces, asks the teacher, and embeds them.

    Args:
        teacher: who is asked about blends.
        others: those of `Learner`.
    """

    def __init__(self, teacher: Graph, *others, **named) -> None:
        super().__init__(*others, **named)
        self.teacher = teacher

    def call(self, seen, training=False):
        """Embeddings (faces, dims) of the batch, and the teacher's (blends, dims) of its first."""
        faces, upright = rendering.pictures(seen["tiles"], seen["looks"], seen["blends"], seen["laid"])
        return self.twin(faces, training=training), self.teacher(seen["teacher"], upright)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum of the three losses; blends are measured by the teacher's answers."""
        embeddings, answers = y_pred
        target = keras.ops.concatenate([answers, y["target"]], axis=0)
        return self.weighed(embeddings, {"label": y["label"], "target": target})


def batches(tiles: TileSet, pairs: Pairs, plan: Plan, start: int, teacher: Graph) -> Iterator[Batch]:
    """Yield batches from step `start` on, made one ahead in a thread; the first `plan.blended` of each are blends."""
    placed, boxes = frames.of_tiles(tiles), np.array([augment.picture_in(tile) for tile in tiles.tiles], np.float32)
    pixels, weights = stepping.on_device(rendering.packed(tiles)), stepping.on_device(teacher.weights)
    count = round(plan.batch * plan.blended)

    def make(step: int) -> Batch:
        rng = np.random.default_rng([plan.seed, 9, step])
        faces, others = pairs.draw(step, plan), rng.choice(pairs.faces, count)
        thrown = {"looks": dice.looks(rng, plan.batch), "blends": dice.blends(rng, count)}
        laid = frames.lay_out(placed, faces, others, thrown["looks"])
        laid |= {"box": boxes[faces], "other_box": boxes[others]}
        seen = {"tiles": pixels, "teacher": weights, **thrown, "laid": laid}
        labels = pairs.people[faces].astype(np.int32)
        labels[:count] = losses.NOBODY
        return Batch(step, seen, {"label": labels, "target": tiles.targets[faces[count:]]})

    return ahead(make, start, plan.steps)
