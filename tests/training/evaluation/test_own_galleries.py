from dataclasses import replace

import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.recognition.decision import FPIRS, decide
from app.recognition.scoring import Head, rank
from app.training.evaluation import own_galleries
from app.training.evaluation.own_galleries import Collection
from tests.training.evaluation.ranked import RULES


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
    found = own_galleries.own_gallery_rates(collection, RULES)
    assert (found["people"], found["impostors"], found["held_out"]) == (8, 2000, 1000)
    rows = found["rows"]
    assert [row["enrolled"] for row in rows] == [1, 2, 3, 5, 10]
    assert [row["probes"] for row in rows] == [80, 80, 72, 56, 16]
    first, last = rows[0]["rates"], rows[3]["rates"]
    assert [rate["fpir"] for rate in first] == list(FPIRS)
    assert first[0]["tpir"] > first[1]["tpir"] > first[2]["tpir"]
    assert all(more["tpir"] > fewer["tpir"] for more, fewer in zip(last, first, strict=True))
    assert last[0]["matched"] > last[1]["matched"] >= last[2]["matched"]
    # The unusable face is never enrolled: it is among the probes of every choice, as an error.
    assert max(row["rank1"] for row in rows) < 1


def test_own_galleries_name_as_serving_does(collection, monkeypatch):
    monkeypatch.setattr(own_galleries, "SEEDS", 2)
    rules = replace(RULES, head=Head(4.0, 1.4))
    found = own_galleries.own_gallery_rates(collection, rules)["rows"][0]["rates"][0]["impostors_matched"]
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
    found = own_galleries.template_distances(axes[:1], anchors)
    np.testing.assert_allclose(found, [[0, np.sqrt(2)]], atol=1e-7)
    other = np.array([[0.7, np.sqrt(1 - 0.49), 0, 0]])
    assert own_galleries.template_distances(other, anchors)[0, 0] == pytest.approx(
        np.linalg.norm(other[0, :3] - 1 / np.sqrt(3))
    )
