import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from app.card import read_card
from app.cli import main
from app.settings import ROOT
from app.training import learner, loop

CARD = ROOT / "models" / "twin.json"


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Runs `train` on two grey people, without the training; gives its plan and the weights it begins with."""
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


def test_a_run_that_goes_on_says_what_was_learnt_before(planned):
    plan, weights = planned("--from", str(CARD), "--rate", "0.05", "--decay", "1", "--precision", "float32")
    learnt = json.loads(CARD.read_text())["training"]
    assert plan.seen_before == learnt["images"] + learnt.get("seen_before", 0) > 0
    assert (plan.rate, plan.decay, plan.precision) == (0.05, 1.0, "float32")
    assert sum(array.size for array in weights.values()) == read_card(CARD).raw["architecture"]["parameters"]
