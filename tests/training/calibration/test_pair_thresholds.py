from itertools import combinations

import numpy as np
import pytest

from app.recognition.scoring import Head
from app.training.calibration import pair_thresholds

HEAD = Head(4.0, 1.1)
PEOPLE = np.repeat(np.arange(12), 32)


def units(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def embeddings(rng) -> np.ndarray:
    """Twelve people with 32 faces each, spread around a direction of their own."""
    means = units(rng.normal(size=(12, 1, 24)))
    return units(means + rng.normal(scale=0.15, size=(12, 32, 24))).reshape(-1, 24)


def test_the_shift_separates_pairs_of_one_person_from_pairs_of_two(embeddings):
    shift = pair_thresholds.equal_error_distance(embeddings, PEOPLE)
    same, different = pair_thresholds.pair_distances(embeddings, PEOPLE)
    misses, accepts = (same > shift).mean(), (different <= shift).mean()
    assert misses == pytest.approx(accepts, abs=0.002)
    assert misses < 0.05


def test_all_pairs_are_measured_once(rng, monkeypatch):
    monkeypatch.setattr(pair_thresholds, "_CHUNK", 2)
    faces = units(rng.normal(size=(5, 8)))
    people = np.array(["a", "a", "b", "b", "b"])
    same, different = pair_thresholds.pair_distances(faces, people)
    expected = {True: [], False: []}
    for i, j in combinations(range(5), 2):
        expected[bool(people[i] == people[j])].append(np.linalg.norm(faces[i] - faces[j]))
    np.testing.assert_allclose(sorted(same), sorted(expected[True]), atol=1e-5)
    np.testing.assert_allclose(sorted(different), sorted(expected[False]), atol=1e-5)


def test_pairs_of_different_people_keep_each_false_match_rate(embeddings):
    rules = pair_thresholds.choose_pair_rules(embeddings, PEOPLE, HEAD)
    same, different = (HEAD.score(one) for one in pair_thresholds.pair_distances(embeddings, PEOPLE))
    rates, scores = zip(*rules.false_matches, strict=True)
    assert rates == pair_thresholds.FALSE_MATCH_RATES
    for rate, score in rules.false_matches:
        assert (different < score).mean() == pytest.approx(rate, abs=1 / len(different))
    assert list(scores) == sorted(scores, reverse=True)
    assert (same > rules.different).mean() == pytest.approx(pair_thresholds.FALSE_NON_MATCH_RATE, abs=0.001)
