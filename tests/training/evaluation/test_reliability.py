import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.recognition.scoring import Head, rank
from app.training.evaluation import reliability

HEAD = Head(4.0, 1.1)


def test_class_distances_are_those_of_the_ranking(unit_vectors):
    counts = [1, 3, 2, 5]
    snapshot = Snapshot(tuple("abcd"), (1, 2, 3, 4), unit_vectors(11), np.cumsum([0, *counts]), 1)
    probes = unit_vectors(7)
    found = reliability.class_distances(probes, snapshot, HEAD)
    for probe, row in zip(probes, found, strict=True):
        expected = {one.person: one.class_distance for one in rank(probe, snapshot, HEAD)}
        assert dict(zip(snapshot.names, row, strict=True)) == pytest.approx(expected, abs=1e-6)
    assert reliability.class_distances(probes[:0], snapshot, HEAD).shape == (0, 4)


def test_every_face_is_in_one_bin_and_no_bin_is_small(rng):
    distances = rng.beta(4, 8, 1000)
    right = rng.random(1000) > distances
    rows = reliability.bins(distances, right, width=0.05, least=40)
    assert [rows[0]["from"], rows[-1]["to"]] == [0.0, 1.0]
    assert [row["to"] for row in rows[:-1]] == [row["from"] for row in rows[1:]]
    assert min(row["faces"] for row in rows) >= 40
    assert sum(row["faces"] for row in rows) == 1000
    assert sum(row["right"] for row in rows) == right.sum()
    one = rows[len(rows) // 2]
    inside = (distances >= one["from"]) & (distances < one["to"])
    assert (one["faces"], one["right"]) == (inside.sum(), right[inside].sum())


def test_few_faces_are_one_bin():
    assert reliability.bins(np.array([0.1, 1.0]), np.array([True, False])) == [
        {"from": 0.0, "to": 1.0, "faces": 2, "right": 1}
    ]
