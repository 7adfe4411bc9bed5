"""Training faces rendered where the network trains, a whole batch at once, so that a GPU need not wait for pictures.

The host draws the augmentation (`dice`) and computes where the faces lie (`frames`). The rest happens here, in
`keras.ops` and inside the training step. A teacher sees every blend upright and clear in the same step in which the
student sees it augmented.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from keras import ops

from app.training.augmentation import dice, jpeg
from app.training.data.tiles import SIDE, TileSet
from app.vision import alignment

_PIXELS = alignment.SIZE * alignment.SIZE


def packed(tiles: TileSet) -> np.ndarray:
    """The pixels of all tiles, one after the other, each as one number, which a GPU fetches at once.

    Returns:
        int32 (faces * 144 * 144,): red + 256 * green + 65536 * blue.
    """
    flat = np.empty(len(tiles) * SIDE * SIDE, dtype=np.int32)
    for at in range(0, len(tiles), 1024):
        part = np.asarray(tiles.tiles[at : at + 1024]).reshape(-1, 3).astype(np.int32)
        flat[at * SIDE * SIDE : at * SIDE * SIDE + len(part)] = part[:, 0] + (part[:, 1] << 8) + (part[:, 2] << 16)
    return flat


def pictures(tiles, looks, blends, laid):
    """Render a batch.

    Args:
        tiles: as `packed` gives them.
        looks: the dice of the faces.
        blends: the dice of the first of them, which are blends.
        laid: as `frames.lay_out` returns it, with `box` and `other_box` (faces, 4), the left, top, right and bottom
            pixel of a picture in the black of its tile.

    Returns:
        What the student sees, float32 (faces, 112, 112, 3), normalized; and what a teacher sees of the blends, float32
        (blends, 112, 112, 3), RGB, 0 to 255.
    """
    count = blends["share"].shape[0]
    ours = {name: laid[name] for name in ("place", "frame", "box")}
    first = {name: value[:count] for name, value in ours.items()}
    second = {name: laid[f"other_{name}"] for name in ours}
    around = np.full(count, dice.BLACK, np.float32)  # as teachers learnt to see it
    upright, matched = _blended(tiles, blends, first, second, laid["upright"], around)
    shown = []
    if count:
        shown.append(_blended(tiles, blends, first, second, laid["view"][:count], looks["fill"][:count], matched)[0])
    if count < laid["view"].shape[0]:
        rest = {name: value[count:] for name, value in ours.items()}
        shown.append(_filled(*_sampled(tiles, rest, *_seen(laid["view"][count:])), looks["fill"][count:]))
    faces = ops.concatenate(shown, axis=0) if len(shown) > 1 else shown[0]
    return _changed(faces, looks), upright


def _seen(view):
    """Where the pixels of a view lie in the upright crop: two of (faces, 112 * 112)."""
    y, x = np.divmod(np.arange(_PIXELS, dtype=np.float32), alignment.SIZE)
    return _moved(view, x[None], y[None])


def _moved(matrix, x, y):
    return tuple(matrix[:, i, 0, None] * x + matrix[:, i, 1, None] * y + matrix[:, i, 2, None] for i in (0, 1))


def _blended(tiles, blends, first, second, view, fill, matched=None):
    """Blends as they look in a view, and how the second faces' colors were brought to the first's, as `matched`."""
    x, y = _seen(view)
    share = dice.share(blends, x, y, ops.tanh)
    x, y = dice.bent(blends, x, y, ops.sin)
    (one, inside), (other, _) = _sampled(tiles, first, x, y), _sampled(tiles, second, x, y)
    if matched is None:
        mean, spread = ops.mean(one, axis=(1, 2), keepdims=True), ops.std(one, axis=(1, 2), keepdims=True)
        own, wide = ops.mean(other, axis=(1, 2), keepdims=True), ops.std(other, axis=(1, 2), keepdims=True)
        matched = spread / (wide + 1.0), mean - own * spread / (wide + 1.0)
    other = ops.clip(other * matched[0] + matched[1], 0.0, 255.0)
    share = ops.reshape(share, (-1, alignment.SIZE, alignment.SIZE, 1))
    return _filled(one + share * (other - one), inside, fill), matched


def _sampled(tiles, where, x, y):
    """Pictures of faces, bilinear and continued beyond their ends: float32 (faces, 112, 112, 3), 0 to 255; and which of
    their pixels lie inside: (faces, 112, 112, 1).

    `keras.ops.image` samples arrays of pictures of a batch's own; these lie packed among all others.
    """
    x, y = _moved(where["frame"], x, y)
    left, top, right, bottom = (where["box"][:, i, None] for i in range(4))
    inside = (x >= left - 1) & (x <= right + 1) & (y >= top - 1) & (y <= bottom + 1)
    x, y = ops.clip(x, left, right), ops.clip(y, top, bottom)
    column, row = ops.minimum(ops.floor(x), right - 1), ops.minimum(ops.floor(y), bottom - 1)
    across, down = x - column, y - row
    at = where["place"][:, None] * (SIDE * SIDE) + ops.cast(row, "int32") * SIDE + ops.cast(column, "int32")
    corners = [ops.take(tiles, at + step, axis=0) for step in (0, 1, SIDE, SIDE + 1)]
    parts = [(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down]
    channels = []
    for shift in (0, 8, 16):
        levels = [ops.cast(ops.bitwise_and(ops.right_shift(corner, shift), 255), "float32") for corner in corners]
        channels.append(sum(level * part for level, part in zip(levels, parts, strict=True)))
    shape = (-1, alignment.SIZE, alignment.SIZE)
    return ops.reshape(ops.stack(channels, axis=-1), (*shape, 3)), ops.reshape(inside, (*shape, 1))


def _filled(shown, inside, fill):
    """Pictures with a gray level, (faces,), around what lies inside; a negative one leaves them as they are."""
    fill = fill[:, None, None, None]
    return ops.where(ops.logical_or(inside, fill < 0), shown, fill)


def _changed(faces, looks):
    """Light, gray, resolution, compression and covers, in that order; then normalized."""
    gain, offset, gamma = looks["gain"][:, None, None], looks["offset"], looks["gamma"]
    lit = (faces / 255.0 - 0.5) * gain + 0.5 + offset[:, None, None, None]
    faces = 255.0 * ops.power(ops.clip(lit, 1e-6, 1.0), gamma[:, None, None, None])
    gray = ops.image.rgb_to_grayscale(faces, data_format="channels_last")
    faces = ops.where(looks["gray"][:, None, None, None] > 0.5, gray, faces)
    operator = ops.take(_operators(), looks["resolution"], axis=0)
    faces = ops.einsum("bij,bjkc->bikc", operator, faces)
    faces = ops.einsum("blk,bikc->bilc", operator, faces)
    faces = ops.where(looks["quality"][:, None, None, None] > 0, jpeg.compressed(faces, looks["quality"]), faces)
    y, x = np.divmod(np.arange(_PIXELS, dtype=np.float32).reshape(alignment.SIZE, alignment.SIZE), alignment.SIZE)
    for k in range(looks["covers"].shape[1]):
        cover = looks["covers"][:, k, :, None, None]
        right, down = x - cover[:, 0], y - cover[:, 1]
        along, across = right * cover[:, 4] + down * cover[:, 5], down * cover[:, 4] - right * cover[:, 5]
        covered = ops.logical_and(ops.abs(along) < cover[:, 2], ops.abs(across) < cover[:, 3])
        faces = ops.where(covered[..., None], ops.transpose(cover[:, 6:], (0, 2, 3, 1)), faces)
    return (ops.round(ops.clip(faces, 0.0, 255.0)) - alignment.LEVEL_MIDDLE) / alignment.LEVEL_SPREAD


@cache
def _operators() -> np.ndarray:
    """Matrices that blur or shrink a row or column of a crop as OpenCV does: float32 (operators, 112, 112)."""
    found = []
    for number in range(dice.RESOLUTIONS):
        operator = np.eye(alignment.SIZE, dtype=np.float32)
        sigma, side = dice.resolution_of(number)
        if sigma:
            kernel = cv2.getGaussianKernel(2 * round(3 * sigma) + 1, sigma)
            operator = cv2.sepFilter2D(operator, -1, np.ones(1), kernel)
        if side:
            small = cv2.resize(operator, (alignment.SIZE, side), interpolation=cv2.INTER_AREA)
            operator = cv2.resize(small, (alignment.SIZE, alignment.SIZE), interpolation=cv2.INTER_LINEAR)
        found.append(operator)
    return np.stack(found)
