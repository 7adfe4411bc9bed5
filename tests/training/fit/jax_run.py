"""Run by `test_trainer` in a process of its own, since Keras has one backend per process: train on JAX and resume."""

import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from app.recognition.siamese import build_twin, get_weights
from app.training.fit import trainer
from app.training.fit.batches import PairSampler
from tests.training.fit.conftest import make_faces
from tests.training.fit.test_trainer import PLAN, TINY

assert keras.backend.backend() == "jax"
folder, faces = Path(sys.argv[1]), make_faces()
plan = replace(PLAN, steps=8, teacher="card")
keras.utils.set_random_seed(1)
teacher = build_twin(TINY)
expected = get_weights(trainer.train(faces, folder / "whole", plan, TINY, teacher=teacher).network)
(folder / "part").mkdir()
save = trainer.checkpoint.save


def cut(student, path, step, about):
    save(student, path, step, about)
    if step == 4:
        raise KeyboardInterrupt


trainer.checkpoint.save = cut
try:
    trainer.train(faces, folder / "part", plan, TINY, teacher=teacher)
except KeyboardInterrupt:
    trainer.checkpoint.save = save
steps = []
sample = PairSampler.sample
PairSampler.sample = lambda sampler, step: steps.append(step) or sample(sampler, step)
resumed = get_weights(trainer.train(faces, folder / "part", plan, TINY, teacher=teacher).network)
assert steps[0] == 4, steps
for name, array in resumed.items():
    np.testing.assert_allclose(array, expected[name], atol=1e-4, err_msg=name)
