import pytest

from app.training.data.splits import split_of, unit_hash


def test_splits_depend_on_names_alone():
    files = [("celebrities/a", f"celebrities/a/{number}.jpg") for number in range(4000)]
    splits = [split_of(*one) for one in files]
    assert splits == [split_of(*one) for one in files[::-1]][::-1]
    shares = {split: splits.count(split) / len(splits) for split in set(splits)}
    assert shares == pytest.approx({"train": 0.9, "test": 0.07, "calibration": 0.03}, abs=0.02)
    assert splits != [split_of(*one, seed=2) for one in files]


def test_impostors_keep_one_split_for_all_their_pictures():
    people = [f"others/{number}" for number in range(4000)]
    splits = [split_of(person, f"{person}/1.jpg") for person in people]
    assert splits == [split_of(person, f"{person}/2.jpg") for person in people]
    shares = {split: splits.count(split) / len(splits) for split in set(splits)}
    assert shares == pytest.approx({"train": 0.88, "test-impostor": 0.06, "calibration-impostor": 0.06}, abs=0.02)


def test_hashes_are_the_same_on_every_machine():
    assert unit_hash("a", 1) == unit_hash("a", 1) != unit_hash("a", 2)
    assert all(0 <= unit_hash(str(number), 1) < 1 for number in range(100))
