from dataclasses import replace
from itertools import islice

import numpy as np

from app.training.fit.batches import PairSampler, batches
from app.training.fit.losses import NO_LABEL
from app.training.fit.plan import TrainingPlan

PLAN = TrainingPlan(batch_size=8)


def test_batches_are_pairs_and_a_pass_covers_every_face(faces):
    sampler = PairSampler(faces, PLAN)
    assert sampler.classes == 4
    first = []
    for step in range(4):  # 4 steps of 4 pairs are one pass over 16 faces
        rows = sampler.sample(step)
        np.testing.assert_array_equal(rows, sampler.sample(step))
        pairs = sampler.labels[rows].reshape(4, 2)
        np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
        first += rows[::2].tolist()
    assert sorted(first) == list(range(16))
    assert not np.array_equal(sampler.sample(0), sampler.sample(4))


def test_batches_start_at_any_step(faces):
    sampler = PairSampler(faces, PLAN)
    whole = list(islice(batches(faces, sampler, 0), 4))
    crops, labels = next(batches(faces, sampler, 3))
    np.testing.assert_array_equal(crops, whole[3][0])
    np.testing.assert_array_equal(labels, whole[3][1])


def test_mixed_faces_have_no_label(faces):
    plan = replace(PLAN, teacher="card", mixup=0.5)
    _, labels = next(batches(faces, PairSampler(faces, plan), 0))
    assert (labels == NO_LABEL).tolist() == [True] * 4 + [False] * 4
    assert replace(PLAN, mixup=0.5).mixed_faces == 0
