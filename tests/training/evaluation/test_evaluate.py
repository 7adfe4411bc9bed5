from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app.errors import TrainingError
from app.gallery.snapshot import Snapshot
from app.recognition.decision import FPIRS, PairRules, Rules
from app.recognition.scoring import Head
from app.training.data.crops import Crops
from app.training.data.labeled_faces import LabeledFaces
from app.training.evaluation import evaluate
from app.vision import alignment
from app.vision.quality import QualityFloor

LIMITS = dict(zip(FPIRS, (0.3, 0.016, 0.012), strict=True))
RULES = Rules(
    Head(6.0, 1.0),
    tuple((fpir, ((1, ((1, limit),)),)) for fpir, limit in LIMITS.items()),
    margin=0.02,
    pairs=PairRules(((1e-2, 0.4), (1e-3, 0.3), (1e-6, 0.1)), 0.6),
)
PEOPLE = 12
SPLITS = (["test"] * 6 + ["test-unseen"] * 4) * PEOPLE + ["test-impostor"] * 60 + ["test-famous"] * 20


@pytest.fixture
def measured(rng) -> tuple[LabeledFaces, Snapshot]:
    """Twelve people with four anchors and ten faces each, of which one is missed and one refused, and impostors."""
    middles = rng.normal(size=(PEOPLE, 24))
    near = middles[:, None] + rng.normal(scale=0.3, size=(PEOPLE, 14, 24))
    # Twelve of the impostors are look-alikes of somebody.
    impostors = np.concatenate([middles + rng.normal(size=middles.shape), rng.normal(size=(68, 24))])
    rows = np.concatenate([near[:, :10].reshape(-1, 24), impostors])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    anchors = near[:, 10:].reshape(-1, 24)
    anchors /= np.linalg.norm(anchors, axis=1, keepdims=True)
    names = tuple(f"p{number:02d}" for number in range(PEOPLE))
    snapshot = Snapshot(names, tuple(range(PEOPLE)), anchors.astype(np.float32), np.arange(0, 4 * PEOPLE + 1, 4), 1)
    identities = np.array([f"known/{name}" for name in names for _ in range(10)] + [f"o/{i}" for i in range(80)])
    files = [f"{identity}/{number}.webp" for number, identity in enumerate(identities)]
    # Eyes 35 pixels apart, and 3.5 in the face that is too small.
    landmarks = np.tile(alignment.TEMPLATE.ravel(), (len(files), 1))
    landmarks[10] /= 10
    box = [[20, 20, 70, 90, 0.9, np.nan]]
    faces = np.column_stack([np.repeat(box, len(files), axis=0), landmarks])
    faces[0] = np.nan
    pixels = rng.integers(0, 256, (1, alignment.SIZE, alignment.SIZE, 3), dtype=np.uint8)
    crops = Crops(files, np.broadcast_to(pixels, (len(files), *pixels.shape[1:])), faces.astype(np.float32))
    rows[0] = 0
    return LabeledFaces([], crops, identities, np.array(SPLITS), rows.astype(np.float32)), snapshot


@pytest.fixture
def card():
    """The parts of a card that an evaluation reads: limits that refuse the smallest face, and the rules."""
    return SimpleNamespace(rules=RULES, quality=QualityFloor(8.0))


def test_figures_of_the_card_agree_with_each_other(measured, card):
    faces, snapshot = measured
    figures, details = evaluate.evaluate_gallery(faces, snapshot, card)
    celebrities, unseen, impostors = figures["celebrities"], figures["unseen_people"], figures["impostors"]
    assert (celebrities["faces"], celebrities["missed"], celebrities["refused"]) == (72, 1, 1)
    assert (unseen["faces"], unseen["missed"], unseen["refused"]) == (48, 0, 0)
    assert {name: kind["faces"] for name, kind in impostors.items()} == {
        "ordinary": 60,
        "famous": 20,
        "look_alikes": 120,
    }
    by_person = details["people"].values()
    assert np.mean([row["rank1"] for row in by_person]) == pytest.approx(celebrities["rank1"])
    assert np.mean([row["matched"] for row in by_person]) == pytest.approx(celebrities["rates"][0]["matched"])
    assert celebrities["rank1"] > 0.9
    for known in (celebrities, unseen):
        named = [rate["matched"] for rate in known["rates"]]
        assert known["rank1"] >= named[0] > named[1] > named[2]
    called = sum(row["impostors"] for row in by_person)
    shares = {name: kind["rates"][0]["matched"] for name, kind in impostors.items()}
    assert 0 < called == round(60 * shares["ordinary"] + 120 * shares["look_alikes"])
    # Neither the missed nor the refused face has a distance.
    assert sum(row["faces"] for row in figures["reliability"]) == len(SPLITS) - 2
    right = celebrities["rank1"] * 72 + unseen["rank1"] * 48
    assert sum(row["correct"] for row in figures["reliability"]) == round(right) - 1
    assert details["open_set_curves"]["celebrities"][-1][1] <= celebrities["rank1"]


def test_people_who_are_missing_in_the_gallery_are_reported(measured, card):
    faces, snapshot = measured
    with pytest.raises(TrainingError, match="Zoe is not in the gallery"):
        evaluate.evaluate_gallery(replace(faces, spellings={"p03": "Zoe"}), snapshot, card)


def test_unseen_are_members_and_impostors_of_own_galleries(measured, card):
    faces, _ = measured
    identities = np.char.replace(np.char.replace(faces.identities, "known/", "unseen/"), "o/", "unseen/")
    others = ["calibration-impostor", "test-impostor", "test-famous", "dropped"]
    splits = np.array(["test-unseen", "train", "left-out"] * 40 + others * 20)
    identities[125] = identities[121]  # two test impostors are one person
    joined = replace(faces, identities=identities, splits=splits)
    people = evaluate.unseen_collection(joined, card)
    assert people.members.tolist() == list(range(120))
    assert people.impostors.tolist() == [place for place in range(120, 200) if place % 4 < 2]
    assert people.held_out.tolist() == [place for place in range(120, 200) if place % 4 == 1]
    assert np.flatnonzero(~people.usable).tolist() == [0, 10]
    figures = evaluate.evaluate_unseen_people(joined, card)
    assert figures["own_galleries"]["people"] == PEOPLE
    assert figures["comparisons"]["different_people"]["pairs"] == 20 * 19 / 2 - 1
