from types import SimpleNamespace

import numpy as np
import pytest

from app.training import beginnings
from app.training.errors import TrainingError


def weights(kernel: list[float], bias: float) -> dict[str, np.ndarray]:
    return {"000": np.float16([kernel]), "001": np.float16([bias])}


def test_the_mean_is_taken_weight_by_weight():
    found = beginnings.mean([weights([1, 2], 0), weights([3, 2], 1), weights([2, 8], 2)])
    np.testing.assert_array_equal(found["000"], [[2, 4]])
    np.testing.assert_array_equal(found["001"], [1])
    assert found["000"].dtype == np.float32


def test_one_twin_is_its_own_mean():
    np.testing.assert_array_equal(beginnings.mean([weights([1, 2], 3)])["000"], [[1, 2]])


@pytest.mark.parametrize("other", [weights([1, 2, 3], 0), {"000": np.float16([[1, 2]])}])
def test_twins_of_different_layouts_have_no_mean(other):
    with pytest.raises(TrainingError, match="different layouts"):
        beginnings.mean([weights([1, 2], 3), other])


@pytest.mark.parametrize(("training", "faces"), [({"images": 5}, 5), ({"images": 5, "seen_before": 7}, 12)])
def test_the_faces_of_the_runs_before_count(training, faces):
    assert beginnings.learnt_from(SimpleNamespace(raw={"training": training})) == faces


def test_the_origin_of_pretrained_weights_is_kept():
    card = SimpleNamespace(
        id="abc/five", raw={"training": {"pretrained": {"source": "SFace", "licence": "Apache-2.0"}}}
    )
    assert beginnings.origin(card) == "abc/five: SFace, Apache-2.0"
    assert beginnings.origin(SimpleNamespace(id="abc/five", raw={"training": {}})) == "abc/five"
