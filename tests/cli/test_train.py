import numpy as np
import pytest
from click.testing import CliRunner

from app.cli import main
from app.recognition.model_card import read_card, read_weights
from app.recognition.siamese import get_weights
from app.settings import ROOT
from app.training.data import training_faces
from app.training.data.training_faces import TrainingFaces
from app.training.fit import trainer

CARD = ROOT / "models" / "twin.json"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Run `train` on two faces, without the training; return the arguments of the training run."""
    faces = TrainingFaces(np.zeros((2, 112, 112, 3), np.uint8), np.array(["a", "b"]), np.array(["train"] * 2))
    runs = []
    monkeypatch.setattr(training_faces, "load", lambda *_: faces)
    monkeypatch.setattr(trainer, "train", lambda *arguments: runs.append(arguments))

    def run(*options: str):
        command = ["train", str(tmp_path), "--work", str(tmp_path / "work"), *options]
        done = CliRunner().invoke(main, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert "2 pictures of 2 people." in done.output
        assert runs[0][:2] == (faces, tmp_path / "work" / "run")
        return runs[0][2:]

    return run


def test_train_from_random_weights(start):
    plan, _, weights, teacher, _ = start("--steps", "100", "--batch-size", "32", "--learning-rate", "0.01")
    assert (plan.steps, plan.batch_size, plan.learning_rate, plan.checkpoint_steps) == (100, 32, 0.01, 100)
    assert (plan.precision, plan.initial, plan.teacher) == ("float32", "", "")
    assert weights is None
    assert teacher is None


def test_train_from_shipped_weights_with_shipped_teacher(start):
    plan, config, weights, teacher, _ = start(
        "--from", str(CARD), "--teacher", str(CARD), "--precision", "bfloat16", "--seed", "3"
    )
    card = read_card(CARD)
    assert (plan.teacher, plan.precision, plan.seed) == (card.id, "bfloat16", 3)
    assert plan.initial.startswith(f"{card.id}: SFace")
    assert plan.initial.endswith(", Apache-2.0")
    assert config == card.twin
    stored = read_weights(CARD, card)
    assert weights.keys() == stored.keys()
    for name, array in get_weights(teacher).items():
        np.testing.assert_array_equal(array, stored[name].astype(np.float32))
