from types import SimpleNamespace

import numpy as np
import pytest

from app.errors import TrainingError
from app.training.fit import initial_weights


def weights(kernel: list[float], bias: float) -> dict[str, np.ndarray]:
    return {"000": np.float16([kernel]), "001": np.float16([bias])}


def test_the_mean_is_taken_weight_by_weight():
    found = initial_weights.mean([weights([1, 2], 0), weights([3, 2], 1), weights([2, 8], 2)])
    np.testing.assert_array_equal(found["000"], [[2, 4]])
    np.testing.assert_array_equal(found["001"], [1])
    assert found["000"].dtype == np.float32


def test_one_twin_is_its_own_mean():
    np.testing.assert_array_equal(initial_weights.mean([weights([1, 2], 3)])["000"], [[1, 2]])


@pytest.mark.parametrize("other", [weights([1, 2, 3], 0), {"000": np.float16([[1, 2]])}])
def test_twins_of_different_layouts_have_no_mean(other):
    with pytest.raises(TrainingError, match="different layouts"):
        initial_weights.mean([weights([1, 2], 3), other])


@pytest.mark.parametrize(("training", "faces"), [({"images": 5}, 5), ({"images": 5, "seen_before": 7}, 12)])
def test_the_faces_of_the_runs_before_count(training, faces):
    assert initial_weights.learnt_from(SimpleNamespace(raw={"training": training})) == faces


def test_the_origin_of_pretrained_weights_is_kept():
    card = SimpleNamespace(
        id="abc/five", raw={"training": {"pretrained": {"source": "SFace", "license": "Apache-2.0"}}}
    )
    assert initial_weights.origin(card) == "abc/five: SFace, Apache-2.0"
    assert initial_weights.origin(SimpleNamespace(id="abc/five", raw={"training": {}})) == "abc/five"
