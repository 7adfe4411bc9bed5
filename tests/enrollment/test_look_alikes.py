import numpy as np
import pytest

from app.enrollment.look_alikes import find_look_alikes
from app.gallery.snapshot import Snapshot
from app.recognition.scoring import Head, rank

HEAD = Head(5.0, 0.8)


@pytest.fixture
def snapshot(unit_vectors) -> Snapshot:
    """Four people of 3, 1, 4 and 2 anchors."""
    offsets = np.cumsum([0, 3, 1, 4, 2])
    return Snapshot(("Ann", "Bo", "Cem", "Dee"), (11, 12, 13, 14), unit_vectors(10), offsets, 1)


def test_class_distances_are_means_of_rankings(snapshot):
    _, closest = find_look_alikes(13, snapshot, HEAD)
    rankings = [rank(anchor, snapshot, HEAD) for anchor in snapshot.anchors[4:8]]
    for look_alike in closest:
        expected = np.mean(
            [row.class_distance for ranking in rankings for row in ranking if row.person == look_alike.person]
        )
        assert look_alike.class_distance == pytest.approx(expected, abs=1e-6)
    assert {(look_alike.id, look_alike.person) for look_alike in closest} == {(11, "Ann"), (12, "Bo"), (14, "Dee")}
    assert [look_alike.class_distance for look_alike in closest] == sorted(
        look_alike.class_distance for look_alike in closest
    )


def test_an_anchor_is_not_compared_with_itself(snapshot):
    spread, _ = find_look_alikes(14, snapshot, HEAD)
    alone = HEAD.score(np.linalg.norm(snapshot.anchors[8] - snapshot.anchors[9]))
    assert (spread.mean, spread.min, spread.max) == pytest.approx([float(alone)] * 3, abs=1e-6)


def test_anchors_closer_to_another_person_are_counted():
    ann = np.array([[1, 0, 0], [0.8, 0.6, 0]])
    bo = np.array([[0, 1, 0], [0, 1, 0]])
    stray = np.array([[0, 0.96, 0.28]])
    anchors = np.concatenate([ann, stray, bo]).astype(np.float32)
    found = Snapshot(("Ann", "Bo"), (1, 2), anchors, np.array([0, 3, 5]), 1)
    assert [row.closer_anchors for row in find_look_alikes(1, found, HEAD)[1]] == [1]
    assert [row.closer_anchors for row in find_look_alikes(2, found, HEAD)[1]] == [0]


def test_a_single_anchor_has_no_spread_and_is_not_closer_to_others(snapshot):
    spread, closest = find_look_alikes(12, snapshot, HEAD)
    assert spread is None
    assert [row.closer_anchors for row in closest] == [0, 0, 0]


def test_a_person_without_anchors(snapshot):
    assert find_look_alikes(99, snapshot, HEAD) == (None, ())
