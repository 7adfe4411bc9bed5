import keras
import numpy as np

from app.training.fit.normalization import FusedBatchNormalization, normalization


def test_the_fused_layer_gives_the_numbers_of_keras():
    pictures = np.random.default_rng(3).normal(2, 3, (6, 10, 8, 5)).astype(np.float32)
    fused, plain = FusedBatchNormalization(momentum=0.9), keras.layers.BatchNormalization(momentum=0.9)
    for layer in (fused, plain):
        layer.build(pictures.shape)
    # The fused kernel keeps the variance of a sample, n / (n - 1) times that of the batch.
    for training in (False, True, True, False):
        ours, theirs = (np.asarray(layer(pictures, training=training)) for layer in (fused, plain))
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1 / 400)
    for ours, theirs in zip(fused.variables, plain.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1 / 400)


def test_vectors_are_left_to_keras():
    layer = normalization()(momentum=0.9)
    vectors = np.float32([[1, 2], [3, 6]])
    np.testing.assert_allclose(np.asarray(layer(vectors, training=True)), [[-1, -1], [1, 1]], atol=1e-2)
