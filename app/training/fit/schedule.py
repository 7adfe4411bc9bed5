"""What a training run does, and how its rate of learning goes.

It warms up, stays, and falls to zero, over the last quarter unless told otherwise ("warm-up, stable, decay", Hu et
al. 2024, https://arxiv.org/abs/2404.06395): a longer run can go on from the checkpoint that `loop.train` keeps from
before the fall.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What a run does: `images` in all, in batches of `batch`, half of them pairs of one person.

    `initial` names the networks whose weights it starts with, and their license where they were pretrained elsewhere;
    `seen_before` is how many faces these have seen. `blended` is the share of blends where a teacher has answered
    about them.
    """

    images: int = 400_000
    batch: int = 64
    rate: float = 0.1
    warmup: int = 300
    decay: float = 0.25
    weight_decay: float = 5e-4
    distillation: float = 1.0
    softmax: float = 0.15
    contrastive: float = 0.2
    seed: int = 1
    checkpoint_every: int = 500
    precision: str = "float32"
    augmented: bool = True
    blended: float = 0.6
    seen_before: int = 0
    initial: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Steps of the optimizer."""
        return self.images // self.batch

    @property
    def stable_until(self) -> int:
        """The step at which the rate begins to fall."""
        return round(self.steps * (1 - self.decay))

    def rate_at(self, step: int) -> float:
        """The rate of learning at a step."""
        rising = min(1.0, (step + 1) / self.warmup)
        falling = (self.steps - step) / max(1, self.steps - self.stable_until)
        return self.rate * min(rising, falling, 1.0)

    def contrastive_at(self, step: int) -> float:
        """The contrastive loss's weight at a step: hard pairs pull a young network into collapse
        (Schroff et al. 2015), so it grows from nothing over the first three quarters.
        """
        return self.contrastive * min(1.0, step / max(1, round(self.steps * 0.75)))
