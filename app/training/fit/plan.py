"""Hyperparameters of a training run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingPlan:
    """Hyperparameters of a training run. The model card lists them.

    Attributes:
        steps: Optimizer steps.
        batch_size: Faces in a step, in pairs of one person.
        learning_rate: Peak of AdamW's learning rate, after the warmup and before the cosine decay.
        warmup_steps: Steps in which the learning rate rises from zero.
        weight_decay: Of AdamW, on kernels only.
        distillation: Weight of the distillation loss. It needs a teacher.
        softmax: Weight of the margin softmax.
        contrastive: Final weight of the contrastive loss.
        mixup: Share of a batch that is mixed up. It needs a teacher, because a mixed face has no label.
        seed: Seed of weights, batches and augmentation.
        checkpoint_steps: Steps between checkpoints, log rows and validations.
        precision: `float32` or `bfloat16`, the precision of the convolutions.
        initial: Card ID, source and license of the initial weights. Empty for random weights.
        teacher: Card ID of the teacher. Empty without one.
    """

    steps: int = 6000
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    weight_decay: float = 0.05
    distillation: float = 4.0
    softmax: float = 1.0
    contrastive: float = 1.0
    mixup: float = 0.5
    seed: int = 1
    checkpoint_steps: int = 200
    precision: str = "float32"
    initial: str = ""
    teacher: str = ""

    @property
    def epochs(self) -> int:
        """Number of checkpoints. One is written after each epoch of `checkpoint_steps`."""
        return -(-self.steps // self.checkpoint_steps)

    @property
    def mixed_faces(self) -> int:
        """Faces of a batch that are mixed up."""
        return round(self.mixup * self.batch_size) if self.teacher else 0
