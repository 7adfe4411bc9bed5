"""Inference: embed face crops with OpenVINO, without importing Keras or TensorFlow.

The network has the layers of `siamese.build_twin`, which stays its definition. A test compares both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.arrays import AnyArray, ByteArray, FloatArray
from app.errors import ModelError
from app.recognition.model_card import ModelCard, TwinConfig, read_card, read_weights
from app.recognition.siamese import CONVOLUTION_EPSILON, EMBEDDING_EPSILON
from app.scheduling import FairLock
from app.vision.alignment import SIZE, normalize

if TYPE_CHECKING:
    import openvino

_SHARED_FACES = 8  # after which another request may go first


class Network:
    """The compiled twin and its model card. Safe to use from several threads.

    `weights` are float16 or float32 arrays by name, as `siamese.get_weights` returns them. `precision` is `f32` or
    `bf16`. The default is bfloat16 where the processor multiplies it, which is faster and changes an embedding by less
    than 0.001 in cosine (a test holds that).
    """

    def __init__(self, weights: Mapping[str, AnyArray], card: ModelCard, precision: str | None = None) -> None:
        import openvino

        self.weights = weights
        self.card = card
        threads = cv2.getNumThreads()
        graph = _build_graph(card.twin, weights)
        single = _compile(graph, 1, threads, precision)
        parallel = _compile(graph, threads, threads, precision) if threads > 1 else single
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
            for start in range(0, len(crops), _SHARED_FACES):
                self._lock.share()
                # One face per request: every core has its own face, and an embedding does not depend on the batch.
                self._queue.set_callback(store)
                for row in range(start, min(start + _SHARED_FACES, len(crops))):
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
    return Network(read_weights(path, card), card)


def _compile(graph: openvino.Model, streams: int, threads: int, precision: str | None) -> openvino.CompiledModel:
    import openvino

    hint = {"INFERENCE_PRECISION_HINT": precision} if precision else {}
    return openvino.compile_model(graph, "CPU", {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads, **hint})


def _build_graph(config: TwinConfig, weights: Mapping[str, AnyArray]) -> openvino.Model:
    """Build the twin for one face, without the scaling to unit length: float32 (1, 112, 112, 3) to (1, embedding)."""
    import openvino
    from openvino import opset13 as ops

    arrays: Iterator[FloatArray] = (weights[name].astype(np.float32) for name in sorted(weights))

    def constant(array: FloatArray) -> openvino.Node:
        return ops.constant(np.ascontiguousarray(array))

    def batch_normalize(x: openvino.Node, epsilon: float) -> openvino.Node:
        gamma, beta, mean, variance = (next(arrays) for _ in range(4))
        # Weights of another layout may be negative here. Their shapes do not fit later.
        with np.errstate(invalid="ignore"):
            scale = gamma / np.sqrt(variance + epsilon)
        shape = (1, -1, 1, 1) if x.get_output_partial_shape(0).rank.get_length() == 4 else (1, -1)
        return ops.add(ops.multiply(x, constant(scale.reshape(shape))), constant((beta - mean * scale).reshape(shape)))

    def activate(x: openvino.Node) -> openvino.Node:
        return ops.prelu(batch_normalize(x, CONVOLUTION_EPSILON), constant(next(arrays).ravel()))

    def convolve(x: openvino.Node, pad: int) -> openvino.Node:
        kernel = next(arrays).transpose(3, 2, 0, 1)  # Keras: (height, width, in, out)
        return ops.convolution(x, constant(kernel), [1, 1], [pad, pad], [pad, pad], [1, 1])

    def separable(x: openvino.Node, stride: int) -> openvino.Node:
        kernel = next(arrays).transpose(2, 3, 0, 1)[:, :, None]  # Keras: (height, width, channels, 1)
        x = ops.group_convolution(x, constant(kernel), [stride, stride], [1, 1], [1, 1], [1, 1])
        return activate(convolve(activate(x), 0))

    try:
        crops = ops.parameter([1, SIZE, SIZE, 3], np.float32, name="crops")
        x = activate(convolve(ops.transpose(crops, np.array([0, 3, 1, 2])), 1))
        x = separable(x, 1)
        for _channels, blocks in config.stages:
            x = separable(x, 2)
            for _ in range(blocks):
                x = separable(x, 1)
        x = ops.transpose(batch_normalize(x, EMBEDDING_EPSILON), np.array([0, 2, 3, 1]))  # Keras: channels last
        x = ops.reshape(x, np.array([1, -1]), special_zero=False)
        x = ops.add(ops.matmul(x, constant(next(arrays)), False, False), constant(next(arrays)[None]))
        x = batch_normalize(x, EMBEDDING_EPSILON)
        if next(arrays, None) is not None:
            raise ValueError("The weights have more arrays than the layout.")
        return openvino.Model([x], [crops], "twin")
    except (StopIteration, RuntimeError, ValueError) as error:
        raise ModelError("The weights belong to a network of another layout than their card describes.") from error
