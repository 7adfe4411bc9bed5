import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from app.errors import TrainingError
from app.recognition.siamese import get_weights
from app.settings import ROOT
from app.training.fit import loop, losses, rendered
from app.training.fit.batches import Pairs
from tests.training.fit.test_loop import PLAN, TINY, assert_same, packed, random_weights  # noqa: F401 (a fixture)

SHORT = replace(PLAN, images=64, checkpoint_every=4)
ONE_STEP = replace(PLAN, images=8)
"""Further steps amplify the last digits, in which backends differ."""


class Painter:
    """A teacher that answers with the mean colors of eight parts of a face."""

    weights = (np.float32([90.3]),)

    def __call__(self, weights, faces):
        from keras import ops

        means = ops.mean(ops.reshape(faces, (faces.shape[0], 8, -1)), axis=2) - weights[0]
        return ops.normalize(means, axis=1)


def test_the_first_of_a_batch_are_blends(packed):  # noqa: F811
    pairs = Pairs(np.repeat(np.arange(4, dtype=np.int32), 4), np.arange(16))
    one, again = (next(rendered.batches(packed, pairs, replace(PLAN, blended=0.5), 3, Painter())) for _ in range(2))
    assert one.step == 3
    chosen = pairs.draw(3, PLAN)
    assert one.wanted["label"].tolist() == [losses.NOBODY] * 4 + pairs.people[chosen[4:]].tolist()
    np.testing.assert_array_equal(one.wanted["target"], packed.targets[chosen[4:]])
    np.testing.assert_array_equal(one.seen["laid"]["place"], chosen)
    for part in ("looks", "blends", "laid"):
        for name, value in one.seen[part].items():
            np.testing.assert_array_equal(value, again.seen[part][name])


def test_a_learner_is_told_what_the_teacher_says_of_blends(packed, monkeypatch, tmp_path):  # noqa: F811
    told = []

    def note(embeddings, targets):
        told.append(targets)
        return losses.ops.sum(embeddings)

    monkeypatch.setattr(losses, "distillation", note)
    student, pairs = loop._prepared(packed, replace(PLAN, blended=0.5), TINY, Painter())
    batch = next(rendered.batches(packed, pairs, replace(PLAN, blended=0.5), 0, Painter()))
    answer = student(batch.seen)
    student.compute_loss(batch.seen, batch.wanted, answer)
    embeddings, answers = (np.asarray(part) for part in answer)
    assert (embeddings.shape, answers.shape) == ((8, 8), (4, 8))
    np.testing.assert_allclose(np.asarray(told[0]), [*answers, *batch.wanted["target"]], atol=1e-6)


def test_a_run_with_a_teacher_goes_on_as_if_it_had_not_been_cut_off(packed, tmp_path, monkeypatch):  # noqa: F811
    lines = []
    whole = get_weights(loop.train(packed, tmp_path / "whole", SHORT, TINY, lines.append, teacher=Painter()).twin)
    assert lines[-1]["images"] == 64
    assert all(np.isfinite(lines[-1][name]) for name in ("distillation", "softmax", "contrastive", "spread"))
    drawn = Pairs.draw

    def draw(pairs, step, plan):
        if step >= 6:
            raise KeyboardInterrupt
        return drawn(pairs, step, plan)

    monkeypatch.setattr(Pairs, "draw", draw)
    with pytest.raises(KeyboardInterrupt):
        loop.train(packed, tmp_path / "cut", SHORT, TINY, teacher=Painter())
    monkeypatch.setattr(Pairs, "draw", drawn)
    assert_same(get_weights(loop.train(packed, tmp_path / "cut", SHORT, TINY, teacher=Painter()).twin), whole)


def test_a_teacher_without_targets_is_refused(packed, tmp_path):  # noqa: F811
    with pytest.raises(TrainingError, match=r"need its targets\.npy too"):
        loop.train(replace(packed, targets=None), tmp_path, PLAN, TINY, teacher=Painter())


JAX = ROOT / ".venv" / "jax"
"""Where `make test` puts JAX."""

BOTH = """
import sys
from pathlib import Path

import numpy as np

from app.recognition.siamese import get_weights
from app.training import loop
from tests.training.fit.test_loop import TINY, four_people
from tests.training.fit.test_rendered import ONE_STEP, Painter

begin, folder = dict(np.load(sys.argv[1])), Path(sys.argv[2])
student = loop.train(four_people(), folder, ONE_STEP, TINY, weights=begin, teacher=Painter())
np.savez(folder / "twin.npz", **get_weights(student.twin))
"""


def test_jax_learns_what_tensorflow_learns(packed, tmp_path):  # noqa: F811
    if not JAX.exists():
        pytest.skip("JAX is not installed: make test")
    begin = random_weights()
    np.savez(tmp_path / "begin.npz", **begin)
    ours = get_weights(loop.train(packed, tmp_path, ONE_STEP, TINY, weights=begin, teacher=Painter()).twin)
    command = [sys.executable, "-c", BOTH, str(tmp_path / "begin.npz"), str(tmp_path / "theirs")]
    elsewhere = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(JAX)}
    subprocess.run(command, cwd=ROOT, env=os.environ | elsewhere, check=True)
    theirs = np.load(tmp_path / "theirs" / "twin.npz")
    moved = max(np.abs(array - begin[name]).max() for name, array in ours.items())
    apart = max(np.abs(array - theirs[name]).max() for name, array in ours.items())
    assert moved > 0.05
    assert apart < moved / 20
