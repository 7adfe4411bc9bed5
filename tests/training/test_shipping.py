from types import SimpleNamespace

import numpy as np
import pytest

from app import card
from app.card import TwinConfig, read_card
from app.training import shipping
from app.training.crops import Crops
from app.training.shipping import Faces

PEOPLE, DIMS = 10, 24


@pytest.fixture
def faces(rng, tmp_path) -> Faces:
    """Ten people with eight training and four calibration faces each, and a hundred strangers."""
    middles = np.repeat(rng.normal(size=(PEOPLE, DIMS)), 12, axis=0)
    rows = np.concatenate([middles + rng.normal(scale=0.4, size=middles.shape), rng.normal(size=(100, DIMS))])
    identities = [f"celebrities/p{number}" for number in range(PEOPLE) for _ in range(12)]
    identities += [f"people/{number}" for number in range(100)]
    splits = (["train"] * 8 + ["calibration"] * 4) * PEOPLE + ["calibration-stranger"] * 100
    everybody = len(identities)
    crops = rng.integers(0, 256, (everybody, 112, 112, 3), dtype=np.uint8)
    files = [f"{identity}/{number}.webp" for number, identity in enumerate(identities)]
    good = np.full(everybody, 100, np.float32)
    whole = Crops(files, crops, np.ones(everybody, bool), good, good)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Faces(tmp_path, whole, np.array(identities), np.array(splits), rows.astype(np.float32))


def test_what_is_chosen_is_written_and_names_few_strangers(faces, tmp_path):
    known = faces.embeddings[faces.of("calibration")]
    network = SimpleNamespace(embed=lambda crops: known[: len(crops)])
    rules, floor, snapshot = shipping.calibrate(faces, {"p1": "Pé One"}, network)
    assert snapshot.names == tuple(sorted([*(f"p{number}" for number in range(PEOPLE) if number != 1), "Pé One"]))
    assert [people for people, _ in rules.sizes] == [1, 4, PEOPLE]
    assert rules.thresholds == rules.sizes[-1][1]
    strangers = faces.embeddings[faces.of("calibration-stranger")]
    verdicts = [shipping.rank(one, snapshot, rules.head)[0].class_distance for one in strangers]
    assert np.mean(np.array(verdicts) <= rules.threshold(8, PEOPLE)) <= 0.02
    raw = {"architecture": {"twin": TwinConfig(8, ((16, 1),), DIMS).__dict__}, "crop": "eyes-112-v1"}
    written = shipping.write(tmp_path / "twin.json", raw, {"000": np.zeros(3)}, rules, floor)
    assert written == read_card(tmp_path / "twin.json")
    assert written.rules == card_rules(rules)


def card_rules(rules: card.Rules) -> card.Rules:
    """Rules as a card keeps them, to five digits."""

    def table(rows):
        return tuple((count, round(value, 5)) for count, value in rows)

    return card.Rules(
        rules.head,
        table(rules.thresholds),
        round(rules.margin, 5),
        rules.pair_threshold,
        tuple((people, table(rows)) for people, rows in rules.sizes),
        tuple((share, round(score, 5)) for share, score in rules.false_accepts),
    )
