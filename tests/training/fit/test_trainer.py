import csv
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest

from app.errors import TrainingError
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import build_twin, get_weights
from app.settings import ROOT
from app.training.fit import checkpoint, student, trainer
from app.training.fit.batches import PairSampler
from app.training.fit.plan import TrainingPlan
from app.training.release import export
from tests.slow import slow

TINY = TwinConfig(stem=4, stages=((4, 0), (8, 0)), embedding=8)
PLAN = TrainingPlan(steps=12, batch_size=8, warmup_steps=4, checkpoint_steps=4)


@pytest.fixture(scope="module", autouse=True)
def short_augmentation():
    """Two layers only: tracing all of them takes seconds."""
    patch = pytest.MonkeyPatch()

    def build(seed: int) -> keras.Sequential:
        layers = keras.layers
        return keras.Sequential(
            [
                layers.Input((112, 112, 3)),
                layers.RandomFlip("horizontal", seed=seed),
                layers.RandomBrightness(0.2, seed=seed),
            ]
        )

    patch.setattr(student, "build_augmentation", build)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def finished(faces, tmp_path_factory):
    """An uninterrupted run: weights, printed lines and folder."""
    folder, lines = tmp_path_factory.mktemp("run"), []
    trained = trainer.train(faces, folder, PLAN, TINY, echo=lines.append)
    return get_weights(trained.network), lines, folder


def assert_equal(weights: dict, expected: dict) -> None:
    assert weights.keys() == expected.keys()
    for name, array in weights.items():
        np.testing.assert_allclose(array, expected[name], atol=1e-5, err_msg=name)


def test_run_writes_log_and_checkpoint(finished):
    _, lines, folder = finished
    assert [line.partition(".")[0] for line in lines] == [
        "Before training",
        "Step 4 of 12",
        "Step 8 of 12",
        "Step 12 of 12",
    ]
    assert all("Validation pair accuracy: " in line for line in lines)
    with (folder / "log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert set(rows[0]) == {"step", "contrastive", "loss", "softmax", "spread", "pair_accuracy"}
    assert np.isfinite([float(value) for row in rows for value in row.values()]).all()
    weights, about = export.trained_weights(folder)
    assert_equal(weights, finished[0])
    assert (about["step"], about["plan"], about["twin"]["embedding"]) == (12, asdict(PLAN), 8)


class PowerCut(Exception):
    pass


@slow
def test_interrupted_run_resumes_exactly(faces, finished, tmp_path, monkeypatch):
    save, sample, steps = checkpoint.save, PairSampler.sample, []

    def cut(student, path, step, about):
        if step > 4:
            raise PowerCut
        save(student, path, step, about)

    def note(sampler, step):
        steps.append(step)
        return sample(sampler, step)

    monkeypatch.setattr(checkpoint, "save", cut)
    with pytest.raises(PowerCut):
        trainer.train(faces, tmp_path, PLAN, TINY)
    monkeypatch.setattr(checkpoint, "save", save)
    monkeypatch.setattr(PairSampler, "sample", note)
    resumed = trainer.train(faces, tmp_path, PLAN, TINY)
    assert steps[0] == 4
    assert_equal(get_weights(resumed.network), finished[0])


def test_finished_run_is_unchanged(faces, finished):
    weights, _, folder = finished
    assert_equal(get_weights(trainer.train(faces, folder, PLAN, TINY).network), weights)


def test_checkpoint_of_another_layout_is_refused(faces, finished):
    with pytest.raises(TrainingError, match="another layout"):
        trainer.train(faces, finished[2], PLAN, replace(TINY, stem=8))


@slow
def test_bfloat16_student_learns_from_teacher_and_serves(faces, tmp_path):
    teacher = build_twin(TINY)
    before = get_weights(teacher)
    plan = replace(PLAN, steps=40, checkpoint_steps=40, learning_rate=0.02, precision="bfloat16", teacher="card")
    trained = trainer.train(faces, tmp_path, plan, TINY, before, teacher)
    assert_equal(get_weights(teacher), before)
    with (tmp_path / "log.csv").open() as stream:
        assert 0 < float(next(csv.DictReader(stream))["distillation"]) < 2
    assert "bfloat16" in {layer.compute_dtype for layer in trained.network.layers}
    embeddings = trained.predict(faces.crops[:8], verbose=0)
    assert embeddings.dtype == np.float32
    network = export.provisional_network(get_weights(trained.network), {"twin": asdict(TINY)})
    np.testing.assert_allclose(network.embed(faces.crops[:8]), embeddings, atol=0.05)


@slow
def test_collapsed_embeddings_end_the_run(faces, tmp_path):
    same = replace(faces, crops=np.full_like(faces.crops, 90))
    weights = {name: np.zeros_like(array) for name, array in get_weights(build_twin(TINY)).items()}
    weights[sorted(weights)[-3]] += 1  # the offset of the last normalization: all embeddings are equal
    with pytest.raises(TrainingError, match="collapsed"):
        trainer.train(same, tmp_path, replace(PLAN, steps=4), TINY, weights)


def test_weight_decay_applies_to_kernels_only():
    trained = trainer.build_student(TINY, 4, PLAN)
    decayed = [v.name for v in trained.trainable_variables if trained.optimizer._use_weight_decay(v)]
    assert set(decayed) == {"kernel"}


def test_one_person_is_too_few(faces, tmp_path):
    with pytest.raises(TrainingError, match="two people"):
        trainer.train(replace(faces, identities=np.full(len(faces), "a")), tmp_path, PLAN, TINY)


def test_teacher_with_longer_embeddings_is_refused(faces, tmp_path):
    with pytest.raises(TrainingError, match="16 values and the student's 8"):
        trainer.train(faces, tmp_path, PLAN, TINY, teacher=build_twin(replace(TINY, embedding=16)))


JAX = ROOT / ".venv" / "jax"


@slow
@pytest.mark.skipif(not JAX.exists(), reason="JAX is not installed")
def test_training_on_jax_resumes(tmp_path):
    paths = os.pathsep.join([str(ROOT), str(JAX)])
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": paths}
    command = [sys.executable, str(Path(__file__).with_name("jax_run.py")), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Step 8 of 8" in done.stdout
