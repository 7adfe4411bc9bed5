"""8-bit arithmetic for networks in OpenVINO: when to use it, and how to round activations and weights.

Activations of a layer have one scale, and weights one per output channel. A channel with small activations would lose
precision, so in the twin, factors move from activations to the weights that follow (Nagel et al. 2019,
https://arxiv.org/abs/1906.04721). They change nothing else, since the activation function keeps positive factors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from app.arrays import FloatArray

if TYPE_CHECKING:
    import openvino

# `CPU_AVX_512VNNI` of OpenCV, which Python cannot read. Older processors may overflow when they add products.
_VNNI = 23

_LEAST_FACTOR = 0.02


def is_supported() -> bool:
    """Return whether the processor multiplies 8-bit integers exactly and fast."""
    return cv2.checkHardwareSupport(_VNNI)


def channel_factors(maxima: FloatArray, exponent: float) -> FloatArray:
    """Return by what to divide the activations of each channel, 0.02 ... 1: float32 (channels,).

    Args:
        maxima: Largest absolute activations, float (channels,).
        exponent: 1 for channels with their own weights, which lose nothing. Less where one row of weights has factors
            of all channels.
    """
    return np.asarray(np.maximum(maxima / maxima.max(), _LEAST_FACTOR) ** exponent, np.float32)


def quantize_activations(x: openvino.Node | openvino.Output, limit: float, signed: bool = True) -> openvino.Node:
    """Round activations to 256 levels of -limit ... limit, or of 0 ... limit."""
    from openvino import opset13 as ops

    low, high = np.float32(-limit * 128 / 127 if signed else 0), np.float32(limit)
    return ops.fake_quantize(x, ops.constant(low), ops.constant(high), ops.constant(low), ops.constant(high), 256)


def quantize_weights(weights: FloatArray, output_axis: int) -> openvino.Node:
    """Round weights to 255 levels of each output channel."""
    import openvino
    from openvino import opset13 as ops

    axes = tuple(axis for axis in range(weights.ndim) if axis != output_axis)
    scales = np.maximum(np.abs(weights).max(axis=axes, keepdims=True), 1e-12).astype(np.float32) / 127
    levels = np.ascontiguousarray(np.rint(weights / scales).astype(np.int8))
    return ops.multiply(ops.convert(ops.constant(levels), openvino.Type.f32), ops.constant(scales))
