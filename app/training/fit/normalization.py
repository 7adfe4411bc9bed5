"""Batch normalization as TensorFlow's one fused kernel, for training alone.

Keras computes it by a dozen single operations, each a walk through memory; `bench.step` tells what that costs.
"""

from __future__ import annotations

import keras


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` over pictures, with the same variables and, to rounding, the same numbers."""

    def call(self, inputs, training=None, mask=None):
        """Normalize (batch, height, width, channels) by the batch's own statistics, or by the kept ones."""
        if not training or inputs.shape.rank != 4:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow

        outputs, mean, variance, *_ = tensorflow.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=(),
            variance=(),
            epsilon=self.epsilon,
            is_training=True,
        )
        for kept, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            kept.assign(kept * self.momentum + new * (1.0 - self.momentum))
        return outputs


def normalization() -> type[keras.layers.BatchNormalization]:
    """The class to train with: fused where TensorFlow runs Keras, else Keras's own."""
    return FusedBatchNormalization if keras.backend.backend() == "tensorflow" else keras.layers.BatchNormalization
