import json
from dataclasses import asdict

import numpy as np
import pytest

from app import card
from app.card import ModelError, TwinConfig, read_card, read_weights
from app.verdict import Head, Rules

RAW = {
    "architecture": {"twin": asdict(TwinConfig(8, ((16, 1),), 32))},
    "crop": "eyes-112-v1",
    "head": {"scale": 8, "shift": 1.1},
    "verdict": {
        "thresholds": [{"anchors": 1, "class_distance": 0.2}, {"anchors": 32, "class_distance": 0.4}],
        "margin": 0.02,
        "pair_threshold": 0.3,
    },
    "quality": {"eye_distance": 12, "sharpness": 20},
}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "models" / "twin.json"
    card.write(file, RAW, {"000": np.linspace(-1, 1, 6).reshape(2, 3)})
    return file


def test_what_is_written_is_read(path):
    found = read_card(path)
    assert found.twin == TwinConfig(8, ((16, 1),), 32)
    assert found.rules.thresholds == ((1, 0.2), (32, 0.4))
    assert (found.rules.head.scale, found.rules.margin, found.quality.sharpness) == (8.0, 0.02, 20.0)
    assert found.id == f"{found.sha256[:12]}/eyes-112-v1"
    weights = read_weights(path, found)
    assert weights["000"].dtype == np.float16
    np.testing.assert_allclose(weights["000"], np.linspace(-1, 1, 6).reshape(2, 3), atol=1e-3)


def test_rules_are_written_as_they_are_read(path):
    thresholds = ((1, 0.2), (32, 0.4))
    rules = Rules(
        Head(8.0, 1.1), thresholds, 0.02, 0.5, ((1, ((1, 0.5),)), (9, thresholds)), ((0.01, 0.3), (1e-4, 0.1))
    )
    card.write(path, RAW | {"verdict": card.verdict_entry(rules)}, {"000": np.zeros(3)})
    assert read_card(path).rules == rules


def test_other_weights_make_another_id(path):
    before = read_card(path).id
    card.write(path, RAW, {"000": np.zeros(3)})
    assert read_card(path).id != before


def test_a_missing_card_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"There is no model card at .*nowhere.json. Set FACES_MODEL"):
        read_card(tmp_path / "nowhere.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"twin"', "\x00\xff"])
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


def test_a_network_that_embedded_mirror_images_too_is_refused(path):
    card.write(path, RAW | {"mirrored": "an embedding is the middle of both"}, {"000": np.zeros(3)})
    with pytest.raises(ModelError, match=r"thresholds are not right for this one\. .* main.py ship FACES_FOLDER"):
        read_card(path)
