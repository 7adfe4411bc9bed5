import numpy as np
import pytest

from app.errors import TrainingError
from app.recognition.decision import PairRules, Rules
from app.recognition.scoring import Head
from app.training.evaluation import verification


def separable(folds: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Twenty pairs a fold, half of them different, 0.5 and 1.5 apart."""
    different = np.tile(np.repeat([False, True], 10), folds)
    return np.where(different, 1.5, 0.5), different


def test_separable_pairs_have_full_accuracy():
    assert verification.folds_accuracy(*separable()) == (1.0, 0.0)


def test_missed_faces_are_errors_whatever_the_pair_is():
    distances, different = separable()
    distances[[0, 1]] = np.inf  # same
    distances[[39, 38, 37, 36]] = np.inf  # different: infinitely far apart would have been right
    mean, error = verification.folds_accuracy(distances, different)
    assert mean == pytest.approx(1 - 6 / 200)
    assert error == pytest.approx(np.std([0.9, 0.8, *[1.0] * 8], ddof=1) / np.sqrt(10))


def test_a_fold_is_judged_by_the_others_threshold():
    distances, different = separable()
    distances[:20] += 2.0  # the first fold alone would choose 3; the others choose about 1
    mean, _ = verification.folds_accuracy(distances, different)
    assert mean == pytest.approx((0.5 + 9) / 10)


def test_tar_at_far_by_hand():
    different = np.repeat([True, False], [100, 4])
    distances = np.concatenate([1 + np.arange(100) / 100, [0.5, 1.005, 1.05, 1.5]])
    assert verification.tar_at_far(distances, different, 0.01) == 0.5  # under 1.01
    assert verification.tar_at_far(distances, different, 0.1) == 0.75  # under 1.10
    assert verification.tar_at_far(distances, different, 0.0) == 0.25  # under 1.00


def test_pairs_of_lfw_are_read(tmp_path):
    (tmp_path / "pairs.txt").write_text("1\t2\nAnn_Lee\t1\t4\nAnn_Lee\t2\tBob\t3\n")
    (tmp_path / "Ann_Lee").mkdir()
    (tmp_path / "Ann_Lee" / "Ann_Lee_0001.webp").touch()
    (tmp_path / "Ann_Lee" / "Ann_Lee_0004.jpg").touch()
    same, other = verification.read_lfw_pairs(tmp_path)
    assert same == ("Ann_Lee/Ann_Lee_0001.webp", "Ann_Lee/Ann_Lee_0004.jpg", False)
    assert other[2] is True
    with pytest.raises(TrainingError, match=r"no pairs\.txt"):
        verification.read_lfw_pairs(tmp_path / "Ann_Lee")


@pytest.fixture
def rules() -> Rules:
    """Pairs are the same up to a distance of 1.0 (0.8 in groups of five), and different over 1.2."""
    head = Head(4.0, 1.0)
    scores = head.score(np.array([1.0, 0.8, 1.2]))
    return Rules(head, (), 0.0, PairRules(((1e-3, scores[0]), (1e-3 / 25, scores[1])), scores[2]))


def test_single_photos_are_compared_pair_by_pair(rules):
    angles = 2 * np.arcsin(np.array([0.0, 0.9, 1.1, 1.3]) / 2)  # of one circle, at these distances from the first
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    apart = np.zeros((12, 14))
    apart[:4, :2] = circle
    apart[4:, 2:10] = np.eye(8)
    people = np.array(["a", "a", "b", "c", *"defghijk"])
    found = verification.comparison_rates(apart.astype(np.float32), people, rules)
    assert found["same_person"] == {"pairs": 1, "same": 1.0, "uncertain": 0.0, "different": 0.0}
    different = found["different_people"]
    # Of b and c, three pairs are nearer than 1.0 and one is at 1.1. One is at 1.3, all others at a right angle.
    distances = np.linalg.norm(circle[:, None] - circle[None], axis=2)
    near = [distances[i, j] for i, j in ((0, 2), (0, 3), (1, 2), (1, 3), (2, 3))]
    assert different["pairs"] == 65
    assert different["same"] == pytest.approx(sum(one <= 1.0 for one in near) / 65)
    assert different["uncertain"] == pytest.approx(sum(1.0 < one <= 1.2 for one in near) / 65)


def test_groups_of_different_people_share_nobody(rules):
    people = np.repeat([f"p{number}" for number in range(10)], 3)
    rows = np.repeat(np.eye(10, dtype=np.float32), 3, axis=0)
    groups = verification.comparison_rates(rows, people, rules)["groups"]
    assert groups == {"pairs": verification.GROUP_PAIRS, "same": 0.0, "uncertain": 0.0, "different": 1.0}


def test_closest_of_all_pairs_decides_about_groups(rules):
    # Two people at a distance of 0.9: the same as single photos, not in groups. They meet in 5/9 of the tries.
    rows = np.eye(10, dtype=np.float32)[[*range(10), 9]]
    angle = 2 * np.arcsin(0.9 / 2)
    rows[1, :2] = np.cos(angle), np.sin(angle)
    found = verification.comparison_rates(rows, np.array([*range(10), 9]), rules)
    assert found["different_people"]["same"] == pytest.approx(1 / 54)
    assert found["groups"]["same"] == 0
    assert found["groups"]["uncertain"] == pytest.approx(5 / 9, abs=0.03)
