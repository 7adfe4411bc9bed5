"""Embeddings of impostors: faces of people in no gallery, for the gallery check and the calibration of thresholds."""

from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from app.arrays import AnyArray, FloatArray
from app.errors import ModelError
from app.files import write_file
from app.recognition.inference import to_unit_length
from app.recognition.model_card import ModelCard

FILE = "impostors.safetensors"  # in the folder of the network's model card


def read_impostors(model: Path, card: ModelCard) -> FloatArray:
    """Read the impostors of the network whose card is at `model`: float32 (faces, dims) of unit length."""
    path = model.with_name(FILE)
    try:
        with safetensors.safe_open(path, "numpy") as file:
            owner = (file.metadata() or {}).get("network")
            embeddings: FloatArray = file.get_tensor("embeddings").astype(np.float32)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(
            f"The impostor faces {path} cannot be read ({error!s:.100}). Restore the file; whopic ship "
            "writes it with the model card."
        ) from error
    if owner != card.id or embeddings.shape[1:] != (card.twin.embedding,):
        raise ModelError(f"The impostor faces {path} belong to another network ({owner}). Restore both files.")
    return to_unit_length(embeddings)


def write_impostors(model: Path, network_id: str, embeddings: AnyArray) -> None:
    """Write impostors, float (faces, dims), next to the model card at `model`, as float16."""
    tensors = {"embeddings": embeddings.astype(np.float16)}
    write_file(model.with_name(FILE), safetensors.numpy.save(tensors, {"network": network_id}))
