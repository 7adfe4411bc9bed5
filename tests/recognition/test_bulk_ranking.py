import numpy as np
import pytest

from app.gallery.snapshot import RejectedFaces, Snapshot
from app.recognition import bulk_ranking, scoring
from app.recognition.bulk_ranking import BulkRanking
from app.recognition.scoring import Head, rank

HEAD = Head(5.0, 1.2)
DIMS = 16


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def snapshot(rng) -> Snapshot:
    """Twenty people with scattered anchors, so that copies of an anchor can be far from the template."""
    counts = rng.integers(1, 9, 20)
    anchors = unit(np.repeat(rng.normal(size=(20, DIMS)), counts, axis=0) + rng.normal(size=(counts.sum(), DIMS)))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    rejected = RejectedFaces((3, 3, 99), unit(anchors[offsets[3] : offsets[3] + 3] + 0.1))
    return Snapshot([f"{number:02d}" for number in range(20)], list(range(20)), anchors, offsets, 1, rejected)


@pytest.fixture
def probes(rng, snapshot):
    copies = snapshot.anchors[rng.integers(len(snapshot.anchors), size=200)]
    return unit(np.concatenate([copies + 0.15 * rng.normal(size=copies.shape), rng.normal(size=(200, DIMS))]))


@pytest.mark.parametrize("shortlist", [4, 64])
def test_many_faces_have_the_ranking_of_single_ones(snapshot, probes, monkeypatch, shortlist):
    monkeypatch.setattr(scoring, "SHORTLIST", shortlist)
    monkeypatch.setattr(bulk_ranking, "SHORTLIST", shortlist)
    closest = BulkRanking(snapshot, HEAD).closest(probes)
    rankings = [rank(probe, snapshot, HEAD) for probe in probes]
    assert any(ranking.rejections() for ranking in rankings)
    for number, ranking in enumerate(rankings):
        rows = closest.ranking(number, snapshot)
        assert [row.person for row in rows] == [row.person for row in ranking[:2]]
        assert [row.anchors for row in rows] == [row.anchors for row in ranking[:2]]
        assert [row.class_distance for row in rows] == pytest.approx(
            [row.class_distance for row in ranking[:2]], abs=1e-5
        )


def test_an_excluded_person_is_the_last(snapshot, probes):
    ranking = BulkRanking(snapshot, HEAD)
    closest = ranking.closest(probes[:3])
    first = int(closest.positions[1, 0])
    excluding = ranking.closest(probes[:3], {1: {first}})
    assert excluding.positions[1, 0] == closest.positions[1, 1]
    assert first not in excluding.positions[1]
    np.testing.assert_array_equal(excluding.positions[[0, 2]], closest.positions[[0, 2]])


def test_small_galleries(snapshot, probes):
    empty = Snapshot((), (), np.zeros((0, DIMS), np.float32), np.zeros(1, np.int64), 0)
    assert BulkRanking(empty, HEAD).closest(probes).positions.shape == (400, 0)
    one = Snapshot(["Ann"], [1], snapshot.anchors[:2], np.array([0, 2]), 0)
    assert BulkRanking(one, HEAD).closest(probes).ranking(0, one)[0].person == "Ann"
