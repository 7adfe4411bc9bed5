from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from app.recognition.decision import decide
from app.recognition.model_card import TwinConfig, read_card
from app.recognition.scoring import rank
from app.training.calibration import quality_floor, thresholds
from app.training.calibration.calibrate import calibrate
from app.training.data.crops import Crops, Pipeline
from app.training.data.labeled_faces import LabeledFaces
from app.training.release import export, gallery
from app.vision import alignment
from app.vision.quality import QualityFloor
from tests.training.data.test_crops import rows_of

PEOPLE, DIMS = 10, 24
PIPELINE = Pipeline(None, None, Path())
FLOOR = QualityFloor(eye_distance=8.0, detail=0.1, yaw=1.5, close_confidence=0.6, norm=5.0)


@pytest.fixture
def faces(rng) -> LabeledFaces:
    """Ten people with eight training and four calibration faces each, and a hundred impostors."""
    middles = np.repeat(rng.normal(size=(PEOPLE, DIMS)), 12, axis=0)
    rows = np.concatenate([middles + rng.normal(scale=0.4, size=middles.shape), rng.normal(size=(100, DIMS))])
    identities = [f"celebrities/p{number}" for number in range(PEOPLE) for _ in range(12)]
    identities += [f"people/{number}" for number in range(100)]
    splits = (["train"] * 8 + ["calibration"] * 4) * PEOPLE + ["calibration-impostor"] * 100
    everybody = len(identities)
    crops = rng.integers(0, 256, (everybody, 112, 112, 3), dtype=np.uint8)
    files = [f"{identity}/{number}.webp" for number, identity in enumerate(identities)]
    whole = Crops(files, crops, rows_of(everybody))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return LabeledFaces([], whole, np.array(identities), np.array(splits), rows.astype(np.float32))


@pytest.fixture
def person(rng):
    """Makes float32 (count, 16) embeddings of length 1 around one direction."""

    def make(count: int, spread: float = 0.05) -> np.ndarray:
        rows = np.eye(16)[0] + rng.normal(scale=spread, size=(count, 16))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return make


def test_an_outlier_is_left_out(person):
    faces = person(100)
    for place in (0, 17, 99):
        planted = faces.copy()
        planted[place] = -planted[place]
        chosen = gallery.choose_anchors(planted)
        assert len(chosen) == gallery.MAX_ANCHORS
        assert place not in chosen


def test_each_face_is_chosen_once_and_no_more_than_asked_for(person):
    for count, most in ((1, 32), (5, 32), (32, 32), (33, 32), (200, 32), (20, 7)):
        chosen = gallery.choose_anchors(person(count), most)
        assert len(chosen) == len(set(chosen.tolist())) <= most
        assert set(chosen.tolist()) <= set(range(count))
    assert sorted(gallery.choose_anchors(person(3)).tolist()) == [0, 1, 2]


def test_what_is_chosen_is_written_and_keeps_the_fpir(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(quality_floor, "choose", lambda *_: FLOOR)
    rules, floor, snapshot = calibrate(replace(faces, spellings={"p1": "Pé One"}), PIPELINE)
    assert snapshot.names == tuple(sorted([*(f"p{number}" for number in range(PEOPLE) if number != 1), "Pé One"]))
    for _, table in rules.thresholds:
        assert [people for people, _ in table] == [1, 4, PEOPLE]
    impostors = faces.embeddings[faces.positions("calibration-impostor")]
    named = [decide(rank(one, snapshot, rules.head), rules).kind == "match" for one in impostors]
    assert np.mean(named) <= 0.01
    known = faces.embeddings[faces.positions("calibration")]
    assert np.mean([decide(rank(one, snapshot, rules.head), rules).kind == "match" for one in known]) > 0.5
    raw = {"architecture": {"twin": asdict(TwinConfig(8, ((16, 1),), DIMS))}, "crop": alignment.PIPELINE}
    written = export.write_card(tmp_path / "twin.json", raw, {"000": np.zeros(3)}, rules, floor)
    assert written == read_card(tmp_path / "twin.json")
    assert (written.rules.head, written.quality) == (rules.head, floor)
    for count, people in ((1, 1), (5, 3), (8, 10)):
        assert written.rules.threshold(count, people) == pytest.approx(rules.threshold(count, people), abs=1e-5)


def test_a_pretrained_network_is_calibrated_on_training_photos_too(faces, monkeypatch):
    monkeypatch.setattr(quality_floor, "choose", lambda *_: FLOOR)
    monkeypatch.setattr(gallery.choose_anchors, "__defaults__", (3,))
    seen = []

    def margin(known, *_):
        seen.append(len(known))
        return 0.0

    monkeypatch.setattr(thresholds, "choose_margin", margin)
    for pretrained in (False, True):
        calibrate(faces, PIPELINE, pretrained)
    # Five of a person's eight training photos do not become anchors.
    assert seen == [4 * PEOPLE, (4 + 5) * PEOPLE]
