"""Inference of the twin with OpenVINO: the layers of `siamese.build_twin`, without importing Keras or TensorFlow.

`bench.limit` measures how near it comes to the processor's limit. The Keras model stays the definition of the network;
a test holds both together.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.errors import ModelError
from app.recognition.model_card import ModelCard, TwinConfig, read_card, read_weights
from app.recognition.siamese import CONVOLUTION_EPSILON, EMBEDDING_EPSILON
from app.vision import alignment

if TYPE_CHECKING:
    import openvino


class Network:
    """The twin that serves, with its card. Safe to use from several threads.

    Args:
        weights: arrays by name as `siamese.get_weights` returns them, float16 or float32.
        card: layout and every number that decides.
        precision: what it computes in, `f32` or `bf16`. By default bfloat16 where the processor multiplies it, which
            is faster and changes an embedding by less than 0.001 in cosine (a test holds it there).

    Raises:
        ModelError: the weights belong to another layout.
    """

    def __init__(self, weights: dict[str, np.ndarray], card: ModelCard, precision: str | None = None) -> None:
        import openvino

        self.weights = weights
        self.card = card
        threads = cv2.getNumThreads()
        graph = _graph(card.twin, weights)
        alone = _compile(graph, 1, threads, precision)
        together = _compile(graph, threads, threads, precision) if threads > 1 else alone
        self._lock = threading.Lock()
        self._request = alone.create_infer_request()
        self._queue = openvino.AsyncInferQueue(together)
        # OpenVINO's Python layer initializes itself in its first call, in which two threads may block each other.
        self.embed(np.zeros((2, alignment.SIZE, alignment.SIZE, 3), dtype=np.uint8))

    @property
    def dims(self) -> int:
        """Length of an embedding."""
        return self.card.twin.embedding

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Embed aligned faces.

        Args:
            crops: uint8 (faces, 112, 112, 3) RGB, as `crop.align` returns them.

        Returns:
            float32 (faces, dims) of unit length.
        """
        return to_unit_length(self.embed_raw(crops))

    def embed_raw(self, crops: np.ndarray) -> np.ndarray:
        """Embed aligned faces, with the vectors' lengths, which tell how clear a face is (see `quality`).

        Args:
            crops: uint8 (faces, 112, 112, 3) RGB, as `crop.align` returns them.

        Returns:
            float32 (faces, dims), not of unit length.
        """
        embeddings = np.zeros((len(crops), self.dims), dtype=np.float32)
        with self._lock:
            if len(crops) == 1:
                embeddings[0] = self._request.infer([alignment.normalize(crops)])[0][0]
                return embeddings
            # One face a request: each core has a face of its own, and a face has the same embedding in any group.
            self._queue.set_callback(lambda request, place: _store(request, embeddings, place))
            for place in range(len(crops)):
                self._queue.start_async([alignment.normalize(crops[place : place + 1])], place)
            self._queue.wait_all()
        return embeddings


def _store(request: openvino.InferRequest, embeddings: np.ndarray, place: int) -> None:
    embeddings[place] = request.get_output_tensor().data[0]


def to_unit_length(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to unit length: float (faces, dims), same out."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def load_network(path: Path) -> Network:
    """Load the network that a card describes.

    Args:
        path: the card, a JSON file, with the weights it names in the same folder.

    Raises:
        ModelError: card or weights are missing, altered, or made for another alignment.
    """
    card = read_card(path)
    return Network(read_weights(path, card), card)


def _compile(graph: openvino.Model, streams: int, threads: int, precision: str | None) -> openvino.CompiledModel:
    import openvino

    options = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads}
    return openvino.compile_model(
        graph, "CPU", options | ({"INFERENCE_PRECISION_HINT": precision} if precision else {})
    )


def _graph(config: TwinConfig, weights: dict[str, np.ndarray]) -> openvino.Model:
    """Build the twin for one face, without its last layer, which scales to unit length.

    It takes float32 (1, 112, 112, 3) and returns float32 (1, embedding).
    """
    import openvino
    from openvino import opset13 as ops

    arrays: Iterator[np.ndarray] = (weights[name].astype(np.float32) for name in sorted(weights))

    def constant(array: np.ndarray):
        return ops.constant(np.ascontiguousarray(array))

    def normalize(x, epsilon: float):
        gamma, beta, mean, variance = (next(arrays) for _ in range(4))
        # Numbers of another layout may be negative here; their shapes do not fit further on.
        with np.errstate(invalid="ignore"):
            scale = gamma / np.sqrt(variance + epsilon)
        shape = (1, -1, 1, 1) if x.get_output_partial_shape(0).rank.get_length() == 4 else (1, -1)
        return ops.add(ops.multiply(x, constant(scale.reshape(shape))), constant((beta - mean * scale).reshape(shape)))

    def activate(x):
        return ops.prelu(normalize(x, CONVOLUTION_EPSILON), constant(next(arrays).ravel()))

    def convolve(x, pad: int):
        kernel = next(arrays).transpose(3, 2, 0, 1)  # Keras: (height, width, in, out)
        return ops.convolution(x, constant(kernel), [1, 1], [pad, pad], [pad, pad], [1, 1])

    def separable(x, stride: int):
        kernel = next(arrays).transpose(2, 3, 0, 1)[:, :, None]  # Keras: (height, width, channels, 1)
        x = ops.group_convolution(x, constant(kernel), [stride, stride], [1, 1], [1, 1], [1, 1])
        return activate(convolve(activate(x), 0))

    try:
        crops = ops.parameter([1, alignment.SIZE, alignment.SIZE, 3], np.float32, name="crops")
        x = activate(convolve(ops.transpose(crops, np.array([0, 3, 1, 2])), 1))
        x = separable(x, 1)
        for _channels, blocks in config.stages:
            x = separable(x, 2)
            for _ in range(blocks):
                x = separable(x, 1)
        x = ops.transpose(normalize(x, EMBEDDING_EPSILON), np.array([0, 2, 3, 1]))  # Keras flattens channels last
        x = ops.reshape(x, np.array([1, -1]), special_zero=False)
        x = ops.add(ops.matmul(x, constant(next(arrays)), False, False), constant(next(arrays)[None]))
        x = normalize(x, EMBEDDING_EPSILON)
        if next(arrays, None) is not None:
            raise StopIteration
        return openvino.Model([x], [crops], "twin")
    except (StopIteration, RuntimeError, ValueError) as error:
        raise ModelError("The weights belong to a network of another layout than their card describes.") from error
