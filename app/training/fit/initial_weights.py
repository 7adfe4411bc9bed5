"""What a run begins with where it does not begin with chance: the weights of twins that were trained before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.errors import TrainingError
from app.recognition.model_card import ModelCard


def mean(weights: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The mean of the weights of several twins, as `siamese.get_weights` gives them.

    Where they come from runs that began alike it is often better than each ("model soups", Wortsman et al. 2022,
    https://arxiv.org/abs/2203.05482) once some training has settled what the batch normalizations know of it.

    Raises:
        TrainingError: they are of different layouts.
    """
    first = {name: array.shape for name, array in weights[0].items()}
    if any({name: array.shape for name, array in other.items()} != first for other in weights):
        raise TrainingError(
            "These twins are of different layouts, so that their weights have no mean. Give one --from."
        )
    return {name: np.mean([one[name] for one in weights], axis=0, dtype=np.float32) for name in first}


def origin(card: ModelCard) -> str:
    """Return what the card of a network says that starts with this one's weights."""
    pretrained = card.raw["training"].get("pretrained")
    return f"{card.id}: {pretrained['source']}, {pretrained['license']}" if pretrained else card.id


def learnt_from(card: ModelCard) -> int:
    """How many augmented faces a network has learnt from, those of the runs before it included."""
    training = card.raw["training"]
    return training["images"] + training.get("seen_before", 0)
