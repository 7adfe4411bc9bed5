"""Export of a trained network: weights of a checkpoint, and the model card."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from app.arrays import AnyArray
from app.errors import TrainingError
from app.recognition import model_card
from app.recognition.decision import PairRules, Rules
from app.recognition.inference import Network
from app.recognition.model_card import ModelCard, TwinConfig, to_stored_dtype
from app.recognition.scoring import Head
from app.recognition.siamese import build_twin
from app.vision import alignment
from app.vision.quality import QualityFloor


def trained_weights(run: Path) -> tuple[dict[str, AnyArray], dict[str, Any]]:
    """Return the weights of a run's last checkpoint by name, and its `plan`, `twin` and `step`.

    Raises:
        TrainingError: There is no checkpoint.
    """
    path = run / "checkpoint.safetensors"
    if not path.exists():
        raise TrainingError(f"There is no checkpoint {path}. Train first: python main.py train FACES_FOLDER.")
    with safe_open(path, "numpy") as checkpoint:
        metadata = checkpoint.metadata()
        names = [name for name in checkpoint.keys() if name.startswith("twin/")]  # noqa: SIM118
        weights = {name.removeprefix("twin/"): checkpoint.get_tensor(name) for name in names}
    return weights, json.loads(metadata["about"]) | {"step": int(metadata["step"])}


def provisional_network(weights: dict[str, AnyArray], about: dict[str, Any]) -> Network:
    """Return a network without thresholds that embeds with the weights as they will be stored."""
    rules = Rules(Head(1.0, 0.0), (), 0.0, PairRules((), 0.0))
    config = TwinConfig.from_dict(about["twin"])
    card = ModelCard("provisional", alignment.PIPELINE, config, "", "", rules, QualityFloor(0.0, 0.0), {})
    return Network({name: to_stored_dtype(array) for name, array in weights.items()}, card)


def describe(about: dict[str, Any], data: str, crops_made_by: str) -> dict[str, Any]:
    """Return the part of a model card that describes the network and its training.

    `about` is that of `trained_weights` or `onnx_import.read_onnx`, `data` a description of the training data, and
    `crops_made_by` the detector setting.
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


def multiply_adds(twin: Any) -> int:
    """Return the multiply-adds of one pass through a Keras model's convolutions and dense layers."""
    return sum(
        # Each kernel is applied at every position of a feature map, or once in a dense layer.
        int(np.prod(layer.output.shape[1:-1])) * int(np.prod(layer.kernel.shape))
        for layer in twin.layers
        if hasattr(layer, "kernel")
    )


def write_card(
    model: Path, raw: dict[str, Any], weights: dict[str, AnyArray], rules: Rules, floor: QualityFloor
) -> ModelCard:
    """Write the model card with the description `raw` and its weights, and return the card."""
    numbers = {"head": asdict(rules.head), "verdict": model_card.verdict_section(rules), "quality": floor.to_dict()}
    model_card.write_card(model, raw | numbers, weights)
    return model_card.read_card(model)
