"""The twin together with what it learns from, as one Keras model that steps, saves and resumes."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from app.errors import TrainingError
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import build_twin, get_weights
from app.training.fit import losses
from app.training.fit.normalization import normalization

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""What the convolutions may compute in, and the Keras dtype policy of it; weights and losses are float32 in both."""


def precision_here() -> str:
    """bfloat16 where the processor multiplies it by itself (AVX-512 BF16, AMX) or a GPU does the work, else float32.

    `bench.step` tells how much faster training is with it on a machine.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        flags = []
    gpu = any("cpu" not in name for name in keras.distribution.list_devices())
    return "bfloat16" if gpu or {"avx512_bf16", "amx_bf16"} & set(flags) else "float32"


class Learner(keras.Model):
    """A twin with its three losses; `train_on_batch(crops, {"label", "target"})` makes one step.

    Args:
        config: layout of the twin.
        centers: float32 (people, dims) of length 1. Fixed when a teacher gave them.
        weights_of: weights of the losses `distillation` and `softmax`; `contrastive_weight` is a variable of its own.
        taught: whether a teacher gave centers and targets; else the centers are learned too.
        precision: of the convolutions, see `precision_here`.
    """

    def __init__(
        self,
        config: TwinConfig,
        centers: np.ndarray,
        weights_of: dict[str, float],
        taught: bool,
        precision: str = "float32",
    ) -> None:
        super().__init__(name="learner")
        self.twin = build_twin(config, precision, normalization())
        self.weights_of = weights_of
        self.taught = taught
        self.centers = self.add_weight(
            shape=centers.shape, initializer="zeros", trainable=not taught, name="centers", dtype="float32"
        )
        self.centers.assign(centers)
        self.contrastive_weight = self.add_weight(shape=(), initializer="zeros", trainable=False, name="contrastive")
        self.parts = {name: keras.metrics.Mean(name=name) for name in ("contrastive", "softmax", "distillation")}

    def call(self, crops, training=False):
        """Embed normalized crops: (batch, 112, 112, 3) -> (batch, dims)."""
        return self.twin(crops, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum of the three losses, each also kept as a metric."""
        return self.weighed(y_pred, y)

    def weighed(self, embeddings, wanted):
        """The loss of embeddings beside the `label` and `target` that are wanted of them."""
        centers = keras.ops.normalize(self.centers, axis=1)
        values = {
            "contrastive": losses.hard_pairs(embeddings, wanted["label"]),
            "softmax": losses.margin_softmax(embeddings, wanted["label"], centers),
        }
        if self.taught:
            values["distillation"] = losses.distillation(embeddings, wanted["target"])
        for name, value in values.items():
            self.parts[name].update_state(value)
        hard = self.contrastive_weight * values["contrastive"]
        return hard + sum(weight * values[name] for name, weight in self.weights_of.items() if name in values)

    def means(self) -> dict[str, float]:
        """Mean of each loss since the last call."""
        values = {name: float(metric.result()) for name, metric in self.parts.items()}
        for metric in self.parts.values():
            metric.reset_state()
        return values


def save(learner: Learner, path: Path, step: int, about: dict) -> None:
    """Write every variable of network and optimizer, and `about` (plain JSON), in one go.

    The twin's own weights stand there a second time, under `twin/`, for those who want nothing else.
    """
    tensors = {f"{i:04d}": np.asarray(variable) for i, variable in enumerate(_variables(learner))}
    tensors |= {f"twin/{name}": array for name, array in get_weights(learner.twin).items()}
    unfinished = path.with_suffix(".part")
    save_file(tensors, unfinished, metadata={"step": str(step), "about": json.dumps(about)})
    unfinished.replace(path)


def restore(learner: Learner, path: Path) -> int:
    """Fill the learner from a checkpoint that `save` wrote, and tell its step.

    Raises:
        TrainingError: the checkpoint is of another layout.
    """
    with safe_open(path, "numpy") as stored:
        step = int(stored.metadata()["step"])
        tensors = {name: stored.get_tensor(name) for name in stored.keys() if "/" not in name}  # noqa: SIM118 (no mapping)
    variables = _variables(learner)
    if len(tensors) != len(variables) or any(
        tensors[f"{i:04d}"].shape != tuple(v.shape) for i, v in enumerate(variables)
    ):
        raise TrainingError(f"{path} belongs to a network of another layout. Remove it, or train with that layout.")
    for i, variable in enumerate(variables):
        variable.assign(tensors[f"{i:04d}"])
    return step


def _variables(learner: Learner) -> list:
    learner.optimizer.build(learner.trainable_variables)
    metrics = {id(variable) for metric in learner.metrics for variable in metric.variables}
    own = [variable for variable in learner.variables if id(variable) not in metrics]
    seen = {id(variable) for variable in own}
    return own + [variable for variable in learner.optimizer.variables if id(variable) not in seen]
