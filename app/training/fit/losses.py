"""What the twin learns from, written with `keras.ops` so that any Keras backend can run it.

Three losses over one batch of unit-length embeddings, added up:

- `contrastive`: pairs with labels same = 0 and different = 1 (Hadsell et al. 2006), the different
  ones being the hardest of the batch (Schroff et al. 2015, https://arxiv.org/abs/1503.03832).
- `margin_softmax`: CosFace (Wang et al. 2018, https://arxiv.org/abs/1801.09414) over the people,
  each represented by a fixed center.
- `distillation`: squared distance to a teacher's embedding of the same face.
"""

from __future__ import annotations

import keras
from keras import ops

SCALE = 24.0
COSINE_MARGIN = 0.1
CONTRASTIVE_MARGIN = 1.25
"""Euclidean distance beyond which different people are far enough apart: a cosine of 0.22."""
NOBODY = -1
"""Label of a face that is none of the people, such as a blend of two: only a teacher can tell who it is."""


def distances(left: keras.KerasTensor, right: keras.KerasTensor) -> keras.KerasTensor:
    """Euclidean distances between unit vectors: (n, dims), (m, dims) -> (n, m)."""
    squared = 2.0 - 2.0 * ops.matmul(left, ops.transpose(right))
    # The root's slope is infinite at 0, where a face is compared with itself.
    return ops.sqrt(ops.maximum(squared, 1e-6))


def contrastive(distance: keras.KerasTensor, different: keras.KerasTensor) -> keras.KerasTensor:
    """Loss of pairs: d^2 where `different` is 0, max(0, margin - d)^2 where it is 1. Same shape as `distance`."""
    short = ops.maximum(CONTRASTIVE_MARGIN - distance, 0.0)
    return (1.0 - different) * ops.square(distance) + different * ops.square(short)


def hard_pairs(embeddings: keras.KerasTensor, labels: keras.KerasTensor) -> keras.KerasTensor:
    """Mean contrastive loss of each face with its same-person pairs and its hardest stranger of the batch.

    Args:
        embeddings: (batch, dims) of length 1.
        labels: int (batch,), the person of each; `NOBODY` is left out.
    """
    pairs = distances(embeddings, embeddings)  # (batch, batch)
    different = ops.cast(ops.expand_dims(labels, 1) != ops.expand_dims(labels, 0), pairs.dtype)
    known = _known(labels, pairs.dtype)
    others = 1.0 - ops.eye(ops.shape(labels)[0], dtype=pairs.dtype)
    loss = contrastive(pairs, different) * ops.expand_dims(known, 1) * ops.expand_dims(known, 0)
    same = (1.0 - different) * others * ops.expand_dims(known, 1)
    attraction = ops.sum(loss * same) / ops.maximum(ops.sum(same), 1.0)
    repulsion = ops.sum(ops.max(loss * different, axis=1)) / ops.maximum(ops.sum(known), 1.0)
    return attraction + repulsion


def margin_softmax(
    embeddings: keras.KerasTensor, labels: keras.KerasTensor, centers: keras.KerasTensor
) -> keras.KerasTensor:
    """Mean CosFace loss over all but `NOBODY`: (batch, dims), int (batch,), unit-length (people, dims) -> scalar."""
    cosines = ops.matmul(embeddings, ops.transpose(centers))  # (batch, people)
    known = _known(labels, cosines.dtype)
    labels = ops.maximum(labels, 0)
    own = ops.one_hot(labels, centers.shape[0], dtype=cosines.dtype)
    logits = SCALE * (cosines - COSINE_MARGIN * own)
    loss = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return ops.sum(loss * known) / ops.maximum(ops.sum(known), 1.0)


def _known(labels: keras.KerasTensor, dtype: str) -> keras.KerasTensor:
    return ops.cast(labels != NOBODY, dtype)


def distillation(embeddings: keras.KerasTensor, targets: keras.KerasTensor) -> keras.KerasTensor:
    """Mean squared distance to the teacher's embeddings: 0 ... 4."""
    return ops.mean(ops.sum(ops.square(embeddings - targets), axis=1))
