import numpy as np
import pytest

from app.training.data.splits import split_of
from app.training.data.training_faces import TrainingFaces


def make_faces() -> TrainingFaces:
    """Four people to train on and eight calibration impostors, of four pictures each in one pattern per person."""
    rng = np.random.default_rng(5)
    names = [f"others/{number}" for number in range(300)]
    people = [
        *[name for name in names if split_of(name, "") == "train"][:4],
        *[name for name in names if split_of(name, "") == "calibration-impostor"][:8],
    ]
    patterns = rng.integers(0, 256, (len(people), 7, 7, 3)).repeat(16, axis=1).repeat(16, axis=2)
    crops = patterns.repeat(4, axis=0) + rng.integers(-20, 21, (4 * len(people), 112, 112, 3))
    identities = np.array(people).repeat(4)
    splits = np.array([split_of(name, "") for name in identities])
    return TrainingFaces(np.clip(crops, 0, 255).astype(np.uint8), identities, splits)


@pytest.fixture(scope="session")
def faces() -> TrainingFaces:
    return make_faces()
