"""What the compression of JPEG leaves of pictures, in `keras.ops`: the cosines of their blocks, in coarse steps.

After ITU-T T.81, with the colors at half the size, as most programs write them.
"""

from __future__ import annotations

import cv2
import numpy as np
from keras import ops

from app.vision import alignment

# ITU-T T.81, Annex K: the tables for lightness and color that nearly every JPEG scales.
_LIGHTNESS = """
16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99
"""
_COLOR = """
17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99
"""
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)

_ENLARGED = cv2.resize(np.eye(alignment.SIZE // 2, dtype=np.float32), (alignment.SIZE // 2, alignment.SIZE))
"""What doubles a row or column, bilinear, as decoders do it: float32 (112, 56)."""


def compressed(faces, quality):
    """What JPEG of a quality of 1 to 100 leaves of faces: their blocks' cosines in the steps of its tables."""
    quality = ops.cast(ops.maximum(quality, 1), "float32")
    scale = ops.where(quality < 50, 5000.0 / quality, 200.0 - 2.0 * quality)
    ycc = ops.einsum("oc,bijc->obij", _TO_YCC, faces)
    half = (-1, alignment.SIZE // 2, 2, alignment.SIZE // 2, 2)
    lightness = _quantized(ycc[0] - 128.0, scale, _LIGHTNESS) + 128.0
    colors = []
    for channel in (1, 2):
        small = ops.mean(ops.reshape(ycc[channel], half), axis=(2, 4))
        small = _quantized(small, scale, _COLOR)
        colors.append(ops.einsum("ij,bjk,lk->bil", _ENLARGED, small, _ENLARGED))
    ycc = ops.stack([lightness, *colors], axis=-1)
    back = np.linalg.inv(_TO_YCC).astype(np.float32)
    return ops.clip(ops.einsum("oc,bijc->bijo", back, ycc), 0.0, 255.0)


def _quantized(channel, scale, table: str):
    side = channel.shape[1]
    steps = np.array(table.split(), np.float32).reshape(8, 8)
    steps = ops.clip(ops.floor((steps * scale[:, None, None] + 50.0) / 100.0), 1.0, 255.0)[:, None, :, None, :]
    cosines = cv2.dct(np.eye(8, dtype=np.float32), flags=cv2.DCT_ROWS).T
    blocks = ops.reshape(channel, (-1, side // 8, 8, side // 8, 8))
    found = ops.einsum("ui,vj,brisj->brusv", cosines, cosines, blocks)
    found = ops.round(found / steps) * steps
    return ops.reshape(ops.einsum("ui,vj,brusv->brisj", cosines, cosines, found), (-1, side, side))
