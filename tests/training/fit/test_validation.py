import numpy as np
import pytest

from app.training.data.training_faces import TrainingFaces
from app.training.fit.validation import PairValidation


def people(count: int, pictures: int, split: str = "calibration-impostor") -> TrainingFaces:
    """People of one gray level each."""
    levels = np.linspace(20, 235, count).round().astype(np.uint8).repeat(pictures)
    crops = np.broadcast_to(levels[:, None, None, None], (len(levels), 112, 112, 3))
    identities = np.array([f"others/{number}" for number in range(count)], dtype=str).repeat(pictures)
    return TrainingFaces(crops, identities, np.full(len(levels), split))


def embed_level(crops: np.ndarray) -> np.ndarray:
    """Embed each gray level in a direction of its own."""
    angles = np.pi * crops.mean(axis=(1, 2, 3)) / 255
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_accuracy_of_a_perfect_and_of_a_constant_network():
    validation = PairValidation(people(40, 3))
    assert validation.possible
    assert validation.accuracy(embed_level) == 1.0
    assert validation.accuracy(lambda crops: np.tile(np.float32([1, 0]), (len(crops), 1))) < 0.8


def test_pairs_are_the_same_at_each_call_and_of_held_out_people():
    faces, seen = people(40, 3), []
    crops = np.concatenate([faces.crops, np.full((9, 112, 112, 3), 255, np.uint8)])
    identities = np.concatenate([faces.identities, np.full(9, "trained")])
    both = TrainingFaces(crops, identities, np.concatenate([faces.splits, np.full(9, "train")]))
    for _ in range(2):
        PairValidation(both).accuracy(lambda crops: (seen.append(crops), embed_level(crops))[1])
    np.testing.assert_array_equal(*seen)
    assert seen[0].max() < 255


@pytest.mark.parametrize(("count", "pictures"), [(0, 3), (1, 3), (40, 1)])
def test_too_few_people_are_not_validated(count, pictures):
    assert not PairValidation(people(count, pictures)).possible
