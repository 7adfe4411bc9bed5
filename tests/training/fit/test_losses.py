import math

import numpy as np
import pytest
from keras import ops

from app.training.fit import losses


@pytest.fixture
def embeddings(rng) -> np.ndarray:
    rows = rng.normal(size=(8, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def value(loss) -> float:
    return float(ops.convert_to_numpy(loss))


@pytest.mark.parametrize(
    ("distance", "different", "expected"),
    [
        (0.5, 0, 0.25),
        (0.0, 0, 0.0),
        (2.0, 0, 4.0),
        (0.25, 1, 1.0),
        (1.25, 1, 0.0),
        (1.9, 1, 0.0),
        (0.0, 1, 1.5625),
    ],
)
def test_contrastive_by_hand(distance, different, expected):
    found = losses.contrastive(np.float32([distance]), np.float32([different]))
    assert ops.convert_to_numpy(found) == pytest.approx([expected], abs=1e-6)


def test_distances_are_euclidean(embeddings):
    expected = [[math.dist(one, other) for other in embeddings[:3]] for one in embeddings]
    np.testing.assert_allclose(losses.pairwise_distances(embeddings, embeddings[:3]), expected, atol=2e-3)


def test_hard_pairs_agree_with_a_plain_loop(embeddings):
    labels = [0, 0, 1, 1, 2, 2, 2, 3]
    attraction, repulsion = [], []
    for i, one in enumerate(embeddings):
        short = []
        for j, other in enumerate(embeddings):
            distance = math.dist(one, other)
            if labels[i] != labels[j]:
                short.append(max(0.0, losses.CONTRASTIVE_MARGIN - distance) ** 2)
            elif i != j:
                attraction.append(distance**2)
        repulsion.append(max(short))
    expected = np.mean(attraction) + np.mean(repulsion)
    assert value(losses.hard_pairs(embeddings, np.int32(labels))) == pytest.approx(expected, abs=1e-4)


def test_batch_without_positive_pairs():
    corners = np.eye(4, dtype=np.float32)  # all sqrt(2) apart, beyond the margin
    assert value(losses.hard_pairs(corners, np.arange(4, dtype=np.int32))) == 0


def test_batch_of_one_person_has_no_negatives(embeddings):
    found = value(losses.hard_pairs(embeddings[:3], np.zeros(3, np.int32)))
    pairs = [math.dist(embeddings[i], embeddings[j]) ** 2 for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found == pytest.approx(np.mean(pairs), abs=1e-4)


def test_margin_softmax_agrees_with_numpy(embeddings, rng):
    centers = rng.normal(size=(5, 6)).astype(np.float32)
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    labels = np.array([0, 4, 2, 2, 1, 3, 0, 4])
    logits = losses.SCALE * embeddings.astype(np.float64) @ centers.T
    logits[np.arange(8), labels] -= losses.SCALE * losses.COSINE_MARGIN
    expected = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(8), labels])
    assert value(losses.margin_softmax(embeddings, np.int32(labels), centers)) == pytest.approx(expected, abs=1e-4)


def test_unlabeled_faces_are_ignored(embeddings, rng):
    centers = rng.normal(size=(5, 6)).astype(np.float32)
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    labels = np.int32([0, losses.NO_LABEL, 2, 2, losses.NO_LABEL, 3, 0, 4])
    known = labels != losses.NO_LABEL
    for loss in (losses.hard_pairs, lambda *of: losses.margin_softmax(*of, centers)):
        assert value(loss(embeddings, labels)) == pytest.approx(value(loss(embeddings[known], labels[known])), abs=1e-5)
        unlabeled = np.full(8, losses.NO_LABEL, np.int32)
        assert value(loss(embeddings, unlabeled)) == 0


def test_distillation_is_the_mean_squared_distance(embeddings):
    assert value(losses.distillation(embeddings, embeddings)) == 0
    assert value(losses.distillation(embeddings, -embeddings)) == pytest.approx(4, abs=1e-5)
    expected = np.mean([math.dist(one, other) ** 2 for one, other in zip(embeddings, embeddings[::-1], strict=True)])
    assert value(losses.distillation(embeddings, embeddings[::-1].copy())) == pytest.approx(expected, abs=1e-5)
