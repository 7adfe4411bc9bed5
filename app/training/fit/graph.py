"""A convolutional network from an ONNX file as a function in `keras.ops`, which runs where Keras does: on a GPU too.

Just what face networks are made of is known, of the operators of https://onnx.ai/onnx/operators/. Pictures lie with
their channels last, which GPUs multiply faster, and files with theirs first: weights are turned once, when read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from keras import ops

from app.errors import TrainingError
from app.vision import alignment


class Graph:
    """An ONNX network of one picture, 3 x 112 x 112, to one vector.

    `weights` are its numbers, float32, to be given back to each call: a compiled step then takes them as what it is
    given, where it would else hold them as a part of itself. `sha256` is that of the file.

    Args:
        path: the file.
        color: `rgb` or `bgr`, the order of its channels.
        values: `bytes` if it takes 0 to 255, `unit` if it takes -1 to 1.
        precision: what it computes in.

    Raises:
        TrainingError: onnx is missing, or the file is no such network.
    """

    def __init__(self, path: Path, color: str = "rgb", values: str = "bytes", precision: str = "float32") -> None:
        try:
            import onnx
            from google.protobuf.message import DecodeError
        except ImportError as error:
            raise TrainingError("A teacher needs onnx: .venv/bin/pip install -r requirements-training.txt.") from error
        data = path.read_bytes()
        self.sha256 = hashlib.sha256(data).hexdigest()
        try:
            graph = onnx.load_from_string(data).graph
        except DecodeError as error:
            raise TrainingError(f"{path} is no ONNX network that can be read.") from error
        numbers = {one.name: onnx.numpy_helper.to_array(one).astype(np.float32) for one in graph.initializer}
        inputs = [one for one in graph.input if one.name not in numbers]
        sides = [side.dim_value for side in inputs[0].type.tensor_type.shape.dim][1:] if len(inputs) == 1 else []
        if sides != [3, alignment.SIZE, alignment.SIZE]:
            raise TrainingError(
                f"{path} does not take one picture of 3 x {alignment.SIZE} x {alignment.SIZE}, as a teacher does."
            )
        unknown = sorted({node.op_type for node in graph.node} - set(_OPERATORS))
        if unknown:
            raise TrainingError(f"{path} has {', '.join(unknown)} in it, which a teacher here may not have.")
        self.weights: list[np.ndarray] = []
        self._steps = [self._step(node, numbers, onnx.helper.get_attribute_value) for node in graph.node]
        self._input, self._output = inputs[0].name, graph.output[0].name
        self._bgr, self._unit, self._precision = color == "bgr", values == "unit", precision

    def __call__(self, weights, faces):
        """Embed faces.

        Args:
            weights: `self.weights`, or the same as tensors.
            faces: float (faces, 112, 112, 3), RGB, 0 to 255.

        Returns:
            float32 (faces, dims) of length 1.
        """
        pixels = (faces - alignment.LEVEL_MIDDLE) / alignment.LEVEL_SPREAD if self._unit else faces
        pixels = ops.flip(pixels, axis=-1) if self._bgr else pixels
        # The scale of bytes is brought down by the first operators, which need all their digits.
        found = {self._input: ops.cast(pixels, "float32")}
        for run, taken, given, needed in self._steps:
            own = [ops.cast(weights[number], "float32") for number in needed]
            found[given] = run(self._precision, *(found[name] for name in taken), *own)
        answer = ops.cast(found[self._output], "float32")
        return ops.normalize(ops.reshape(answer, (faces.shape[0], -1)), axis=1)

    def _step(self, node, numbers: dict[str, np.ndarray], value_of: Callable) -> tuple:
        attributes = {attribute.name: value_of(attribute) for attribute in node.attribute}
        own = [numbers[name] for name in node.input if name in numbers]
        taken = [name for name in node.input if name and name not in numbers]
        run, own = _OPERATORS[node.op_type](attributes, own)
        needed = range(len(self.weights), len(self.weights) + len(own))
        self.weights += own
        return run, taken, node.output[0], needed


def _convolution(attributes: dict, own: list[np.ndarray]) -> tuple:
    kernel, *bias = own
    strides, pads = attributes.get("strides", [1, 1]), attributes.get("pads", [0] * 4)
    groups = attributes.get("group", 1)
    around = [[0, 0], [pads[0], pads[2]], [pads[1], pads[3]], [0, 0]]
    if attributes.get("auto_pad", b"NOTSET") != b"NOTSET" or attributes.get("dilations", [1, 1]) != [1, 1]:
        raise TrainingError("The teacher has a convolution that is dilated or pads itself, which is not known here.")
    if groups not in (1, kernel.shape[0]) or (groups > 1 and kernel.shape[1] != 1):
        raise TrainingError("The teacher has a convolution in groups of channels, which is not known here.")
    kernel = kernel.transpose(2, 3, 1, 0)  # height, width, in, out

    def run(precision, x, kernel, *bias):
        x, kernel = ops.pad(ops.cast(x, precision), around), ops.cast(kernel, precision)
        if groups == 1:
            x = ops.conv(x, kernel, strides=tuple(strides), padding="valid", data_format="channels_last")
        else:
            x = _depthwise(x, kernel[:, :, 0], strides)
        return x + ops.cast(bias[0], precision) if bias else x

    return run, [kernel, *bias]


def _depthwise(x, kernel, strides):
    """Each channel by its own kernel, (height, width, channels), as a sum of shifted products: one walk through memory
    once compiled, where the libraries of GPUs take many times as long.
    """
    height, width = kernel.shape[:2]
    down, right = x.shape[1] - height + 1, x.shape[2] - width + 1
    return sum(
        x[:, i : i + down : strides[0], j : j + right : strides[1]] * kernel[i, j]
        for i in range(height)
        for j in range(width)
    )


def _normalization(attributes: dict, own: list[np.ndarray]) -> tuple:
    gamma, beta, mean, variance = own
    scale = gamma / np.sqrt(variance + attributes.get("epsilon", 1e-5))
    return _joined(lambda x, scale, shift: x * scale + shift), [scale, beta - mean * scale]


def _slope(attributes: dict, own: list[np.ndarray]) -> tuple:
    return _joined(lambda x, slope: ops.maximum(x, 0) + slope * ops.minimum(x, 0)), [own[0].ravel()]


def _dense(attributes: dict, own: list[np.ndarray]) -> tuple:
    kernel, *bias = own
    kernel = kernel.T if attributes.get("transB", 0) else kernel
    kernel = attributes.get("alpha", 1.0) * kernel
    bias = [attributes.get("beta", 1.0) * one for one in bias]
    return _joined(lambda x, kernel, *bias: ops.matmul(x, kernel) + sum(bias)), [kernel, *bias]


def _flat(attributes: dict, own: list[np.ndarray]) -> tuple:
    def run(precision, x):
        if len(x.shape) == 4:
            x = ops.transpose(x, (0, 3, 1, 2))
        return ops.reshape(x, (x.shape[0], -1))

    return run, []


def _arithmetic(change: Callable) -> Callable:
    def made(attributes: dict, own: list[np.ndarray]) -> tuple:
        # Of a number for each channel the sides of one pixel go, which lie elsewhere now.
        return _joined(change), [one.ravel() if one.ndim > 1 else one for one in own]

    return made


def _joined(change: Callable) -> Callable:
    """What an operator does to tensors and numbers of one precision, that of its first."""
    return lambda precision, x, *others: change(x, *(ops.cast(other, x.dtype) for other in others))


_OPERATORS = {
    "Add": _arithmetic(lambda x, y: x + y),
    "BatchNormalization": _normalization,
    "Conv": _convolution,
    "Div": _arithmetic(lambda x, y: x / y),
    "Dropout": _arithmetic(lambda x: x),
    "Flatten": _flat,
    "Gemm": _dense,
    "Identity": _arithmetic(lambda x: x),
    "Mul": _arithmetic(lambda x, y: x * y),
    "PRelu": _slope,
    "Relu": _arithmetic(lambda x: ops.maximum(x, 0)),
    "Sub": _arithmetic(lambda x, y: x - y),
}
"""How each is made ready: attributes and own numbers -> what runs, and the numbers it is given then."""
