"""Inference: embed face crops with OpenVINO, without importing Keras or TensorFlow.

The network has the layers of `siamese.build_twin`, which stays its definition. A test compares both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app import quantization
from app.arrays import AnyArray, ByteArray, FloatArray
from app.errors import ModelError
from app.recognition.model_card import ModelCard, TwinConfig, read_card, read_ranges, read_weights
from app.recognition.siamese import CONVOLUTION_EPSILON, EMBEDDING_EPSILON
from app.scheduling import FairLock
from app.vision.alignment import SIZE, normalize

if TYPE_CHECKING:
    import openvino

_FACES_PER_CORE = 2  # embedded before another request may go first


class Network:
    """The compiled twin and its model card. Safe to use from several threads.

    `weights` are float16 or float32 arrays by name, as `siamese.get_weights` returns them. With `ranges`, those of
    `measure_ranges`, the network multiplies 8-bit integers, in less than half the time. Otherwise `precision` is `f32`
    or `bf16`. The default is bfloat16 where the processor multiplies it, which changes an embedding by less than 0.001
    in cosine.
    """

    def __init__(
        self,
        weights: Mapping[str, AnyArray],
        card: ModelCard,
        precision: str | None = None,
        ranges: Sequence[FloatArray] = (),
    ) -> None:
        import openvino

        self.weights = weights
        self.card = card
        self.ranges = ranges
        threads = cv2.getNumThreads()
        graph = _build_graph(card.twin, weights, ranges)
        parallel = _compile(graph, threads, threads, precision)
        # 8-bit integers leave little to share between cores, and a second network takes memory.
        single = parallel if ranges or threads == 1 else _compile(graph, 1, threads, precision)
        self._shared_faces = _FACES_PER_CORE * threads
        self._lock = FairLock()
        self._request = single.create_infer_request()
        self._queue = openvino.AsyncInferQueue(parallel)
        # OpenVINO's Python layer initializes itself in its first call, in which two threads may deadlock.
        self.embed(np.zeros((2, SIZE, SIZE, 3), dtype=np.uint8))

    @property
    def dims(self) -> int:
        """Length of an embedding."""
        return self.card.twin.embedding

    def embed(self, crops: ByteArray) -> FloatArray:
        """Embed face crops: uint8 (faces, 112, 112, 3) RGB to float32 (faces, dims) of unit length."""
        return to_unit_length(self.embed_raw(crops))

    def embed_raw(self, crops: ByteArray) -> FloatArray:
        """Embed face crops, as `embed`, without scaling to unit length. The length measures the quality."""
        embeddings = np.zeros((len(crops), self.dims), dtype=np.float32)

        def store(request: openvino.InferRequest, row: int) -> None:
            embeddings[row] = request.get_output_tensor().data[0]

        with self._lock:
            if len(crops) == 1:
                embeddings[0] = self._request.infer([normalize(crops)])[0][0]
                return embeddings
            for start in range(0, len(crops), self._shared_faces):
                self._lock.share()
                # One face per request: every core has its own face, and an embedding does not depend on the batch.
                self._queue.set_callback(store)
                for row in range(start, min(start + self._shared_faces, len(crops))):
                    self._queue.start_async([normalize(crops[row : row + 1])], row)
                self._queue.wait_all()
        return embeddings


def to_unit_length(embeddings: FloatArray) -> FloatArray:
    """Scale embeddings, float (faces, dims), to unit length."""
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(norms, 1e-9), dtype=embeddings.dtype)


def load_network(path: Path) -> Network:
    """Load the network of a model card, a JSON file with its weights in the same folder."""
    card = read_card(path)
    return Network(
        read_weights(path, card), card, ranges=read_ranges(path, card) if quantization.is_supported() else ()
    )


def measure_ranges(weights: Mapping[str, AnyArray], card: ModelCard, crops: ByteArray) -> list[FloatArray]:
    """Return the largest absolute activations of each layer on face crops, uint8 (faces, 112, 112, 3).

    Each array is float32 (channels,). A few hundred faces are enough.
    """
    graph = _build_graph(card.twin, weights)
    activations = [node.output(0) for node in graph.get_ordered_ops() if node.get_type_name() == "PRelu"]
    graph.add_outputs(activations)
    request = _compile(graph, 1, cv2.getNumThreads(), "f32").create_infer_request()
    ranges = [np.zeros(activation.get_partial_shape()[1].get_length(), np.float32) for activation in activations]
    for crop in crops:
        request.infer([normalize(crop[None])])
        for number, highest in enumerate(ranges, start=1):
            np.maximum(highest, np.abs(request.get_output_tensor(number).data[0]).max(axis=(1, 2)), out=highest)
    return ranges


def _compile(graph: openvino.Model, streams: int, threads: int, precision: str | None) -> openvino.CompiledModel:
    import openvino

    hint = {"INFERENCE_PRECISION_HINT": precision} if precision else {}
    return openvino.compile_model(graph, "CPU", {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads, **hint})


def _read_normalization(arrays: Iterator[FloatArray], epsilon: float) -> tuple[FloatArray, FloatArray]:
    """Return by what a batch normalization multiplies each channel, and what it adds."""
    gamma, beta, mean, variance = vectors = [next(arrays) for _ in range(4)]
    # NumPy would broadcast arrays of another layout to many gigabytes.
    if gamma.ndim != 1 or {vector.shape for vector in vectors} != {gamma.shape}:
        raise ValueError("A normalization has other arrays than the layout.")
    # Weights of another layout may be negative here. Their shapes do not fit later.
    with np.errstate(invalid="ignore"):
        scale = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale


def _build_graph(
    config: TwinConfig, weights: Mapping[str, AnyArray], ranges: Sequence[FloatArray] = ()
) -> openvino.Model:
    """Build the twin for one face, without the scaling to unit length: float32 (1, 112, 112, 3) to (1, embedding)."""
    import openvino
    from openvino import opset13 as ops

    arrays: Iterator[FloatArray] = (weights[name].astype(np.float32) for name in sorted(weights))
    maxima = iter(ranges)

    def constant(array: FloatArray) -> openvino.Node:
        return ops.constant(np.ascontiguousarray(array))

    def activate(x: openvino.Node, exponent: float) -> tuple[openvino.Node, FloatArray | None]:
        """Return the activations and, if they are quantized, the factors of their channels that weights must repeat."""
        scale, shift = _read_normalization(arrays, CONVOLUTION_EPSILON)
        highest = next(maxima, None)
        factors = None if highest is None else quantization.channel_factors(highest, exponent)
        if factors is not None:
            scale, shift = scale / factors, shift / factors
        x = ops.add(ops.multiply(x, constant(scale.reshape(1, -1, 1, 1))), constant(shift.reshape(1, -1, 1, 1)))
        x = ops.prelu(x, constant(next(arrays).ravel()))
        if highest is not None and factors is not None:
            x = quantization.quantize_activations(x, float((highest / factors).max()))
        return x, factors

    def kernel(array: FloatArray, factors: FloatArray | None, output_axis: int = 0) -> openvino.Node:
        return constant(array) if factors is None else quantization.quantize_weights(array, output_axis)

    def convolve(x: openvino.Node, factors: FloatArray | None, pad: int) -> openvino.Node:
        array = next(arrays).transpose(3, 2, 0, 1)  # Keras: (height, width, in, out)
        if factors is not None:
            array = array * factors[:, None, None]
        return ops.convolution(x, kernel(array, factors), [1, 1], [pad, pad], [pad, pad], [1, 1])

    def separable(
        x: openvino.Node, factors: FloatArray | None, stride: int, exponent: float = 1
    ) -> tuple[openvino.Node, FloatArray | None]:
        array = next(arrays).transpose(2, 3, 0, 1)[:, :, None]  # Keras: (height, width, channels, 1)
        if factors is not None:
            array = array * factors[:, None, None, None, None]
        x = ops.group_convolution(x, kernel(array, factors), [stride, stride], [1, 1], [1, 1], [1, 1])
        x, factors = activate(x, 0.5)
        return activate(convolve(x, factors, 0), exponent)

    try:
        crops = ops.parameter([1, SIZE, SIZE, 3], np.float32, name="crops")
        strides = [1, *(stride for _, blocks in config.stages for stride in (2, *[1] * blocks))]
        x, factors = activate(convolve(ops.transpose(crops, np.array([0, 3, 1, 2])), None, 1), 1)
        for number, stride in enumerate(strides, start=1):
            x, factors = separable(x, factors, stride, exponent=1 if number < len(strides) else 0.5)
        scale, shift = _read_normalization(arrays, EMBEDDING_EPSILON)
        dense, bias = next(arrays), next(arrays)
        if dense.ndim != 2 or bias.shape != dense.shape[1:] or len(dense) % len(scale):
            raise ValueError("The last layer has other arrays than the layout.")
        cells = len(dense) // len(scale)
        # The normalization moves into the dense layer. Keras: channels last.
        bias = bias + np.tile(shift, cells) @ dense
        dense = dense * np.tile(scale if factors is None else scale * factors, cells)[:, None]
        x = ops.reshape(ops.transpose(x, np.array([0, 2, 3, 1])), np.array([1, -1]), special_zero=False)
        scale, shift = _read_normalization(arrays, EMBEDDING_EPSILON)
        x = ops.matmul(x, kernel(dense * scale, factors, output_axis=1), False, False)
        x = ops.add(x, constant((bias * scale + shift)[None]))
        if next(arrays, None) is not None or next(maxima, None) is not None or (ranges and factors is None):
            raise ValueError("The weights or ranges have another number of arrays than the layout.")
        return openvino.Model([x], [crops], "twin")
    except (StopIteration, RuntimeError, ValueError) as error:
        raise ModelError("The weights belong to a network of another layout than their card describes.") from error
