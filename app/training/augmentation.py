"""Data augmentation of face crops on Keras preprocessing layers, part of the training step on every backend."""

import keras
import numpy as np
from keras import layers, ops

from app.vision import alignment

LOW_RESOLUTIONS = (28, 40, 56, 80)
"""Widths in pixels to which `RandomLowResolution` reduces crops."""


class RandomLowResolution(layers.Layer):
    """Reduce a share of the crops, `factor`, and enlarge them again, as if the faces were small in their photos."""

    def __init__(self, factor: float, seed: int) -> None:
        super().__init__()
        self.factor = factor
        self.seed_generator = keras.random.SeedGenerator(seed)
        # Resizing is linear: a matrix on the rows, then the same matrix on the columns.
        identity = np.eye(alignment.SIZE, dtype=np.float32)
        self.matrices = np.stack([identity, *(_resizing_matrix(width) for width in LOW_RESOLUTIONS)])

    def call(self, crops: keras.KerasTensor, training: bool = True) -> keras.KerasTensor:
        """Change float32 (batch, 112, 112, 3)."""
        if not training:
            return crops
        numbers = keras.random.uniform((ops.shape(crops)[0],), seed=self.seed_generator) / self.factor
        choices = ops.where(numbers < 1, 1 + ops.cast(numbers * len(LOW_RESOLUTIONS), "int32"), 0)
        matrices = ops.take(self.matrices, choices, axis=0)  # (batch, 112, 112)
        crops = ops.einsum("bij,bjkc->bikc", matrices, crops)
        return ops.einsum("bkj,bijc->bikc", matrices, crops)


def build_augmentation(seed: int) -> keras.Sequential:
    """Return a model from RGB crops, float32 (batch, 112, 112, 3) in 0 ... 255, to the same shape and range.

    Pixels from outside a crop are gray, as in `alignment.align`.
    """
    levels = {"value_range": (0, 255)}
    border = {"fill_mode": "constant", "fill_value": alignment.BORDER_LEVEL}
    augmentation = keras.Sequential(
        [
            layers.Input((alignment.SIZE, alignment.SIZE, 3)),
            layers.RandomFlip("horizontal", seed=seed),
            layers.RandomRotation(15 / 360, seed=seed + 1, **border),
            layers.RandomZoom((-0.1, 0.1), seed=seed + 2, **border),
            layers.RandomTranslation(0.04, 0.04, seed=seed + 3, **border),
            layers.RandomBrightness(0.2, seed=seed + 4, **levels),
            layers.RandomContrast(0.3, seed=seed + 5, **levels),
            layers.RandomSaturation((0.4, 0.6), seed=seed + 6, **levels),
            layers.RandomGrayscale(0.06, seed=seed + 7),
            RandomLowResolution(0.15, seed=seed + 8),
            layers.RandomGaussianBlur(0.1, kernel_size=5, sigma=1.0, seed=seed + 9, **levels),
            layers.RandomErasing(0.1, (0.02, 0.2), alignment.BORDER_LEVEL, seed=seed + 10, **levels),
        ],
        name="augmentation",
    )
    for layer in augmentation.layers:
        # Keras marks affine layers as not compilable, which is true for XLA under TensorFlow only.
        layer.supports_jit = layer.supports_jit or keras.backend.backend() == "jax"
    return augmentation


def _resizing_matrix(width: int) -> np.ndarray:
    rows = ops.reshape(ops.eye(alignment.SIZE), (1, alignment.SIZE, alignment.SIZE, 1))
    reduced = ops.image.resize(rows, (width, alignment.SIZE), antialias=True)
    return np.asarray(ops.image.resize(reduced, (alignment.SIZE, alignment.SIZE)))[0, :, :, 0]
