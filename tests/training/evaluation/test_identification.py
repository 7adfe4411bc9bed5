from dataclasses import replace

import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.recognition.decision import FPIRS, PairRules, Rules, decide
from app.recognition.scoring import Head, PersonDistance, rank
from app.training.evaluation import fairness, identification
from app.training.evaluation.identification import Collection
from app.training.evaluation.judged import Judged

RULES = Rules(
    Head(4.0, 1.0),
    tuple((fpir, ((1, ((1, limit),)),)) for fpir, limit in zip((*FPIRS, 0.1), (0.3, 0.2, 0.1, 0.6), strict=True)),
    margin=0.02,
    pairs=PairRules(((1e-3, 0.2),), 0.5),
)


def face(person: str | None, *ranking: tuple[str, float], identity: str = "", source: str = "web", flaw=None) -> Judged:
    rows = tuple(PersonDistance(name, distance, distance, distance, 0.0, 32) for name, distance in ranking)
    return Judged(identity or f"known/{person}", person, source, rows, 100, flaw)


def test_face_whose_person_is_left_out_is_an_impostor():
    one = face("Ann", ("Ann", 0.1), ("Bob", 0.2), ("Cem", 0.5))
    assert (one.right, one.distance, one.named(RULES)) == (True, 0.1, "Ann")
    other = one.left_out()
    assert (other.person, other.right, other.distance, other.named(RULES)) == (None, False, 0.2, "Bob")
    assert one.identity == other.identity


def test_missed_and_refused_faces_are_never_named():
    missed, refused = face("Ann"), face("Ann", ("Ann", 0.1), flaw="It is blurred.")
    assert (missed.right, missed.distance, missed.named(RULES)) == (False, np.inf, None)
    assert (refused.right, refused.distance, refused.named(RULES)) == (True, np.inf, None)
    assert missed.left_out().named(RULES) is None


def test_known_faces_are_counted_at_each_fpir():
    # Of a thousand impostors ten are nearer than 0.31, three nearer than 0.303 and one nearer than 0.301.
    impostors = [face(None, ("Ann", 0.3 + number / 1000), identity=f"p/{number}") for number in range(1000)]
    known = [face(f"n{number}", (f"n{number}", 0.2001 + number / 400), ("Zoe", 0.9)) for number in range(45)]
    known += [face("Bob", ("Ann", 0.05), ("Bob", 0.5)), face("Bob", ("Ann", 0.05), ("Bob", 0.06))]
    known += [face("Cem"), face("Cem", ("Cem", 0.05), flaw="It is small."), face("Cem", ("Zoe", 0.9), ("Cem", 0.95))]
    found = identification.known_faces(known, impostors, RULES)
    assert (found["faces"], found["people"], found["missed"], found["refused"]) == (50, 47, 1, 1)
    assert (found["rank1"], found["rank5"]) == (46 / 50, 49 / 50)
    assert [rate["tpir"] for rate in found["rates"]] == [44 / 50, 42 / 50, 41 / 50]
    assert [rate["named"] for rate in found["rates"]] == [40 / 50, 0, 0]
    assert [rate["misnamed"] for rate in found["rates"]] == pytest.approx([1 / 50] * 3)
    assert [rate["ambiguous"] for rate in found["rates"]] == [1 / 50] * 3


def test_impostors_are_counted_by_verdict():
    impostors = [face(None, ("Ann", distance), ("Bob", 0.31), identity="p/1") for distance in (0.05, 0.25, 0.3, 0.7)]
    found = identification.impostor_faces(impostors, RULES)
    assert (found["faces"], found["people"]) == (4, 1)
    assert [rate["named"] for rate in found["rates"]] == [0.5, 0.25, 0.25]
    assert [rate["ambiguous"] for rate in found["rates"]] == [0.25, 0, 0]


def test_curve_rises_to_the_share_of_right_faces():
    impostors = [face(None, ("Ann", 0.3 + number / 1000), identity=f"p/{number}") for number in range(50)]
    known = [face("Ann", ("Ann", 0.31 + number / 2000)) for number in range(90)] + [face("Ann")] * 10
    points = np.array(identification.curve(known, impostors, points=20))
    assert (np.diff(points, axis=0) >= 0).all()
    assert points[0, 0] == pytest.approx(1 / 50)
    assert 0.6 < points[-1, 1] <= 0.9


