import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.training import evaluation
from app.training.errors import TrainingError
from app.verdict import Head, Rules

RULES = Rules(Head(8.0, 1.0), ((1, 0.4), (8, 0.4)), margin=0.05, pair_threshold=0.5)


def towards(*parts: float) -> np.ndarray:
    row = np.float32([*parts, *[0.0] * (4 - len(parts))])
    return row / np.linalg.norm(row)


@pytest.fixture
def gallery() -> Snapshot:
    """Ann, Bob and Cem along three axes, with one, two and one anchors."""
    rows = np.stack([towards(1), towards(0, 1), towards(0, 1), towards(0, 0, 1)])
    return Snapshot(("Ann", "Bob", "Cem"), (1, 2, 3), rows, np.array([0, 1, 3, 4]), 1)


def test_closed_set_counts_every_kind_of_answer(gallery):
    probes = np.stack(
        [
            towards(1),  # Ann, named
            towards(0, 1, 0.2),  # Bob, named
            towards(1, 0, 0.97),  # Cem, but Ann is on top, and too close to tell
            towards(0, 0, 0, 1),  # Cem, unlike anybody
            towards(0.2, 1),  # Ann, misnamed Bob
        ]
    )
    found = evaluation.closed_set(probes, ["Ann", "Bob", "Cem", "Cem", "Ann"], 5, gallery, RULES)
    assert (found["faces"], found["people"], found["missed"]) == (10, 3, 5)
    assert found["named"] == pytest.approx(2 / 10)
    assert found["misnamed"] == pytest.approx(1 / 10)
    assert found["top1"] == pytest.approx(2 / 10)
    assert found["top5"] == pytest.approx(5 / 10)
    assert found["worst"] == [{"person": "Cem", "top1": 0.0}]


def test_open_set_counts_strangers_that_get_a_name(gallery):
    strangers = np.stack([towards(0, 0, 0, 1), towards(0, 0, 0, -1), towards(1, 0, 0, 0.1), towards(1, 1)])
    found = evaluation.open_set(strangers, gallery, RULES)
    assert found == {"faces": 4, "named": 0.25, "ambiguous": 0.25}


def test_among_keeps_these_people_alone(gallery):
    some = evaluation.among(gallery, ("Cem", "Bob", "Nobody"))
    assert (some.names, some.ids, some.counts.tolist()) == (("Bob", "Cem"), (2, 3), [2, 1])
    np.testing.assert_array_equal(some.anchors, gallery.anchors[1:])


def separable(folds: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Twenty pairs a fold, half of them different, 0.5 and 1.5 apart."""
    different = np.tile(np.repeat([False, True], 10), folds)
    return np.where(different, 1.5, 0.5), different


def test_separable_pairs_are_all_right():
    assert evaluation.folds_accuracy(*separable()) == (1.0, 0.0)


def test_missed_faces_are_errors_whatever_the_pair_is():
    distances, different = separable()
    distances[[0, 1]] = np.inf  # same
    distances[[39, 38, 37, 36]] = np.inf  # different: infinitely far apart would have been right
    mean, error = evaluation.folds_accuracy(distances, different)
    assert mean == pytest.approx(1 - 6 / 200)
    assert error == pytest.approx(np.std([0.9, 0.8, *[1.0] * 8], ddof=1) / np.sqrt(10))


def test_a_fold_is_judged_by_the_others_threshold():
    distances, different = separable()
    distances[:20] += 2.0  # the first fold alone would choose 3; the others choose about 1
    mean, _ = evaluation.folds_accuracy(distances, different)
    assert mean == pytest.approx((0.5 + 9) / 10)


def test_accepted_at_by_hand():
    different = np.repeat([True, False], [100, 4])
    distances = np.concatenate([1 + np.arange(100) / 100, [0.5, 1.005, 1.05, 1.5]])
    assert evaluation.accepted_at(distances, different, 0.01) == 0.5  # under 1.01
    assert evaluation.accepted_at(distances, different, 0.1) == 0.75  # under 1.10
    assert evaluation.accepted_at(distances, different, 0.0) == 0.25  # under 1.00


def test_pairs_of_lfw_are_read(tmp_path):
    (tmp_path / "pairs.txt").write_text("1\t2\nAnn_Lee\t1\t4\nAnn_Lee\t2\tBob\t3\n")
    (tmp_path / "Ann_Lee").mkdir()
    (tmp_path / "Ann_Lee" / "Ann_Lee_0001.webp").touch()
    (tmp_path / "Ann_Lee" / "Ann_Lee_0004.jpg").touch()
    same, other = evaluation.lfw_pairs(tmp_path)
    assert same == ("Ann_Lee/Ann_Lee_0001.webp", "Ann_Lee/Ann_Lee_0004.jpg", False)
    assert other[2] is True
    with pytest.raises(TrainingError, match=r"no pairs\.txt"):
        evaluation.lfw_pairs(tmp_path / "Ann_Lee")
