"""Siamese network in Keras: MobileFaceNet twin, Euclidean distance, sigmoid score (0 same ... 1 different).

The layout follows Bromley et al. 1993 (https://doi.org/10.1142/S0218001493000339) and Hadsell et al. 2006
(https://doi.org/10.1109/CVPR.2006.100). The twin is the network of SFace (Zhong et al. 2021,
https://arxiv.org/abs/2205.12010), a MobileFaceNet (Chen et al. 2018, https://arxiv.org/abs/1804.07573). It is built in
code and filled from a safetensors file, because a Keras model file can run code. `inference` runs the same layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from app.arrays import AnyArray
from app.errors import ModelError
from app.lazy_imports import import_quietly
from app.recognition.model_card import TwinConfig
from app.recognition.scoring import Head
from app.vision.alignment import SIZE

if TYPE_CHECKING:
    import keras

# Addends to the variance in batch normalization: after convolutions, and around the dense layer.
CONVOLUTION_EPSILON, EMBEDDING_EPSILON = 1e-3, 2e-5


def build_twin(config: TwinConfig, precision: str = "float32") -> keras.Model:
    """Build the twin with random weights.

    It maps float32 (batch, 112, 112, 3), as `alignment.normalize` returns it, to float32 (batch, embedding) of unit
    length. `precision` is the Keras dtype policy of the convolutions in training. Weights and embedding stay float32.
    """
    layers = import_keras().layers

    def activate(x: Any) -> Any:
        x = layers.BatchNormalization(momentum=0.95, epsilon=CONVOLUTION_EPSILON, dtype=precision)(x)
        return layers.PReLU(shared_axes=[1, 2], dtype=precision)(x)

    def separable(x: Any, channels: int, strides: int = 1) -> Any:
        # Explicit padding: with strides, Keras's "same" pads on one side only.
        x = layers.ZeroPadding2D(1, dtype=precision)(x)
        x = activate(layers.DepthwiseConv2D(3, strides=strides, use_bias=False, dtype=precision)(x))
        return activate(layers.Conv2D(channels, 1, use_bias=False, dtype=precision)(x))

    crops = layers.Input((SIZE, SIZE, 3), name="crops")
    x = activate(layers.Conv2D(config.stem, 3, padding="same", use_bias=False, dtype=precision)(crops))
    x = separable(x, 2 * config.stem)  # (batch, 112, 112, 2 * stem)
    for channels, blocks in config.stages:
        x = separable(x, channels, strides=2)  # half the side at every stage
        for _ in range(blocks):
            x = separable(x, channels)
    x = layers.BatchNormalization(momentum=0.95, epsilon=EMBEDDING_EPSILON)(x)
    x = layers.Flatten(dtype="float32")(x)
    x = layers.Dense(config.embedding)(x)
    x = layers.BatchNormalization(momentum=0.95, epsilon=EMBEDDING_EPSILON)(x)
    embeddings = layers.UnitNormalization(name="embeddings")(x)
    return import_keras().Model(crops, embeddings, name="twin")


def build_siamese(twin: keras.Model, head: Head) -> keras.Model:
    """Join two uses of one twin into the Siamese network.

    It maps two inputs, float32 (batch, 112, 112, 3) each, to the score, float32 (batch, 1): 0 same ... 1 different.
    """
    keras = import_keras()
    first, second = (keras.layers.Input(twin.input_shape[1:], name=name) for name in ("first", "second"))
    difference = keras.layers.Subtract()([twin(first), twin(second)])
    distance = keras.layers.Lambda(_length, output_shape=(1,), name="distance")(difference)
    score = keras.layers.Dense(1, activation="sigmoid", name="score")
    model = keras.Model([first, second], score(distance), name="siamese")
    # sigmoid(scale * (distance - shift)) as a dense layer of one weight and one bias.
    score.set_weights([np.array([[head.scale]]), np.array([-head.scale * head.shift])])
    return model


def get_weights(twin: keras.Model) -> dict[str, AnyArray]:
    """Return the weights of a twin as float32 arrays, named by their position."""
    return {f"{position:03d}": np.asarray(variable) for position, variable in enumerate(twin.variables)}


def set_weights(twin: keras.Model, weights: Mapping[str, AnyArray]) -> None:
    """Fill a twin with weights, as `get_weights` returns them, of the same layout."""
    shapes = {f"{position:03d}": tuple(variable.shape) for position, variable in enumerate(twin.variables)}
    if {name: array.shape for name, array in weights.items()} != shapes:
        raise ModelError("The weights belong to a network of another layout than their card describes.")
    for name, variable in zip(sorted(shapes), twin.variables, strict=True):
        variable.assign(weights[name].astype(np.float32))


def import_keras() -> ModuleType:
    """Import Keras, which takes seconds, without TensorFlow's messages."""
    return import_quietly("keras")


def _length(vectors: Any) -> Any:
    """Return the Euclidean length: (batch, dims) to (batch, 1)."""
    ops = import_keras().ops
    return ops.sqrt(ops.maximum(ops.sum(ops.square(vectors), axis=1, keepdims=True), 0.0))