@pytest.fixture
def collection(rng) -> Collection:
    """Eight members with twelve faces each, one face of the first unusable, and two thousand impostors."""
    middles = np.repeat(rng.normal(size=(8, 32)), 12, axis=0)
    rows = np.concatenate([middles + rng.normal(scale=0.9, size=middles.shape), rng.normal(size=(2000, 32))])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    usable = np.ones(len(rows), bool)
    usable[0], rows[0] = False, 0
    people = np.array([f"m{number // 12}" for number in range(96)] + [f"i{number}" for number in range(2000)])
    return Collection(rows, usable, people, np.arange(96), np.arange(96, 2096), np.arange(1096, 2096))


def test_own_galleries_improve_with_enrolled_photos(collection):
    found = identification.own_galleries(collection, RULES)
    assert (found["people"], found["impostors"], found["held_out"]) == (8, 2000, 1000)
    rows = found["rows"]
    assert [row["enrolled"] for row in rows] == [1, 2, 3, 5, 10]
    assert [row["probes"] for row in rows] == [80, 80, 72, 56, 16]
    first, last = rows[0]["rates"], rows[3]["rates"]
    assert [rate["fpir"] for rate in first] == list(FPIRS)
    assert first[0]["tpir"] > first[1]["tpir"] > first[2]["tpir"]
    assert all(more["tpir"] > fewer["tpir"] for more, fewer in zip(last, first, strict=True))
    assert last[0]["named"] > last[1]["named"] >= last[2]["named"]
    # The unusable face is never enrolled: it is among the probes of every choice, as an error.
    assert max(row["rank1"] for row in rows) < 1


def test_own_galleries_name_as_serving_does(collection, monkeypatch):
    monkeypatch.setattr(identification, "SEEDS", 2)
    rules = replace(RULES, head=Head(4.0, 1.4))
    found = identification.own_galleries(collection, rules)["rows"][0]["rates"][0]["impostors_named"]
    named = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        orders = [rng.permutation(np.flatnonzero(collection.people == f"m{number}")) for number in range(8)]
        anchors = collection.embeddings[[order[collection.usable[order]][0] for order in orders]].astype(np.float32)
        snapshot = Snapshot([f"m{number}" for number in range(8)], range(8), anchors, np.arange(9), 1)
        probes = collection.embeddings[collection.held_out]
        named.append(np.mean([decide(rank(one, snapshot, rules.head), rules).person is not None for one in probes]))
    assert 0.01 < found < 0.99
    assert found == pytest.approx(np.mean(named), abs=1e-3)


def test_same_picture_as_an_anchor_counts_by_that_anchor():
    axes = np.eye(4)
    anchors = [axes[:3], axes[3:]]
    found = identification.template_distances(axes[:1], anchors)
    np.testing.assert_allclose(found, [[0, np.sqrt(2)]], atol=1e-7)
    other = np.array([[0.7, np.sqrt(1 - 0.49), 0, 0]])
    assert identification.template_distances(other, anchors)[0, 0] == pytest.approx(
        np.linalg.norm(other[0, :3] - 1 / np.sqrt(3))
    )


KNOWN = [
    face("Ann", ("Ann", 0.1), ("Bob", 0.4)),
    face("Ann", ("Ann", 0.4), ("Bob", 0.5)),
    face("Bob", ("Ann", 0.1), ("Bob", 0.4), source="film"),
    face("Bob", source="film"),
]
IMPOSTORS = [face(None, ("Bob", 0.2), identity="p/1"), face(None, ("Bob", 0.5), identity="p/2")]


def test_each_person_has_rates():
    found = fairness.people(KNOWN, IMPOSTORS, RULES)
    assert found == {
        "Ann": {"faces": 2, "rank1": 1.0, "rank5": 1.0, "named": 0.5, "impostors": 0},
        "Bob": {"faces": 2, "rank1": 0.0, "rank5": 0.5, "named": 0.0, "impostors": 1},
    }
    summary = fairness.summary(found, [])
    assert summary["worst_tenth"] == ["Bob"]
    assert summary["rank1"] == {"mean": 0.5, "spread": 0.5, "worst_tenth": 0.0}
    assert summary["impostors_by_name"] == {"Bob": 1}


def test_collections_are_listed_worst_first(monkeypatch):
    monkeypatch.setattr(fairness, "LEAST", 2)
    assert fairness.sources(KNOWN, IMPOSTORS, RULES) == [
        {"source": "film", "who": "known", "faces": 2, "rank1": 0.0, "named": 0.0},
        {"source": "web", "who": "known", "faces": 2, "rank1": 1.0, "named": 0.5},
        {"source": "web", "who": "impostors", "faces": 2, "named": 0.5},
    ]


def test_confusions_are_counted():
    assert fairness.confusions(KNOWN) == [{"person": "Bob", "taken_for": "Ann", "faces": 1, "of": 2}]
