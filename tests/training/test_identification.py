import numpy as np
import pytest

from app.training import fairness, identification
from app.training.judged import Judged
from app.verdict import Head, PersonDistance, Rules

RULES = Rules(Head(4.0, 1.0), ((1, 0.3), (32, 0.3)), margin=0.02, pair_threshold=0.5)


def face(person: str | None, *ranking: tuple[str, float], identity: str = "", source: str = "web") -> Judged:
    rows = tuple(PersonDistance(name, distance, distance, 0.0, 32) for name, distance in ranking)
    return Judged(identity or f"known/{person}", person, source, rows, 100)


def test_a_face_whose_person_is_taken_out_is_a_stranger():
    one = face("Ann", ("Ann", 0.1), ("Bob", 0.2), ("Cem", 0.5))
    assert (one.right, one.distance, one.named(RULES)) == (True, 0.1, "Ann")
    other = one.left_out()
    assert (other.person, other.right, other.distance, other.named(RULES)) == (None, False, 0.2, "Bob")
    assert one.identity == other.identity


def test_a_missed_face_is_never_right_and_never_near():
    missed = face("Ann")
    assert (missed.right, missed.distance, missed.named(RULES)) == (False, np.inf, None)
    assert missed.left_out().named(RULES) is None


def test_known_faces_are_counted_at_the_rate_that_strangers_leave():
    strangers = [face(None, ("Ann", 0.30 + number / 1000), identity=f"p/{number}") for number in range(100)]
    known = [face(f"n{number}", (f"n{number}", 0.2 + number / 500)) for number in range(100)]
    # One stranger in a hundred lies under 0.301: known faces under it are the first 51.
    found = identification.at_rate(known, strangers, 0.01)
    assert found["identified"] == pytest.approx(0.51)
    assert found["mean"] == pytest.approx(0.51, abs=0.02)
    assert found["spread"] > 0
    assert 0 <= found["strangers_named"] <= 0.03
    wrong = [face("someone", ("another", 0.0), identity=f"known/{number}") for number in range(100)]
    assert identification.at_rate(known + wrong, strangers, 0.01)["identified"] == pytest.approx(0.255)


def test_the_curve_rises_to_the_share_of_right_faces():
    strangers = [face(None, ("Ann", 0.3 + number / 1000), identity=f"p/{number}") for number in range(50)]
    known = [face("Ann", ("Ann", 0.31 + number / 2000)) for number in range(90)] + [face("Ann")] * 10
    points = np.array(identification.curve(known, strangers, points=20))
    assert (np.diff(points, axis=0) >= 0).all()
    assert points[0, 0] == pytest.approx(1 / 50)
    assert 0.6 < points[-1, 1] <= 0.9


KNOWN = [
    face("Ann", ("Ann", 0.1), ("Bob", 0.4)),
    face("Ann", ("Ann", 0.4), ("Bob", 0.5)),
    face("Bob", ("Ann", 0.1), ("Bob", 0.4), source="film"),
    face("Bob", source="film"),
]
STRANGERS = [face(None, ("Bob", 0.2), identity="p/1"), face(None, ("Bob", 0.5), identity="p/2")]


def test_each_person_has_figures():
    found = fairness.people(KNOWN, STRANGERS, RULES)
    assert found == {
        "Ann": {"faces": 2, "top1": 1.0, "top5": 1.0, "named": 0.5, "strangers": 0},
        "Bob": {"faces": 2, "top1": 0.0, "top5": 0.5, "named": 0.0, "strangers": 1},
    }
    told = fairness.summary(found, [])
    assert told["worst_tenth"] == ["Bob"]
    assert told["top1"] == {"mean": 0.5, "spread": 0.5, "worst_tenth": 0.0}
    assert told["strangers_most_often_called"] == {"Bob": 1}


def test_sources_are_listed_worst_first(monkeypatch):
    monkeypatch.setattr(fairness, "LEAST", 2)
    assert fairness.sources(KNOWN, STRANGERS, RULES) == [
        {"source": "film", "who": "known", "faces": 2, "top1": 0.0, "named": 0.0},
        {"source": "web", "who": "known", "faces": 2, "top1": 1.0, "named": 0.5},
        {"source": "web", "who": "strangers", "faces": 2, "named": 0.5},
    ]


def test_confusions_tell_who_is_taken_for_whom():
    assert fairness.confusions(KNOWN) == [{"person": "Bob", "taken_for": "Ann", "faces": 1, "of": 2}]


def test_of_a_single_stranger_no_fold_can_be_tried():
    known = [face(f"n{number}", (f"n{number}", 0.2 + number / 500)) for number in range(100)]
    found = identification.at_rate(known, [face(None, ("Ann", 0.301), identity="p/1")], 0.01)
    assert (found["identified"], found["mean"], found["spread"]) == (pytest.approx(0.51), 0.0, 0.0)
