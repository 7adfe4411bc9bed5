import json
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

from app.errors import TrainingError
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import build_twin, get_weights, set_weights
from app.training.augmentation import augment
from app.training.data.splits import split_of
from app.training.data.tiles import SIDE, TileSet
from app.training.fit import batches, loop
from app.training.fit.schedule import Plan
from app.training.release import export
from app.vision import alignment

TINY = TwinConfig(stem=4, stages=((4, 0), (8, 0)), embedding=8)
PLAN = Plan(images=96, batch=8, rate=0.02, warmup=4, checkpoint_every=4)


@pytest.fixture(scope="module")
def packed() -> TileSet:
    return four_people()


def four_people() -> TileSet:
    """Four people with four tiles each, all for training, and a teacher's targets."""
    rng = np.random.default_rng(5)
    names = [f"others/{number}" for number in range(60)]
    people = [name for name in names if split_of(name, "") == "train"][:4]
    files = [f"{person}/{number}.png" for person in people for number in range(4)]
    looks = rng.integers(0, 256, (4, 9, 9, 3), dtype=np.uint8).repeat(4, axis=0)
    tiles = looks.repeat(16, axis=1).repeat(16, axis=2)
    assert tiles.shape == (16, SIDE, SIDE, 3)
    eyes = np.tile(np.float32([[54, 62], [90, 62]]), (16, 1, 1))
    targets = rng.normal(size=(4, 8)).astype(np.float32).repeat(4, axis=0)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    return TileSet(tiles, eyes, files, [file.rsplit("/", 1)[0] for file in files], targets)


def random_weights() -> dict[str, np.ndarray]:
    """Return weights of a tiny twin, other ones than a run begins with."""
    keras.utils.set_random_seed(3)
    return get_weights(build_twin(TINY))


@pytest.fixture(scope="module")
def uninterrupted(packed, tmp_path_factory):
    """A run to its end: (weights, what it reported, its folder)."""
    folder, lines = tmp_path_factory.mktemp("run"), []
    student = loop.train(packed, folder, PLAN, TINY, lines.append)
    return get_weights(student.twin), lines, folder


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], atol=1e-5, err_msg=name)


def test_a_run_reports_finite_losses_and_leaves_its_files(uninterrupted):
    _, lines, folder = uninterrupted
    (line,) = lines
    assert (line["step"], line["images"]) == (12, 96)
    assert all(np.isfinite(value) for value in line.values())
    assert line["contrastive"] > 0 < line["softmax"]
    assert 0 < line["distillation"] < 4
    assert json.loads((folder / "log.jsonl").read_text()) == line
    assert {file.name for file in folder.iterdir()} == {"checkpoint.safetensors", "stable.safetensors", "log.jsonl"}


def test_one_seed_gives_one_network(packed, uninterrupted, tmp_path):
    assert_same(get_weights(loop.train(packed, tmp_path, PLAN, TINY).twin), uninterrupted[0])
    other = get_weights(loop.train(packed, tmp_path / "other", replace(PLAN, seed=2), TINY).twin)
    assert any(not np.allclose(array, uninterrupted[0][name], atol=1e-3) for name, array in other.items())


def test_without_augmentation_a_face_looks_the_same_each_time(packed):
    pairs = batches.Pairs(np.repeat(np.arange(4), 4), np.arange(16))
    seen: dict[int, np.ndarray] = {}
    for batch in batches.augmented(packed, pairs, replace(PLAN, augmented=False), 0):
        for face, one in zip(pairs.draw(batch.step, PLAN), batch.seen, strict=True):
            np.testing.assert_array_equal(seen.setdefault(int(face), one), one)
    assert set(seen) == set(range(16))


def test_bfloat16_trains_the_same_network_a_little_coarser(packed, tmp_path):
    student = loop.train(packed, tmp_path, replace(PLAN, precision="bfloat16"), TINY)
    assert "bfloat16" in {layer.compute_dtype for layer in student.twin.layers}
    crops = alignment.normalize(packed.tiles[:, 16:128, 16:128])
    embeddings = np.asarray(student.twin(crops))
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    exact = build_twin(TINY)
    set_weights(exact, get_weights(student.twin))
    assert 0 < np.abs(embeddings - np.asarray(exact(crops))).max() < 0.05
    assert all(np.isfinite(array).all() for array in get_weights(student.twin).values())


class PowerCut(Exception):
    pass


