import json
from dataclasses import asdict

import numpy as np
import pytest

from app.errors import ModelError
from app.recognition import model_card
from app.recognition.decision import FPIRS
from app.recognition.model_card import TwinConfig, read_card, read_weights
from app.recognition.scoring import Head
from app.vision.alignment import PIPELINE
from app.vision.quality import QualityFloor
from tests.rules import make_rules

RULES = make_rules(Head(8.0, 1.1), (1, 0.2), (32, 0.4), margin=0.02, people=((1, 1.0), (9, 0.5)))
FLOOR = QualityFloor(eye_distance=12.0, detail=0.2, yaw=1.5, close_confidence=0.6, norm=5.0)
RAW = {
    "architecture": {"twin": asdict(TwinConfig(8, ((16, 1),), 32))},
    "crop": PIPELINE,
    "head": asdict(RULES.head),
    "verdict": model_card.verdict_section(RULES),
    "quality": FLOOR.to_dict(),
}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "models" / "twin.json"
    model_card.write_card(file, RAW, {"000": np.linspace(-1, 1, 6).reshape(2, 3)})
    return file


def test_what_is_written_is_read(path):
    found = read_card(path)
    assert found.twin == TwinConfig(8, ((16, 1),), 32)
    assert (found.rules.head, found.rules.margin, found.rules.pairs) == (RULES.head, 0.02, RULES.pairs)
    assert found.rules.look_alike == 0.6
    assert [found.rules.with_fpir(fpir).threshold(32, 9) for fpir in FPIRS] == pytest.approx([0.2, 0.16, 0.12])
    assert found.quality == FLOOR
    assert found.id == f"{found.sha256[:12]}/{PIPELINE}"
    weights = read_weights(path, found)
    assert weights["000"].dtype == np.float16
    np.testing.assert_allclose(weights["000"], np.linspace(-1, 1, 6).reshape(2, 3), atol=1e-3)


@pytest.mark.parametrize("fpir", FPIRS)
def test_a_card_without_thresholds_for_a_rate_is_refused(path, fpir):
    rows = [row for row in RAW["verdict"]["thresholds"] if row["fpir"] != fpir]
    model_card.write_card(path, RAW | {"verdict": RAW["verdict"] | {"thresholds": rows}}, {"000": np.zeros(3)})
    with pytest.raises(ModelError, match=f"no thresholds for an FPIR of {fpir}"):
        read_card(path)


def test_a_card_of_an_earlier_version_shows_no_look_alikes(path):
    old = {name: value for name, value in RAW["verdict"].items() if name != "look_alike"}
    model_card.write_card(path, RAW | {"verdict": old}, {"000": np.zeros(3)})
    assert read_card(path).rules.look_alike == 0.0


def test_an_altered_threshold_is_noticed(path):
    raw = json.loads(path.read_text())
    raw["verdict"]["thresholds"][0]["galleries"][0]["thresholds"][0]["class_distance"] = 0.9
    path.write_text(json.dumps(raw))
    with pytest.raises(ModelError, match="the checksum differs"):
        read_card(path)


def test_other_weights_make_another_id(path):
    before = read_card(path).id
    model_card.write_card(path, RAW, {"000": np.zeros(3)})
    assert read_card(path).id != before


def test_a_missing_card_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"There is no model card at .*nowhere.json. Set FACES_MODEL"):
        read_card(tmp_path / "nowhere.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"twin"', "\x00\xff", pytest.param("[" * 100_000, id="deep")])
def test_what_is_no_card_is_refused(path, text):
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=r"is not a model card of this program"):
        read_card(path)


@pytest.mark.parametrize("lacking", ["architecture", "crop", "head", "verdict", "quality", "weights"])
def test_a_card_that_lacks_something_says_what(path, lacking):
    raw = json.loads(path.read_text())
    del raw[lacking]
    path.write_text(json.dumps(raw))
    with pytest.raises(ModelError, match=f"KeyError\\('{lacking}'\\)"):
        read_card(path)


def test_missing_weights_are_named(path):
    path.with_suffix(".safetensors").unlink()
    with pytest.raises(ModelError, match=r"twin.safetensors cannot be read"):
        read_weights(path, read_card(path))


def test_altered_weights_are_refused(path):
    file = path.with_suffix(".safetensors")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelError, match="sha256 differs"):
        read_weights(path, read_card(path))
