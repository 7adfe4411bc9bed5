from dataclasses import replace

import numpy as np
import pytest

from app.recognition.decision import PairRules, Rules, Verdict, decide
from app.recognition.recognizer import Recognizer
from app.recognition.scoring import Head, PersonDistance
from app.settings import Settings
from app.training.data.crops import collect
from app.training.data.labeled_faces import LabeledFaces
from app.training.evaluation import robustness
from app.training.evaluation.robustness import DEGRADATIONS
from app.vision.detection import Detector
from app.vision.quality import QualityFloor
from tests import photos

KNOWN = f"known/{photos.PERSON}"
RULES = Rules(Head(4.0, 1.0), ((0.01, ((1, ((1, 0.3),)),)),), 0.0, PairRules((), 0.5))


@pytest.fixture
def faces(photo, tmp_path) -> LabeledFaces:
    """The same photo of a person of the gallery three times: as an anchor, a known face and an impostor."""
    files = [f"{folder}/{number}.jpg" for number, folder in enumerate((KNOWN, KNOWN, "other/someone"))]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(photo(photos.PERSON))
    crops = collect(tmp_path, files, Detector.from_settings(Settings()), tmp_path / "cache")
    identities = np.array([file.rpartition("/")[0] for file in files])
    splits = np.array(["train", "test", "test-impostor"])
    paths = [tmp_path / file for file in files]
    return LabeledFaces(paths, crops, identities, splits, np.zeros((3, 128), np.float32))


@pytest.fixture
def enrolled(recognizer, faces, empty_gallery, monkeypatch) -> tuple[Recognizer, LabeledFaces]:
    """A gallery of that person with that photo alone, and the faces with their embeddings.

    The photo shows an average face, which may be too blurred for the quality limits.
    """
    card = replace(recognizer.network.card, quality=QualityFloor())
    monkeypatch.setattr(recognizer.network, "card", card)
    embeddings = recognizer.network.embed(np.asarray(faces.crops.crops))
    empty_gallery.add(photos.PERSON, embeddings[:1], ["1.jpg"], None)
    own = Recognizer(recognizer.settings, recognizer.detector, recognizer.network, empty_gallery)
    return own, replace(faces, embeddings=embeddings)


def test_the_same_faces_are_measured_after_each_change(enrolled):
    recognizer, faces = enrolled
    rows = robustness.degraded_rates(faces, recognizer)
    assert [row["change"] for row in rows] == list(DEGRADATIONS)
    assert {(row["faces"], row["impostors"]) for row in rows} == {(1, 1)}
    assert (rows[0]["rank1"], rows[0]["matched"], rows[0]["missed"]) == (1.0, 1.0, 0)
    # Both show the same face.
    assert [row["matched"] for row in rows] == [row["impostors_matched"] for row in rows]
    assert robustness.tilt_rates(rows)["rank1_at_0"] == 1.0


def test_enrolled_photos_are_sent_again(enrolled):
    recognizer, faces = enrolled
    found = robustness.resent_rates(faces, recognizer)
    assert found == {"photos": 1, "matched": 1.0, "compressed": 1, "compressed_matched": 1.0}


def test_missed_and_refused_faces_count_as_errors():
    near = (PersonDistance("Ann", 0.1, 0.1, 0.1, 0.0, 1),)
    match = Verdict("match", "Ann", 0.1, 0.2, near, "")
    refused = decide(near, RULES, "It is blurred.")
    found = robustness._count(["Ann", "Ann", "Ann", "Bob"], [match, None, refused, match], [match, None, refused])
    assert found == {
        "faces": 4,
        "rank1": 0.5,
        "matched": 0.25,
        "missed": 1,
        "refused": 1,
        "impostors": 3,
        "impostors_matched": pytest.approx(1 / 3),
    }


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.asarray(photos.portraits()["Drake"].resize((144, 144)))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_changed_picture_is_a_picture_and_the_old_one_stays(picture, name):
    before = picture.copy()
    changed = DEGRADATIONS[name](picture)
    assert (changed.dtype, changed.ndim, changed.shape[2]) == (np.uint8, 3, 3)
    assert name == "unchanged" or changed.shape != picture.shape or (changed != picture).any()
    np.testing.assert_array_equal(picture, before)


def test_changes_do_what_they_say(picture):
    change = DEGRADATIONS
    assert max(change["face 48 px wide"](picture).shape) == 72
    assert change["face 48 px wide"](picture[:40, :40]).shape == (40, 40, 3)  # nothing is made larger
    assert change["a quarter of the light"](picture).mean() == pytest.approx(picture.mean() / 4, rel=0.02)
    assert np.ptp(change["grayscale"](picture), axis=2).max() == 0
    assert np.abs(change["JPEG quality 20"](picture).astype(int) - picture).mean() < 8
    covered = (change["a fifth covered"](picture) != picture).any(axis=2)
    assert covered.sum() == pytest.approx(0.2 * 96**2, rel=0.05)
