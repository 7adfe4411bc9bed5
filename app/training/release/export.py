"""Export of a network: weights of a checkpoint or of a pretrained ONNX file such as SFace, and the model card.

SFace (Zhong et al. 2021, https://arxiv.org/abs/2205.12010) is published as ONNX by OpenCV Zoo under Apache-2.0. Its
layers are those of `siamese.build_twin` with the default `TwinConfig`. Only the order of axes differs.
"""

import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from app.arrays import AnyArray, FloatArray
from app.errors import TrainingError
from app.recognition import model_card
from app.recognition.decision import PairRules, Rules
from app.recognition.inference import Network, measure_ranges
from app.recognition.model_card import ModelCard, TwinConfig, to_stored_dtype
from app.recognition.scoring import Head
from app.recognition.siamese import CONVOLUTION_EPSILON, EMBEDDING_EPSILON, build_twin
from app.training.data.labeled_faces import LabeledFaces
from app.vision import alignment
from app.vision.quality import QualityFloor

_DEFAULT_LAYOUT = TwinConfig()
_OUTPUT_SIDE = 7  # side of the last convolution's output
_RANGE_FACES = 300


def trained_weights(run: Path) -> tuple[dict[str, AnyArray], dict[str, Any]]:
    """Return the weights of a run's last checkpoint by name, and its `plan`, `twin` and `step`.

    Raises:
        TrainingError: There is no checkpoint.
    """
    path = run / "checkpoint.safetensors"
    if not path.exists():
        raise TrainingError(f"There is no checkpoint {path}. Train first: whopic train FACES_FOLDER.")
    with safe_open(path, "numpy") as checkpoint:
        metadata = checkpoint.metadata()
        names = [name for name in checkpoint.keys() if name.startswith("twin/")]  # noqa: SIM118
        weights = {name.removeprefix("twin/"): checkpoint.get_tensor(name) for name in names}
    return weights, json.loads(metadata["about"]) | {"step": int(metadata["step"])}


def read_onnx(
    path: Path, source: str, license: str, config: TwinConfig = _DEFAULT_LAYOUT
) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Read pretrained weights of a layout from a network that takes RGB values of 0 to 255.

    Returns:
        The same as `trained_weights`, with the origin `source` and the `license`.

    Raises:
        TrainingError: onnx is missing, or the file is not a network of the default layout.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise TrainingError("ONNX files need onnx: .venv/bin/pip install -r requirements-training.txt.") from error
    data = path.read_bytes()
    try:
        graph = onnx.load_from_string(data).graph
        constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        arrays = [array for node in graph.node for array in _arrays(node, constants, onnx.helper)]
        if [array.shape for array in arrays] != [tuple(each.shape) for each in build_twin(config).variables]:
            raise ValueError("its layers have other sizes")
    except (DecodeError, ValueError, KeyError, IndexError) as error:
        raise TrainingError(
            f"{path} is not a network of the default layout ({error!s:.100}). Give SFace's ONNX file, "
            "or train a network: whopic train FACES_FOLDER."
        ) from error
    weights = {f"{number:03d}": np.ascontiguousarray(array, np.float32) for number, array in enumerate(arrays)}
    origin = {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "source": source, "license": license}
    return weights, {"twin": asdict(config), "plan": {"images": 0, "pretrained": origin}, "step": 0}


def _arrays(node: Any, constants: dict[str, AnyArray], helper: Any) -> Iterator[AnyArray]:
    """Yield the arrays of one operator in Keras's order of axes."""
    inputs = [constants[name] for name in node.input if name in constants]
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    match node.op_type:
        case "Sub" | "Mul":
            expected = alignment.LEVEL_MIDDLE if node.op_type == "Sub" else 1 / alignment.LEVEL_SPREAD
            if not np.allclose(inputs[0], expected):
                raise ValueError("its pixel normalization differs")
        case "Conv":
            is_depthwise = inputs[0].shape[1] == 1
            yield inputs[0].transpose(2, 3, 0, 1) if is_depthwise else inputs[0].transpose(2, 3, 1, 0)
        case "BatchNormalization":
            if not np.isclose(attributes["epsilon"], [CONVOLUTION_EPSILON, EMBEDDING_EPSILON], rtol=1e-3).any():
                raise ValueError("the epsilon of its batch normalization differs")
            yield from inputs
        case "PRelu":
            yield inputs[0].reshape(1, 1, -1)
        case "Gemm":
            # ONNX flattens channels first, Keras channels last.
            kernel = inputs[0].reshape(len(inputs[0]), -1, _OUTPUT_SIDE, _OUTPUT_SIDE)
            yield kernel.transpose(2, 3, 1, 0).reshape(-1, len(inputs[0]))
            yield inputs[1]
        case "Dropout" | "Flatten":
            pass
        case other:
            raise ValueError(f"it has the operator {other}")


def provisional_network(weights: dict[str, AnyArray], about: dict[str, Any]) -> Network:
    """Return a network without thresholds that embeds with the weights as they will be stored."""
    rules = Rules(Head(1.0, 0.0), (), 0.0, PairRules((), 0.0))
    config = TwinConfig.from_dict(about["twin"])
    card = ModelCard("provisional", alignment.PIPELINE, config, "", "", rules, QualityFloor(0.0, 0.0), {})
    return Network({name: to_stored_dtype(array) for name, array in weights.items()}, card)


def sample_ranges(network: Network, faces: LabeledFaces) -> list[FloatArray]:
    """Return the ranges of activations on faces of gallery people that have no anchors, for 8-bit arithmetic."""
    positions = faces.positions("calibration")
    chosen = positions[:: max(1, len(positions) // _RANGE_FACES)]
    return measure_ranges(network.weights, network.card, np.asarray(faces.crops.crops[chosen]))


def describe(about: dict[str, Any], data: str, detector: str) -> dict[str, Any]:
    """Return the part of a model card that describes the network and its training.

    `about` is that of `trained_weights` or `read_onnx`, and `data` describes the training data.
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
        "detector": detector,
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
    model: Path,
    raw: dict[str, Any],
    weights: dict[str, AnyArray],
    rules: Rules,
    floor: QualityFloor,
    ranges: Sequence[FloatArray] = (),
) -> ModelCard:
    """Write the model card with the description `raw`, its weights and ranges, and return the card."""
    numbers = {"head": asdict(rules.head), "verdict": model_card.verdict_section(rules), "quality": floor.to_dict()}
    model_card.write_card(model, raw | numbers, weights, ranges)
    return model_card.read_card(model)
