from itertools import combinations

import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.recognition.decision import FPIRS, PairRules, Rules, margins_to_runner_up
from app.recognition.scoring import Head, rank
from app.training.calibration import thresholds
from app.training.calibration.thresholds import class_distances

HEAD = Head(4.0, 1.1)
PAIRS = PairRules(((0.001, 0.3),), 0.6)
PEOPLE = np.repeat(np.arange(12), 32)


def units(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def gallery(rng) -> Snapshot:
    """Twelve people with 32 anchors each, spread around a direction of their own."""
    middles = units(rng.normal(size=(12, 1, 24)))
    rows = units(middles + rng.normal(scale=0.15, size=(12, 32, 24)))
    names = tuple(f"person {number}" for number in range(12))
    return Snapshot(names, tuple(range(12)), rows.reshape(-1, 24), np.arange(0, 385, 32), 1)


@pytest.mark.parametrize("count", [1, 2, 7, 32, 40])
def test_thinning_keeps_people_and_their_own_anchors(gallery, count):
    thin = thresholds.limit_anchors(gallery, count)
    assert thin.names == gallery.names
    assert thin.counts.tolist() == [min(count, 32)] * 12
    for person in range(12):
        own = {row.tobytes() for row in gallery.anchors[32 * person : 32 * person + 32]}
        kept = {row.tobytes() for row in thin.anchors[thin.offsets[person] : thin.offsets[person + 1]]}
        assert len(kept) == min(count, 32)
        assert kept <= own


@pytest.fixture
def impostors(rng) -> thresholds.Impostors:
    """A thousand faces in random directions."""
    return thresholds.Impostors(units(rng.normal(size=(1000, 24))))


def test_the_share_named_is_the_mean_over_all_galleries_of_a_size(rng):
    distances = rng.random((20, 6))
    for people in range(1, 7):
        drawn = [distances[:, list(some)].min(axis=1) < 0.2 for some in combinations(range(6), people)]
        assert thresholds.mean_fpir(distances, 0.2, people) == pytest.approx(np.mean(drawn))


def test_a_threshold_names_as_many_impostors_as_it_may(rng):
    distances = rng.random((500, 5))
    limit = thresholds.choose_threshold(distances, 5, fpir=0.01)
    assert (distances.min(axis=1) < limit).sum() == 5
    assert thresholds.mean_fpir(distances, limit + 1e-3, 5) > 0.01


def test_thresholds_fall_with_people_and_with_the_fpir(gallery, impostors):
    tables = thresholds.choose_tables({"random": impostors}, gallery, HEAD, margin=0.0)
    assert [fpir for fpir, _ in tables] == [*FPIRS]
    for _, table in tables:
        assert [people for people, _ in table] == [1, 4, 12]
        assert all([count for count, _ in row] == [1, 2, 3, 5, 10, 32] for _, row in table)
        values = np.array([[value for _, value in row] for _, row in table])
        assert (np.diff(values, axis=0) <= 0).all()
        assert values[0, -1] > values[-1, -1]
    rates = np.array([table[-1][1][-1][1] for _, table in tables])
    assert (np.diff(rates) <= 0).all()
    assert rates[0] > rates[2]


@pytest.mark.parametrize("count", [1, 3, 10, 32])
def test_no_kind_of_impostors_exceeds_the_fpir(gallery, impostors, rng, count):
    near = thresholds.Impostors(units(gallery.anchors[::3][:120] + rng.normal(scale=0.3, size=(120, 24))))
    kinds = {"random": impostors, "near": near}
    rules = Rules(HEAD, thresholds.choose_tables(kinds, gallery, HEAD, margin=0.0), 0.0, PAIRS)
    shares = []
    for kind in kinds.values():
        smallest = class_distances(kind.embeddings, thresholds.limit_anchors(gallery, count), HEAD).min(axis=1)
        shares.append((smallest < rules.threshold(count, 12)).mean())
    assert 0 < max(shares) <= 0.01


def test_thresholds_end_at_the_most_anchors_that_anybody_has(gallery, impostors):
    for most, counts in ((7, [1, 2, 3, 5, 7]), (1, [1])):
        tables = thresholds.choose_tables(
            {"random": impostors}, thresholds.limit_anchors(gallery, most), HEAD, margin=0.0
        )
        assert [count for count, _ in tables[0][1][-1][1]] == counts


def test_too_few_impostors_choose_nothing_at_a_strict_rate(gallery, impostors):
    # Anchors themselves, so no threshold keeps them out.
    few, enough = (thresholds.Impostors(gallery.anchors[:count]) for count in (50, 150))
    alone = thresholds.choose_tables({"random": impostors}, gallery, HEAD, 0.0)
    assert thresholds.choose_tables({"random": impostors, "few": few}, gallery, HEAD, 0.0) == alone
    both = dict(thresholds.choose_tables({"random": impostors, "enough": enough}, gallery, HEAD, 0.0))
    assert both[0.01] != dict(alone)[0.01]


def test_people_taken_out_of_the_gallery_are_impostors_for_the_others(gallery):
    middles = units(gallery.anchors.reshape(12, 32, 24).mean(axis=1))
    distances = thresholds.Impostors(middles, np.array(gallery.names)).distances(gallery, HEAD)
    assert distances.shape == (12, 12)
    np.testing.assert_array_equal(np.isinf(distances), np.eye(12, dtype=bool))


def test_look_alikes_are_as_close_as_those_that_other_photos_repeat(gallery, rng):
    templates = units(gallery.anchors.reshape(12, 32, 24).mean(axis=1))

    def photos(closest: np.ndarray, spread: float) -> np.ndarray:
        """Return three photos a person, which resemble the people at `closest`, int (people, 3)."""
        return units(templates[closest.ravel()] + spread * units(rng.normal(size=(closest.size, 24))))

    def choose(faces: np.ndarray) -> float:
        people = np.repeat(np.arange(len(faces)), 3)[: len(faces)].astype(str)
        return thresholds.choose_look_alike(faces, people, gallery, HEAD)

    same = photos(np.tile(np.arange(12)[:, None], 3), 0.3)
    changing = photos(rng.permuted(np.tile(np.arange(12), (40, 1)), axis=1)[:, :3], 0.9)
    near, far = (np.sort(class_distances(faces, gallery, HEAD).min(axis=1)) for faces in (same, changing))
    assert near[-1] < far[0]
    assert choose(same) == pytest.approx(near[-1])
    # 36 photos repeat the person. With as many others, half of them do.
    assert far[34] <= choose(np.concatenate([same, changing])) < far[50]
    assert choose(changing) == 0.0
    single = thresholds.choose_look_alike(same, np.arange(36).astype(str), gallery, HEAD)
    assert single == 0.0


def test_a_margin_is_asked_for_only_where_it_keeps_impostors_away(gallery, rng):
    middles = units(gallery.anchors.reshape(12, 32, 24).mean(axis=1))
    names = np.array(gallery.names)
    known = units(middles[rng.integers(0, 12, 300)] + rng.normal(scale=0.12, size=(300, 24)))
    who = names[class_distances(known, gallery, HEAD).argmin(axis=1)]
    far = thresholds.Impostors(units(rng.normal(size=(300, 24))))
    assert thresholds.choose_margin(middles, names, {"far": far}, gallery, HEAD) == min(thresholds.MARGINS)
    # Impostors half way between two people come as near as known faces do, but to both.
    pairs = np.array([rng.choice(12, 2, replace=False) for _ in range(300)])
    between = middles[pairs].sum(axis=1) + rng.normal(scale=0.03, size=(300, 24))
    kinds = {"far": far, "between": thresholds.Impostors(units(between))}
    assert thresholds.choose_margin(known, who, kinds, gallery, HEAD) > min(thresholds.MARGINS)


def test_leads_that_name_wrongly_too_often_are_doubtful():
    gaps = np.array([0.4, 0.01, 0.02, 0.03, 0.2, 0.3, 0.1, 0.5])
    right = np.array([True, True, False, True, True, True, True, True])
    # Of the three smallest leads one names wrongly, of the four smallest one too: a quarter.
    assert thresholds.unreliable_lead(gaps, right) == pytest.approx(0.03)
    assert thresholds.unreliable_lead(gaps, right) > 0.03
    assert thresholds.unreliable_lead(gaps, np.ones(8, bool)) == 0.0
    assert thresholds.unreliable_lead(gaps[:0], right[:0]) == 0.0


def test_leads_are_what_the_runner_up_lacks():
    assert margins_to_runner_up(np.array([[0.5, 0.2, 0.9], [0.1, 0.7, 0.1]])) == pytest.approx([0.3, 0.0])
    assert margins_to_runner_up(np.array([[0.5]]))[0] == np.inf


def test_class_distances_are_those_of_the_ranking(unit_vectors):
    counts = [1, 3, 2, 5]
    snapshot = Snapshot(tuple("abcd"), (1, 2, 3, 4), unit_vectors(11), np.cumsum([0, *counts]), 1)
    probes = unit_vectors(7)
    found = class_distances(probes, snapshot, HEAD)
    for probe, row in zip(probes, found, strict=True):
        expected = {one.person: one.class_distance for one in rank(probe, snapshot, HEAD)}
        assert dict(zip(snapshot.names, row, strict=True)) == pytest.approx(expected, abs=1e-6)
    assert class_distances(probes[:0], snapshot, HEAD).shape == (0, 4)


@pytest.fixture
def embeddings(rng) -> np.ndarray:
    """Twelve people with 32 faces each, spread around a direction of their own."""
    means = units(rng.normal(size=(12, 1, 24)))
    return units(means + rng.normal(scale=0.15, size=(12, 32, 24))).reshape(-1, 24)


def test_the_shift_separates_pairs_of_one_person_from_pairs_of_two(embeddings):
    shift = thresholds.equal_error_distance(embeddings, PEOPLE)
    same, different = thresholds.pair_distances(embeddings, PEOPLE)
    misses, accepts = (same > shift).mean(), (different <= shift).mean()
    assert misses == pytest.approx(accepts, abs=0.002)
    assert misses < 0.05


def test_all_pairs_are_measured_once(rng, monkeypatch):
    monkeypatch.setattr(thresholds, "_CHUNK", 2)
    faces = units(rng.normal(size=(5, 8)))
    people = np.array(["a", "a", "b", "b", "b"])
    same, different = thresholds.pair_distances(faces, people)
    expected = {True: [], False: []}
    for i, j in combinations(range(5), 2):
        expected[bool(people[i] == people[j])].append(np.linalg.norm(faces[i] - faces[j]))
    np.testing.assert_allclose(sorted(same), sorted(expected[True]), atol=1e-5)
    np.testing.assert_allclose(sorted(different), sorted(expected[False]), atol=1e-5)


def test_pairs_of_different_people_keep_each_false_match_rate(embeddings):
    rules = thresholds.choose_pair_rules(embeddings, PEOPLE, HEAD)
    same, different = (HEAD.score(one) for one in thresholds.pair_distances(embeddings, PEOPLE))
    rates, scores = zip(*rules.false_matches, strict=True)
    assert rates == thresholds.FALSE_MATCH_RATES
    for rate, score in rules.false_matches:
        assert (different < score).mean() == pytest.approx(rate, abs=1 / len(different))
    assert list(scores) == sorted(scores, reverse=True)
    assert (same > rules.different).mean() == pytest.approx(thresholds.FALSE_NON_MATCH_RATE, abs=0.001)
