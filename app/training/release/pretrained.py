"""Import of a pretrained twin: the numbers of an ONNX file of the same layout, such as SFace.

SFace (Zhong et al. 2021, https://arxiv.org/abs/2205.12010) is published as ONNX by OpenCV Zoo under Apache-2.0. Its
layers are those of `siamese.build_twin` with the default `TwinConfig`, so the file's arrays only change their order of
axes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from app.errors import TrainingError
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import CONVOLUTION_EPSILON, EMBEDDING_EPSILON
from app.vision import alignment

_PIXELS = 7
"""Side of the last convolution's output."""


def read_onnx(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read a pretrained twin.

    Args:
        path: an ONNX file of the default layout that takes RGB values of 0 to 255.

    Returns:
        Weights by name as `siamese.get_weights` returns them, float32; and what a card says about their origin.

    Raises:
        TrainingError: onnx is missing, or the file is not a network of this layout.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise TrainingError("ONNX files need onnx: .venv/bin/pip install -r requirements-training.txt.") from error
    data = path.read_bytes()
    try:
        graph = onnx.load_from_string(data).graph
        constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
        arrays = [array for node in graph.node for array in _arrays(node, constants, onnx.helper)]
    except (DecodeError, ValueError, KeyError, IndexError) as error:
        raise TrainingError(
            f"{path} is not a network of the default layout ({error!s:.100}). Give SFace's ONNX file, "
            "or train a network: python main.py train FACES_FOLDER."
        ) from error
    weights = {f"{place:03d}": np.ascontiguousarray(array, np.float32) for place, array in enumerate(arrays)}
    return weights, {"file": path.name, "sha256": hashlib.sha256(data).hexdigest()}


def _arrays(node, constants: dict[str, np.ndarray], helper) -> Iterator[np.ndarray]:
    """Yield the arrays of one operator, in Keras's order of axes."""
    own = [constants[name] for name in node.input if name in constants]
    settings = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    match node.op_type:
        case "Sub" | "Mul":
            wanted = alignment.LEVEL_MIDDLE if node.op_type == "Sub" else 1 / alignment.LEVEL_SPREAD
            if not np.allclose(own[0], wanted):
                raise ValueError("it normalizes pixels in another way")
        case "Conv":
            depthwise = own[0].shape[1] == 1
            yield own[0].transpose(2, 3, 0, 1) if depthwise else own[0].transpose(2, 3, 1, 0)
        case "BatchNormalization":
            if not np.isclose(settings["epsilon"], [CONVOLUTION_EPSILON, EMBEDDING_EPSILON], rtol=1e-3).any():
                raise ValueError("its batch normalization has another epsilon")
            yield from own
        case "PRelu":
            yield own[0].reshape(1, 1, -1)
        case "Gemm":
            # ONNX flattens channels first, Keras channels last.
            kernel = own[0].reshape(len(own[0]), -1, _PIXELS, _PIXELS)
            yield kernel.transpose(2, 3, 1, 0).reshape(-1, len(own[0]))
            yield own[1]
        case "Dropout" | "Flatten":
            pass
        case other:
            raise ValueError(f"it has the operator {other}")


def about(origin: dict, source: str, license: str) -> dict:
    """Return what a card's `architecture` and `training` say about an imported twin.

    Args:
        origin: as `read_onnx` returns it.
        source: where the file comes from, in words.
        license: of the weights.
    """
    plan = {"images": 0, "pretrained": origin | {"source": source, "license": license}}
    return {"twin": asdict(TwinConfig()), "plan": plan, "step": 0}
