import numpy as np

from app.training.evaluation import reliability


def test_every_face_is_in_one_bin_and_no_bin_is_small(rng):
    distances = rng.beta(4, 8, 1000)
    right = rng.random(1000) > distances
    rows = reliability.reliability_bins(distances, right, width=0.05, min_faces=40)
    assert [rows[0]["from"], rows[-1]["to"]] == [0.0, 1.0]
    assert [row["to"] for row in rows[:-1]] == [row["from"] for row in rows[1:]]
    assert min(row["faces"] for row in rows) >= 40
    assert sum(row["faces"] for row in rows) == 1000
    assert sum(row["correct"] for row in rows) == right.sum()
    one = rows[len(rows) // 2]
    inside = (distances >= one["from"]) & (distances < one["to"])
    assert (one["faces"], one["correct"]) == (inside.sum(), right[inside].sum())


def test_few_faces_are_one_bin():
    assert reliability.reliability_bins(np.array([0.1, 1.0]), np.array([True, False])) == [
        {"from": 0.0, "to": 1.0, "faces": 2, "correct": 1}
    ]
