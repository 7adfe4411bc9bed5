"""Which embeddings stand for a person, and what their portrait looks like."""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from app import crop

MOST = 32
"""Anchors a person has at most."""

AVERAGED = 12
"""Faces that a portrait averages, the most typical anchors: more of them blur it, fewer would show a photo."""

_ZOOM = 1.0
"""A portrait is framed as a crop is: collections differ in what lies around their faces."""

_FADE = 30
_BACKDROP = 190.0
_BLACK = 24


def choose(embeddings: np.ndarray, most: int = MOST) -> np.ndarray:
    """Choose anchors: the faces nearest to the person's mean, so that outliers and wrong labels stay out.

    Measured against farthest-first traversal, even steps and random choice, these named the most known
    faces at the same share of strangers.

    Arguments:
        embeddings: float32 (faces, dims) of length 1, all of one person.
        most: how many at most.

    Returns:
        int64 positions, the most typical face first.
    """
    return np.argsort(-(embeddings @ embeddings.mean(axis=0)), kind="stable")[:most]


def portrait(pictures: Sequence[np.ndarray], eyes: Sequence[np.ndarray], sharpness: np.ndarray) -> bytes:
    """A person's average face.

    Arguments:
        pictures: uint8 (height, width, 3) RGB each, a face with a margin.
        eyes: float (2, 2) each, in pixels of its picture.
        sharpness: float (pictures,), see `quality`; clearer faces weigh more.

    Returns:
        A WebP file of 224 x 224 pixels: aligned, averaged, gently sharpened. Where a picture ends it
        does not weigh; where most have ended a grey backdrop shows.
    """
    total = np.zeros((crop.PORTRAIT_SIDE, crop.PORTRAIT_SIDE, 3))
    weights = np.full((crop.PORTRAIT_SIDE, crop.PORTRAIT_SIDE, 1), 1e-9)
    for picture, pair, clear in zip(pictures, eyes, np.sqrt(np.maximum(sharpness, 1.0)), strict=True):
        cut = crop.align(picture, pair, crop.PORTRAIT_SIDE, _ZOOM).astype(np.float64)
        inside = crop.align(_content(picture), pair, crop.PORTRAIT_SIDE, _ZOOM)[:, :, 0] > 200
        # Fading towards each picture's edge keeps the edges from showing in the average.
        depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
        weight = (np.minimum(depth / _FADE, 1.0) ** 2 * clear)[:, :, None]
        total += cut * weight
        weights += weight
    share = np.clip(4 * weights / weights.max(), 0, 1)
    mean = (total / weights * share + _BACKDROP * (1 - share)).clip(0, 255).astype(np.uint8)
    soft = cv2.GaussianBlur(mean, (0, 0), 2.5)
    sharp = cv2.addWeighted(mean, 1.8, soft, -0.8, 0)
    file = io.BytesIO()
    Image.fromarray(sharp).save(file, "WEBP", quality=82, method=6)
    return file.getvalue()


def _content(picture: np.ndarray) -> np.ndarray:
    """White where a picture is, black on the black rims that many collections put around their faces.

    Takes and gives uint8 (height, width, 3).
    """
    bright = picture.max(axis=2)
    mask = np.zeros_like(picture)
    rows = np.flatnonzero(np.percentile(bright, 80, axis=1) > _BLACK)
    columns = np.flatnonzero(np.percentile(bright, 80, axis=0) > _BLACK)
    if len(rows) and len(columns):
        mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 255
    return mask
