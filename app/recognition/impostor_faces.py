"""Faces of people who are in no gallery, as embeddings: what tells how often a stranger would be named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from app.errors import ModelError
from app.recognition.model_card import ModelCard

FILE = "impostors.safetensors"
"""The file's name; it lies beside the card of its network."""

_NETWORK = "network"


def read_impostors(model: Path, card: ModelCard) -> np.ndarray:
    """Read the strangers that ship with a network.

    Args:
        model: the card's path.
        card: the card.

    Returns:
        float32 (faces, dims) of length 1.

    Raises:
        ModelError: the file is missing, damaged or another network's.
    """
    path = model.with_name(FILE)
    try:
        with safetensors.safe_open(path, "numpy") as stored:
            owner = (stored.metadata() or {}).get(_NETWORK)
            embeddings = stored.get_tensor("embeddings").astype(np.float32)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(
            f"The strangers' faces {path} cannot be read ({error!s:.100}). Restore the file; python main.py ship "
            "makes it along with the card."
        ) from error
    if owner != card.id or embeddings.shape[1:] != (card.twin.embedding,):
        raise ModelError(f"The strangers' faces {path} belong to another network ({owner}). Restore both files.")
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def write_impostors(model: Path, network_id: str, embeddings: np.ndarray) -> None:
    """Write the strangers of a network beside its card.

    Args:
        model: the card's path.
        network_id: the card's id.
        embeddings: float (faces, dims) of length 1; stored as float16.
    """
    rows = {"embeddings": embeddings.astype(np.float16)}
    model.with_name(FILE).write_bytes(safetensors.numpy.save(rows, {_NETWORK: network_id}))
