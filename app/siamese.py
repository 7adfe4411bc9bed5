"""The Siamese network: one convolutional twin, Euclidean distance, sigmoid score (0 same, 1 different).

The layout follows Bromley et al. 1993 and Hadsell et al. 2006 (contrastive loss); the twin is a
plain residual stack of 3x3 convolutions (He et al. 2015, https://arxiv.org/abs/1512.03385), which
two CPU cores train and run faster per multiply-add than depthwise ones. Built in code and filled
with plain numbers from a safetensors file, so that no model file can carry code.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app import crop
from app.card import Card, ModelError, TwinConfig, read_card, read_weights
from app.quiet import import_quietly
from app.verdict import Head

if TYPE_CHECKING:
    import keras

BATCHES = (1, 4, 16, 64)
"""Batch sizes that the serving twin sees: others would have kernels prepared anew and move the last digits."""

_FULL = 0.75
"""A batch that would be less full is not padded up to its size: smaller ones take less time, which grows with size."""


def build_twin(config: TwinConfig, precision: str = "float32", normalisation: type | None = None) -> keras.Model:
    """Make the twin with fresh random weights, float32 in any case.

    Arguments:
        config: its layout.
        precision: Keras dtype policy of the convolutions, for training; the embedding's own layers stay in float32.
        normalisation: class of the batch normalisations, for training; Keras's own unless given.

    Returns:
        A Keras model: float32 (batch, 112, 112, 3) as `crop.normalise` gives it, to float32
        (batch, embedding) of length 1.
    """
    keras = import_keras()
    layers = keras.layers
    normalisation = normalisation or layers.BatchNormalization

    def convolve(x, channels, strides=1):
        x = layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False, dtype=precision)(x)
        return normalisation(momentum=0.95, dtype=precision)(x)

    def rectify(x):
        return layers.ReLU(dtype=precision)(x)

    crops = layers.Input((crop.SIZE, crop.SIZE, 3), name="crops")
    x = rectify(convolve(crops, config.stem, strides=2))  # (batch, 56, 56, stem)
    for channels, pairs in config.stages:
        x = rectify(convolve(x, channels, strides=2))
        for _ in range(pairs):
            inner = rectify(convolve(x, channels))
            x = rectify(layers.Add(dtype=precision)([x, convolve(inner, channels)]))
    x = layers.Flatten(dtype="float32")(x)
    x = layers.Dense(config.embedding, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.95)(x)
    embeddings = layers.UnitNormalization(name="embeddings")(x)
    return keras.Model(crops, embeddings, name="twin")


def build_siamese(twin: keras.Model, head: Head) -> keras.Model:
    """Join two uses of one twin into the whole Siamese network.

    Returns:
        A Keras model of two inputs, float32 (batch, 112, 112, 3) each, and one output, float32
        (batch, 1): the score, 0 same ... 1 different.
    """
    keras = import_keras()
    left, right = (keras.layers.Input(twin.input_shape[1:], name=name) for name in ("left", "right"))
    difference = keras.layers.Subtract()([twin(left), twin(right)])
    distance = keras.layers.Lambda(_length, output_shape=(1,), name="distance")(difference)
    score = keras.layers.Dense(1, activation="sigmoid", name="score")
    model = keras.Model([left, right], score(distance), name="siamese")
    # sigmoid(scale * (d - shift)) written as a dense layer of one weight and one bias.
    score.set_weights([np.array([[head.scale]]), np.array([-head.scale * head.shift])])
    return model


class Network:
    """The twin that serves, with its card; safe to use from several threads."""

    def __init__(self, twin: keras.Model, card: Card) -> None:
        import tensorflow

        self.twin = twin
        self.card = card
        self._lock = threading.Lock()
        # Traced once, for any number of faces, so that no visitor waits for the first group of some size.
        faces = tensorflow.TensorSpec((None, *twin.input_shape[1:]), tensorflow.float32)
        self._forward = tensorflow.function(lambda crops: twin(crops, training=False), input_signature=[faces])

    @property
    def dims(self) -> int:
        """Length of an embedding."""
        return self.card.twin.embedding

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Embed aligned faces.

        Arguments:
            crops: uint8 (faces, 112, 112, 3) RGB, as `crop.align` cuts them.

        Returns:
            float32 (faces, dims) of length 1.
        """
        parts, at = [], 0
        for size in batch_sizes(len(crops)):
            parts.append(self._embed_batch(crops[at : at + size], size))
            at += size
        return np.concatenate(parts) if parts else np.zeros((0, self.dims), dtype=np.float32)

    def _embed_batch(self, crops: np.ndarray, size: int) -> np.ndarray:
        padded = np.zeros((size, *crops.shape[1:]), dtype=np.float32)
        padded[: len(crops)] = crop.normalise(crops)
        with self._lock:
            return self._forward(padded).numpy()[: len(crops)]


def batch_sizes(faces: int) -> Iterator[int]:
    """The sizes of the batches that so many faces are embedded in; the last may be larger than what is left for it."""
    while faces > 0:
        size = max(size for size in BATCHES if size == 1 or size * _FULL <= faces)
        yield size
        faces -= size


def load_network(path: Path) -> Network:
    """Load the network that a card describes.

    Arguments:
        path: the card, a JSON file; the weights it names lie beside it.

    Raises:
        ModelError: card or weights are missing or altered, or made for another crop.
    """
    card = read_card(path)
    twin = build_twin(card.twin)
    fill(twin, read_weights(path, card))
    return Network(twin, card)


def fill(twin: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Put weights into a twin.

    Arguments:
        twin: of the layout the weights belong to.
        weights: as `numbers` gives them, by position.

    Raises:
        ModelError: they belong to another layout.
    """
    shapes = {f"{i:03d}": tuple(variable.shape) for i, variable in enumerate(twin.variables)}
    if {name: array.shape for name, array in weights.items()} != shapes:
        raise ModelError("The weights belong to a network of another layout than their card describes.")
    for name, variable in zip(sorted(shapes), twin.variables, strict=True):
        variable.assign(weights[name].astype(np.float32))


def numbers(twin: keras.Model) -> dict[str, np.ndarray]:
    """The weights of a twin as plain arrays, named by their position: float32."""
    return {f"{i:03d}": np.asarray(variable) for i, variable in enumerate(twin.variables)}


def import_keras():
    """Import Keras, seconds that only those who need a network should spend."""
    return import_quietly("keras")


def _length(vectors):
    """Euclidean length: (batch, dims) -> (batch, 1)."""
    ops = import_keras().ops
    return ops.sqrt(ops.maximum(ops.sum(ops.square(vectors), axis=1, keepdims=True), 0.0))
