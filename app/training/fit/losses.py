"""Losses of face embeddings on any Keras backend: contrastive loss, margin softmax (CosFace) and distillation."""

import keras
from keras import ops

SCALE = 24.0  # factor of the cosines in the margin softmax
COSINE_MARGIN = 0.1
CONTRASTIVE_MARGIN = 1.25
"""Euclidean distance between different people beyond which their pair has no loss: a cosine of 0.22."""

NO_LABEL = -1
"""Label of a face without a class, such as a mix of two faces. Only the teacher has a target for it."""


def pairwise_distances(left: keras.KerasTensor, right: keras.KerasTensor) -> keras.KerasTensor:
    """Return Euclidean distances between unit vectors: (n, dims), (m, dims) -> (n, m)."""
    squared = 2.0 - 2.0 * ops.matmul(left, ops.transpose(right))
    # The square root has an infinite slope at 0, which a face has to itself.
    return ops.sqrt(ops.maximum(squared, 1e-6))


def contrastive(distances: keras.KerasTensor, different: keras.KerasTensor) -> keras.KerasTensor:
    """Return the contrastive loss of pairs (Hadsell et al. 2006, https://doi.org/10.1109/CVPR.2006.100).

    It is d^2 for pairs of one person (`different` is 0.0), and max(0, margin - d)^2 for pairs of two (1.0).
    """
    shortfall = ops.maximum(CONTRASTIVE_MARGIN - distances, 0.0)
    return (1.0 - different) * ops.square(distances) + different * ops.square(shortfall)


def hard_pairs(embeddings: keras.KerasTensor, labels: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean contrastive loss of positive pairs, plus that of each face's hardest negative in the batch.

    Hard negatives follow FaceNet (Schroff et al. 2015, https://arxiv.org/abs/1503.03832). Faces with `NO_LABEL` are
    ignored.

    Args:
        embeddings: (batch, dims) of unit length.
        labels: int (batch,).
    """
    distances = pairwise_distances(embeddings, embeddings)  # (batch, batch)
    labeled = _labeled(labels, distances.dtype)
    both_labeled = ops.expand_dims(labeled, 1) * ops.expand_dims(labeled, 0)
    different = ops.cast(ops.expand_dims(labels, 1) != ops.expand_dims(labels, 0), distances.dtype)
    loss = contrastive(distances, different) * both_labeled
    positives = (1.0 - different) * (1.0 - ops.eye(ops.shape(labels)[0], dtype=distances.dtype)) * both_labeled
    attraction = ops.sum(loss * positives) / ops.maximum(ops.sum(positives), 1.0)
    repulsion = ops.sum(ops.max(loss * different, axis=1)) / ops.maximum(ops.sum(labeled), 1.0)
    return attraction + repulsion


def margin_softmax(
    embeddings: keras.KerasTensor, labels: keras.KerasTensor, centers: keras.KerasTensor
) -> keras.KerasTensor:
    """Return the mean CosFace loss of the labeled faces (Wang et al. 2018, https://arxiv.org/abs/1801.09414).

    Args:
        embeddings: (batch, dims) of unit length.
        labels: int (batch,).
        centers: (classes, dims) of unit length.
    """
    cosines = ops.matmul(embeddings, ops.transpose(centers))  # (batch, classes)
    labeled = _labeled(labels, cosines.dtype)
    targets = ops.maximum(labels, 0)
    margin = COSINE_MARGIN * ops.one_hot(targets, centers.shape[0], dtype=cosines.dtype)
    loss = ops.sparse_categorical_crossentropy(targets, SCALE * (cosines - margin), from_logits=True)
    return ops.sum(loss * labeled) / ops.maximum(ops.sum(labeled), 1.0)


def distillation(embeddings: keras.KerasTensor, targets: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean squared distance to the teacher's embeddings of the same crops: 0 ... 4."""
    return ops.mean(ops.sum(ops.square(embeddings - targets), axis=1))


def _labeled(labels: keras.KerasTensor, dtype: str) -> keras.KerasTensor:
    return ops.cast(labels != NO_LABEL, dtype)
