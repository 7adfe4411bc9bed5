"""From a training checkpoint to a twin, and what the card says about how it was made."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from safetensors import safe_open

from app import crop
from app.card import Card, TwinConfig
from app.quality import QualityFloor
from app.siamese import build_twin, fill, numbers
from app.training.errors import TrainingError
from app.verdict import Head, Rules


def trained_twin(run: Path) -> tuple:
    """The twin of a run's last checkpoint, and what the checkpoint says about itself.

    Returns:
        A Keras model, and a dict of `plan`, `twin` and `step`.

    Raises:
        TrainingError: there is no checkpoint.
    """
    path = run / "checkpoint.safetensors"
    if not path.exists():
        raise TrainingError(f"There is no checkpoint {path}. Train first: python main.py train FACES_FOLDER.")
    with safe_open(path, "numpy") as stored:
        about = json.loads(stored.metadata()["about"]) | {"step": int(stored.metadata()["step"])}
        weights = {name[5:]: stored.get_tensor(name) for name in stored.keys() if name.startswith("twin/")}  # noqa: SIM118
    twin = build_twin(TwinConfig.from_dict(about["twin"]))
    # What ships is float16: choose every number for that.
    fill(twin, {name: array.astype(np.float16) for name, array in weights.items()})
    return twin, about


def provisional_card(about: dict) -> Card:
    """A card that lets a network embed before its numbers are chosen."""
    rules = Rules(Head(1.0, 0.0), ((1, 0.0),), 0.0, 0.5)
    config = TwinConfig.from_dict(about["twin"])
    return Card("unshipped", crop.PIPELINE, config, "", "", rules, QualityFloor(0.0, 0.0), {})


def describe(twin, about: dict, data: str, crops_made_by: str) -> dict:
    """The part of a card that tells what the network is and how it was made.

    Arguments:
        twin: the Keras model.
        about: as `trained_twin` gives it.
        data: the training data, in words.
        crops_made_by: the detector setting under which anchors and thresholds were made.
    """
    return {
        "name": "twin",
        "made": datetime.now(UTC).date().isoformat(),
        "architecture": {
            "kind": "Siamese network: convolutional twin, Euclidean distance, sigmoid score (0 same, 1 different)",
            "twin": about["twin"],
            "parameters": int(sum(array.size for array in numbers(twin).values())),
            "multiply_adds": multiply_adds(twin),
        },
        "input": {"width": crop.SIZE, "height": crop.SIZE, "colour": "RGB", "normalisation": "(value - 127.5) / 128"},
        "embedding": about["twin"]["embedding"],
        "crop": crop.PIPELINE,
        "detector": crops_made_by,
        "training": about["plan"] | {"steps_done": about["step"], "python": platform.python_version()},
        "data": data,
    }


def multiply_adds(twin) -> int:
    """Multiplications with addition that one pass costs in convolutions and dense layers."""
    total = 0
    for layer in twin.layers:
        if hasattr(layer, "kernel"):
            positions = int(np.prod(layer.output.shape[1:-1])) if len(layer.output.shape) == 4 else 1
            total += positions * int(np.prod(layer.kernel.shape))
    return total
