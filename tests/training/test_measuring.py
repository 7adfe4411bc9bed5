from dataclasses import replace

import numpy as np
import pytest

from app.gallery.snapshot import Snapshot
from app.training import measuring
from app.training.crops import Crops
from app.training.shipping import Faces
from app.verdict import Head, Rules

RULES = Rules(Head(6.0, 1.0), ((1, 0.3), (4, 0.3)), margin=0.02, pair_threshold=0.5)
PEOPLE = 12


@pytest.fixture
def measured(rng, tmp_path) -> tuple[Faces, Snapshot]:
    """Twelve people with four anchors and ten test faces each, one of which is missed, and sixty strangers."""
    middles = rng.normal(size=(PEOPLE, 24))
    near = middles[:, None] + rng.normal(scale=0.3, size=(PEOPLE, 14, 24))
    rows = np.concatenate([near[:, :10].reshape(-1, 24), rng.normal(size=(60, 24))])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    anchors = near[:, 10:].reshape(-1, 24)
    anchors /= np.linalg.norm(anchors, axis=1, keepdims=True)
    names = tuple(f"p{number:02d}" for number in range(PEOPLE))
    snapshot = Snapshot(names, tuple(range(PEOPLE)), anchors.astype(np.float32), np.arange(0, 4 * PEOPLE + 1, 4), 1)
    identities = np.array([f"known/{name}" for name in names for _ in range(10)] + [f"o/{i}" for i in range(60)])
    files = [f"{identity}/{number}.webp" for number, identity in enumerate(identities)]
    found = np.ones(len(files), bool)
    found[0] = False
    crops = Crops(files, np.zeros((len(files), 1)), found, np.zeros(len(files)), np.zeros(len(files)))
    splits = np.array(["test"] * 10 * PEOPLE + ["test-stranger"] * 60)
    return Faces(tmp_path, crops, identities, splits, (rows * found[:, None]).astype(np.float32)), snapshot


def test_figures_of_the_card_agree_with_each_other(measured):
    figures, details = measuring.gallery(*measured[:1], {}, measured[1], RULES)
    closed = figures["closed_set"]
    assert (closed["faces"], closed["missed"], closed["people"]) == (120, 1, PEOPLE)
    assert closed["top1"] > 0.9
    by_person = details["people"].values()
    assert np.mean([row["top1"] for row in by_person]) == pytest.approx(closed["top1"])
    assert np.mean([row["named"] for row in by_person]) == pytest.approx(closed["named"])
    assert sum(row["right"] for row in figures["reliability"]) == round(closed["top1"] * 120)
    whole = figures["galleries"]["anchors"][-1]
    assert whole["named"] * 119 == pytest.approx(closed["named"] * 120)
    assert whole["strangers_named"] == pytest.approx(figures["open_set"]["named"])
    assert whole["left_out_named"] == pytest.approx(figures["identification"]["celebrities_left_out"]["named"])
    assert details["open_set_curves"]["strangers"][-1][1] <= closed["top1"]
    assert figures["identification"]["strangers"][0]["identified"] <= closed["top1"]


def test_people_the_network_has_not_learnt_from_are_strangers_too(measured):
    faces, snapshot = measured
    splits = np.array(faces.splits, dtype="<U20")
    splits[np.isin(faces.identities, [f"known/p{number:02d}" for number in range(2, PEOPLE)])] = "guest"
    figures, _ = measuring.gallery(replace(faces, splits=splits), {}, snapshot, RULES)
    assert figures["closed_set"]["faces"] == 20
    assert figures["guests"]["faces"] == 100
    left_out = figures["identification"]["guests_left_out"]
    assert left_out["faces"] == 100
    assert left_out["named"] < 0.2 < figures["guests"]["named"]
    assert left_out["rates"][0]["identified"] <= figures["closed_set"]["top1"]


def test_fewer_people_come_near_in_smaller_galleries(measured):
    figures, _ = measuring.gallery(measured[0], {}, measured[1], RULES)
    named = [row["strangers_named"] for row in figures["galleries"]["people"]]
    assert [row["people"] for row in figures["galleries"]["people"]] == [1, 4, PEOPLE]
    assert named == sorted(named)
