"""Export of a trained twin: its weights, and the card's description of how it was made."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from safetensors import safe_open

from app.errors import TrainingError
from app.recognition.decision import PairRules, Rules
from app.recognition.inference import Network
from app.recognition.model_card import ModelCard, TwinConfig, to_stored_dtype
from app.recognition.scoring import Head
from app.recognition.siamese import build_twin
from app.vision import alignment
from app.vision.quality import QualityFloor


def trained_weights(run: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Return the twin's weights of a run's last checkpoint, and what the checkpoint says about itself.

    Returns:
        Arrays by name, and a dict of `plan`, `twin` and `step`.

    Raises:
        TrainingError: there is no checkpoint.
    """
    path = run / "checkpoint.safetensors"
    if not path.exists():
        raise TrainingError(f"There is no checkpoint {path}. Train first: python main.py train FACES_FOLDER.")
    with safe_open(path, "numpy") as kept:
        about = json.loads(kept.metadata()["about"]) | {"step": int(kept.metadata()["step"])}
        weights = {name[5:]: kept.get_tensor(name) for name in kept.keys() if name.startswith("twin/")}  # noqa: SIM118
    return weights, about


def provisional_network(weights: dict[str, np.ndarray], about: dict) -> Network:
    """Return a network that embeds before its card's numbers are chosen, with weights as they will be stored."""
    rules = Rules(Head(1.0, 0.0), (), 0.0, PairRules((), 0.0))
    config = TwinConfig.from_dict(about["twin"])
    card = ModelCard("unshipped", alignment.PIPELINE, config, "", "", rules, QualityFloor(0.0, 0.0), {})
    return Network({name: to_stored_dtype(array) for name, array in weights.items()}, card)


def describe(about: dict, data: str, crops_made_by: str) -> dict:
    """Return the part of a card that says what the network is and how it was made.

    Args:
        about: as `trained_weights` or `pretrained.about` returns it.
        data: the training data, in words.
        crops_made_by: the detector setting under which anchors and thresholds were made.
    """
    twin = build_twin(TwinConfig.from_dict(about["twin"]))
    return {
        "name": "twin",
        "made": datetime.now(UTC).date().isoformat(),
        "architecture": {
            "kind": "Siamese network: MobileFaceNet twin, Euclidean distance, sigmoid score (0 same, 1 different)",
            "twin": about["twin"],
            "parameters": twin.count_params(),
            "multiply_adds": multiply_adds(twin),
        },
        "input": {
            "width": alignment.SIZE,
            "height": alignment.SIZE,
            "color": "RGB",
            "normalization": "(value - 127.5) / 128",
        },
        "embedding": about["twin"]["embedding"],
        "crop": alignment.PIPELINE,
        "detector": crops_made_by,
        "training": about["plan"] | {"steps_done": about["step"], "python": platform.python_version()},
        "data": data,
    }


def multiply_adds(twin) -> int:
    """Return the multiply-adds of one pass through a Keras model's convolutions and dense layers."""
    total = 0
    for layer in twin.layers:
        if hasattr(layer, "kernel"):
            positions = int(np.prod(layer.output.shape[1:-1])) if len(layer.output.shape) == 4 else 1
            total += positions * int(np.prod(layer.kernel.shape))
    return total
