import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from app.cli import main
from app.recognition.model_card import read_card, read_weights
from app.settings import ROOT
from app.training.fit import learner, loop

CARD = ROOT / "models" / "twin.json"


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Runs `train` on two gray people, without the training; gives its plan and the weights it begins with."""
    folder = tmp_path / "faces" / "people"
    rows = ["file,right_eye_x,right_eye_y,left_eye_x,left_eye_y"]
    for person in ("Ann", "Bo"):
        (folder / person).mkdir(parents=True)
        Image.fromarray(np.full((112, 112, 3), 127, np.uint8)).save(folder / person / "1.png")
        rows.append(f"people/{person}/1.png,38,52,74,52")
    (tmp_path / "faces" / "index.csv").write_text("\n".join(rows))
    begun = []
    monkeypatch.setattr(loop, "train", lambda *arguments: begun.append(arguments))

    def run(*options: str):
        command = ["train", str(tmp_path / "faces"), "--work", str(tmp_path / "work"), *options]
        done = CliRunner().invoke(main, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert "2 faces of 2 people." in done.output
        _, folder, plan, _, _, _, weights, teacher = begun.pop()
        assert teacher is None
        assert folder == tmp_path / "work" / "run"
        return plan, weights

    return run


def test_a_teacher_and_its_answers_exclude_each_other(tmp_path):
    (tmp_path / "teacher.onnx").touch()
    command = ["train", str(tmp_path), "--answers", str(tmp_path), "--teacher", str(tmp_path / "teacher.onnx")]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "give it or --answers, not both" in done.output


def test_a_fresh_run_begins_with_nothing(planned):
    plan, weights = planned("--images", "128")
    assert (plan.images, plan.seen_before, plan.precision) == (128, 0, learner.precision_here())
    assert weights is None


def test_a_run_starts_from_the_weights_that_ship(planned):
    plan, weights = planned("--from", str(CARD), "--rate", "0.05", "--decay", "1", "--precision", "float32")
    card = read_card(CARD)
    training = card.raw["training"]
    assert plan.seen_before == training["images"] + training.get("seen_before", 0)
    assert (plan.rate, plan.decay, plan.precision) == (0.05, 1.0, "float32")
    stored = read_weights(CARD, card)
    assert weights.keys() == stored.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(array, stored[name].astype(np.float32))
    assert sum(array.size for array in weights.values()) == card.raw["architecture"]["parameters"]


@pytest.mark.parametrize("given", [(), ("--source", "OpenCV Zoo"), ("--license", "Apache-2.0")])
def test_pretrained_weights_ship_with_source_and_license_only(tmp_path, given):
    (tmp_path / "sface.onnx").touch()
    command = ["ship", str(tmp_path), "--pretrained", str(tmp_path / "sface.onnx"), *given]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "--pretrained needs --source and --license" in done.output
