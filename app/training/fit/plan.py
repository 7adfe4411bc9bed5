"""Hyperparameters of a training run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingPlan:
    """Hyperparameters of a training run. The model card lists them."""

    steps: int = 6000
    batch_size: int = 64
    # The peak of AdamW's learning rate, after the warmup and before the cosine decay.
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    # On kernels only.
    weight_decay: float = 0.05
    # Weights of the losses. Distillation needs a teacher. That of the contrastive loss rises to this value.
    distillation: float = 4.0
    softmax: float = 1.0
    contrastive: float = 1.0
    # Share of a batch that is mixed up. It needs a teacher, because a mixed face has no label.
    mixup: float = 0.5
    seed: int = 1
    checkpoint_steps: int = 200
    # `float32` or `bfloat16`, of the convolutions.
    precision: str = "float32"
    # Card ID, source and license of the initial weights, and card ID of the teacher.
    initial: str = ""
    teacher: str = ""

    @property
    def mixed_faces(self) -> int:
        """Faces of a batch that are mixed up."""
        return round(self.mixup * self.batch_size) if self.teacher else 0
