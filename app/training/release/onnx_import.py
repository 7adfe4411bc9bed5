"""Import of pretrained weights from an ONNX file of the same layout, such as SFace.

SFace (Zhong et al. 2021, https://arxiv.org/abs/2205.12010) is published as ONNX by OpenCV Zoo under Apache-2.0. Its
layers are those of `siamese.build_twin` with the default `TwinConfig`. Only the order of axes differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from app.arrays import AnyArray, FloatArray
from app.errors import TrainingError
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import CONVOLUTION_EPSILON, EMBEDDING_EPSILON
from app.vision import alignment

_OUTPUT_SIDE = 7
"""Side of the last convolution's output."""


def read_onnx(path: Path, source: str, license: str) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Read pretrained weights from a network that takes RGB values of 0 to 255.

    Returns:
        float32 weights by name, as `siamese.get_weights` returns them, and their description for the model card, as
        `export.trained_weights` returns it, with the origin `source` and the `license`.

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
    except (DecodeError, ValueError, KeyError, IndexError) as error:
        raise TrainingError(
            f"{path} is not a network of the default layout ({error!s:.100}). Give SFace's ONNX file, "
            "or train a network: python main.py train FACES_FOLDER."
        ) from error
    weights = {f"{number:03d}": np.ascontiguousarray(array, np.float32) for number, array in enumerate(arrays)}
    origin = {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "source": source, "license": license}
    return weights, {"twin": asdict(TwinConfig()), "plan": {"images": 0, "pretrained": origin}, "step": 0}


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
