import numpy as np
import pytest

from app.training.evaluation import identification
from tests.training.evaluation.ranked import RULES, face


def test_known_faces_are_counted_at_each_fpir():
    # Of a thousand impostors ten are nearer than 0.31, three nearer than 0.303 and one nearer than 0.301.
    impostors = [face(None, ("Ann", 0.3 + number / 1000), identity=f"p/{number}") for number in range(1000)]
    known = [face(f"n{number}", (f"n{number}", 0.2001 + number / 400), ("Zoe", 0.9)) for number in range(45)]
    known += [face("Bob", ("Ann", 0.05), ("Bob", 0.5)), face("Bob", ("Ann", 0.05), ("Bob", 0.06))]
    known += [face("Cem"), face("Cem", ("Cem", 0.05), flaw="It is small."), face("Cem", ("Zoe", 0.9), ("Cem", 0.95))]
    found = identification.known_face_rates(known, impostors, RULES)
    assert (found["faces"], found["people"], found["missed"], found["refused"]) == (50, 47, 1, 1)
    assert (found["rank1"], found["rank5"]) == (46 / 50, 49 / 50)
    assert [rate["tpir"] for rate in found["rates"]] == [44 / 50, 42 / 50, 41 / 50]
    assert [rate["matched"] for rate in found["rates"]] == [40 / 50, 0, 0]
    assert [rate["misidentified"] for rate in found["rates"]] == pytest.approx([1 / 50] * 3)
    assert [rate["ambiguous"] for rate in found["rates"]] == [1 / 50] * 3


def test_impostors_are_counted_by_verdict():
    impostors = [face(None, ("Ann", distance), ("Bob", 0.31), identity="p/1") for distance in (0.05, 0.25, 0.3, 0.7)]
    found = identification.impostor_rates(impostors, RULES)
    assert (found["faces"], found["people"]) == (4, 1)
    assert [rate["matched"] for rate in found["rates"]] == [0.5, 0.25, 0.25]
    assert [rate["ambiguous"] for rate in found["rates"]] == [0.25, 0, 0]


def test_curve_rises_to_the_share_of_correct_faces():
    known = np.concatenate([0.31 + np.arange(90) / 2000, np.full(10, np.inf)])
    impostors = 0.3 + np.arange(50) / 1000
    points = np.array(identification.tpir_curve(known, np.isfinite(known), impostors, points=20))
    assert (np.diff(points, axis=0) >= 0).all()
    assert points[0, 0] == pytest.approx(1 / 50)
    assert 0.6 < points[-1, 1] <= 0.9


def test_every_face_is_in_one_bin_and_no_bin_is_small(rng):
    distances = rng.beta(4, 8, 1000)
    right = rng.random(1000) > distances
    rows = identification.reliability_bins(distances, right, width=0.05, min_faces=40)
    assert [rows[0]["from"], rows[-1]["to"]] == [0.0, 1.0]
    assert [row["to"] for row in rows[:-1]] == [row["from"] for row in rows[1:]]
    assert min(row["faces"] for row in rows) >= 40
    assert sum(row["faces"] for row in rows) == 1000
    assert sum(row["correct"] for row in rows) == right.sum()
    one = rows[len(rows) // 2]
    inside = (distances >= one["from"]) & (distances < one["to"])
    assert (one["faces"], one["correct"]) == (inside.sum(), right[inside].sum())


def test_few_faces_are_one_bin():
    assert identification.reliability_bins(np.array([0.1, 1.0]), np.array([True, False])) == [
        {"from": 0.0, "to": 1.0, "faces": 2, "correct": 1}
    ]


def test_face_whose_person_is_left_out_is_an_impostor():
    one = face("Ann", ("Ann", 0.1), ("Bob", 0.2), ("Cem", 0.5))
    assert (one.is_rank1, one.distance, one.match(RULES)) == (True, 0.1, "Ann")
    other = one.as_impostor()
    assert (other.person, other.is_rank1, other.distance, other.match(RULES)) == (None, False, 0.2, "Bob")
    assert one.identity == other.identity


def test_missed_and_refused_faces_are_never_named():
    missed, refused = face("Ann"), face("Ann", ("Ann", 0.1), flaw="It is blurred.")
    assert (missed.is_rank1, missed.distance, missed.match(RULES)) == (False, np.inf, None)
    assert (refused.is_rank1, refused.distance, refused.match(RULES)) == (True, np.inf, None)
    assert missed.as_impostor().match(RULES) is None