@pytest.mark.parametrize("cut_at", [6, 9])
def test_a_run_that_was_cut_off_goes_on_as_if_it_were_not(packed, uninterrupted, tmp_path, monkeypatch, cut_at):
    drawn = batches.Pairs.draw

    def draw(pairs, step, plan):
        if step >= cut_at:
            raise PowerCut
        return drawn(pairs, step, plan)

    monkeypatch.setattr(batches.Pairs, "draw", draw)
    with pytest.raises(PowerCut):
        loop.train(packed, tmp_path, PLAN, TINY)
    steps = []

    def note(pairs, step, plan):
        steps.append(step)
        return drawn(pairs, step, plan)

    monkeypatch.setattr(batches.Pairs, "draw", note)
    resumed = loop.train(packed, tmp_path, PLAN, TINY)
    assert steps[0] in (4, 8)
    assert steps[-1] == 11
    assert_same(get_weights(resumed.twin), uninterrupted[0])


def test_a_finished_run_stays_as_it_is(packed, uninterrupted):
    weights, _, folder = uninterrupted
    assert_same(get_weights(loop.train(packed, folder, PLAN, TINY).twin), weights)


def test_a_checkpoint_of_another_layout_is_refused(packed, uninterrupted):
    with pytest.raises(TrainingError, match="another layout"):
        loop.train(packed, uninterrupted[2], PLAN, replace(TINY, embedding=8, stem=8))


def test_without_a_teacher_labels_suffice(packed, tmp_path):
    lines = []
    loop.train(replace(packed, targets=None), tmp_path, replace(PLAN, images=32), TINY, lines.append)
    assert np.isfinite(lines[-1]["softmax"])


def test_a_collapse_ends_the_run(packed, tmp_path):
    same = replace(packed, tiles=np.full_like(packed.tiles, 90))
    calm = pytest.MonkeyPatch()
    calm.setattr(augment, "random_crop", lambda *_: np.full((alignment.SIZE, alignment.SIZE, 3), 90, np.uint8))
    try:
        with pytest.raises(TrainingError, match="collapsed"):
            loop.train(same, tmp_path, replace(PLAN, images=16), TINY)
    finally:
        calm.undo()


def test_batches_hold_pairs_of_one_person():
    people = np.repeat(np.arange(5), 4)
    pairs = batches.Pairs(people, np.arange(20))
    seen = []
    for step in range(5):  # 5 steps of 4 pairs are one round
        chosen = pairs.draw(step, PLAN).reshape(4, 2)
        assert (people[chosen[:, 0]] == people[chosen[:, 1]]).all()
        np.testing.assert_array_equal(chosen.ravel(), pairs.draw(step, PLAN))
        seen += chosen[:, 0].tolist()
    assert sorted(seen) == list(range(20))


def test_the_rate_may_fall_all_the_way():
    plan = Plan(images=6400, batch=64, rate=0.1, warmup=10, decay=1.0)
    rates = [plan.rate_at(step) for step in range(plan.steps)]
    assert rates[::25] == pytest.approx([0.01, 0.075, 0.05, 0.025])
    assert plan.contrastive_at(0) == 0 < plan.contrastive_at(25) < plan.contrastive_at(75) == plan.contrastive


def test_the_rate_rises_stays_and_falls():
    plan = Plan(images=6400, batch=64, rate=0.1, warmup=10)
    rates = [plan.rate_at(step) for step in range(plan.steps)]
    assert rates[:3] == pytest.approx([0.01, 0.02, 0.03])
    assert rates[9:76] == pytest.approx([0.1] * 67)
    assert rates[76] < 0.1
    assert rates[99] == pytest.approx(0.004)
    assert plan.contrastive_at(0) == 0
    assert plan.contrastive_at(99) == plan.contrastive


def test_weight_decay_shrinks_kernels_alone(packed):
    plan = replace(PLAN, weight_decay=0.5)
    student, _ = loop._prepared(packed, plan, TINY, None)
    student.optimizer.build(student.trainable_variables)
    decayed = {
        variable.name for variable in student.trainable_variables if student.optimizer._use_weight_decay(variable)
    }
    assert decayed == {"kernel", "bias"}


def test_random_weights_learn_what_the_teacher_says_and_serve(packed, tmp_path):
    student = loop.train(packed, tmp_path, replace(PLAN, images=1600), TINY)
    network = export.provisional_network(get_weights(student.twin), {"twin": asdict(TINY)})
    found = network.embed(np.stack([alignment.align(*face) for face in zip(packed.tiles, packed.eyes, strict=True)]))
    assert (found * packed.targets).sum(axis=1).min() > 0.8


def test_centers_are_mean_targets_of_training_faces():
    targets = np.float32([[1, 0], [0, 1], [0, -1], [1, 0]])
    found = loop.centers_of(np.array([0, 0, 0, 1]), targets, np.array([0, 1, 3]))
    np.testing.assert_allclose(found, [[0.5**0.5, 0.5**0.5], [1, 0]], atol=1e-6)
