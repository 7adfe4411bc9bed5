"""Training checkpoints as safetensors: written atomically, resumable, and the input of `ship`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from app.errors import TrainingError
from app.recognition.siamese import get_weights
from app.training.fit.student import Student


def save(student: Student, path: Path, step: int, about: dict[str, Any]) -> None:
    """Write a checkpoint after `step` steps. The network's weights are in it again under `twin/`, for `ship`."""
    tensors = {f"{number:04d}": np.asarray(variable) for number, variable in enumerate(student.state())}
    tensors |= {f"twin/{name}": array for name, array in get_weights(student.network).items()}
    unfinished = path.with_suffix(".part")
    save_file(tensors, unfinished, metadata={"step": str(step), "about": json.dumps(about)})
    unfinished.replace(path)


def restore(student: Student, path: Path) -> int:
    """Load a checkpoint into a compiled student, and return its number of finished steps: 0 if the file is missing."""
    if not path.exists():
        return 0
    variables = student.state()
    with safe_open(path, "numpy") as file:
        tensors = [file.get_tensor(name) for name in sorted(file.keys()) if "/" not in name]
        step = int(file.metadata()["step"])
    if [tensor.shape for tensor in tensors] != [tuple(variable.shape) for variable in variables]:
        raise TrainingError(
            f"{path} belongs to a run with another layout, teacher or training set. "
            "Remove it, or repeat the command of that run."
        )
    for variable, tensor in zip(variables, tensors, strict=True):
        variable.assign(tensor)
    return step
