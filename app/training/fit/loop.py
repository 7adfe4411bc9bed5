"""The training loop: take batches of faces, step, log, keep a checkpoint to resume from."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from app.errors import TrainingError
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import set_weights
from app.training.data.answers import Answers
from app.training.data.splits import split_of
from app.training.data.tiles import TileSet
from app.training.fit import batches, learner, rendered
from app.training.fit.graph import Graph
from app.training.fit.schedule import Plan
from app.training.fit.stepping import Steps, embedder
from app.training.fit.validation import Validation
from app.vision import alignment


def centers_of(people: np.ndarray, targets: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Each person's mean target over the training faces: float32 (people, dims) of length 1."""
    sums = np.zeros((people.max() + 1, targets.shape[1]), dtype=np.float64)
    np.add.at(sums, people[faces], targets[faces])
    return (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def train(
    tiles: TileSet,
    folder: Path,
    plan: Plan,
    config: TwinConfig,
    report: Callable[[dict], None] = lambda line: None,
    answers: Answers | None = None,
    weights: dict[str, np.ndarray] | None = None,
    teacher: Graph | None = None,
) -> learner.Learner:
    """Train a twin, going on from the checkpoint in `folder` if there is one.

    Args:
        tiles: the faces; `splits.split_of` tells which of them are for training.
        folder: where `checkpoint.safetensors`, `stable.safetensors` (before the rate fell) and `log.jsonl` go.
        plan: how long and how.
        config: layout of the twin.
        report: called with one dict of step, images, rate, speed and mean losses every hundred steps; at a checkpoint
            also with `validation`, the share of pairs told rightly of people who do not train, where there are any.
        answers: of a teacher about blends of two faces, which `plan.blended` of the faces then are.
        weights: of a twin to begin with, as `siamese.get_weights` gives them, where no checkpoint lies.
        teacher: to be asked about blends on the spot; the faces are then rendered where the network trains.

    Raises:
        TrainingError: the checkpoint is of another layout, the embeddings have collapsed, or answers or a teacher come
            without targets.
    """
    if (answers or teacher) and tiles.targets is None:
        raise TrainingError("Answers of a teacher need its targets.npy too. Make it: python main.py targets --help.")
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(plan.seed)
    student, pairs = _prepared(tiles, plan, config, teacher)
    checkpoint = folder / "checkpoint.safetensors"
    if weights is not None and not checkpoint.exists():
        set_weights(student.twin, weights)
    start = _resume(student, checkpoint)
    about = {"plan": asdict(plan), "twin": asdict(config)}
    validation = Validation(tiles, plan.seed)
    steps, embed, probes = Steps(student), embedder(student.twin), _probes(tiles, pairs.faces)
    if teacher:
        coming = rendered.batches(tiles, pairs, plan, start, teacher)
    else:
        coming = batches.augmented(tiles, pairs, plan, start, answers)
    with (folder / "log.jsonl").open("a") as log:
        began, since = time.monotonic(), start
        for batch in coming:
            if batch.step == plan.stable_until:
                steps.settle()
                learner.save(student, folder / "stable.safetensors", batch.step, about)
            rate = plan.rate_at(batch.step)
            steps.make(batch.seen, batch.wanted, rate, plan.contrastive_at(batch.step))
            done = batch.step + 1
            due = done % plan.checkpoint_every == 0 or done == plan.steps
            if done % 100 == 0 or done == plan.steps:
                steps.settle()
                line = {"step": done, "images": done * plan.batch, "rate": rate}
                line |= student.means() | {"per_second": (done - since) * plan.batch / (time.monotonic() - began)}
                line["spread"] = _spread(embed(probes))
                if due and validation.possible:
                    line["validation"] = validation.accuracy(embed)
                log.write(json.dumps(line) + "\n")
                log.flush()
                report(line)
                began, since = time.monotonic(), done
            if due:
                steps.settle()
                learner.save(student, checkpoint, done, about)
    return student


def _prepared(
    tiles: TileSet, plan: Plan, config: TwinConfig, teacher: Graph | None
) -> tuple[learner.Learner, batches.Pairs]:
    names, people = np.unique(tiles.identities, return_inverse=True)
    splits = [split_of(who, file, plan.seed) for who, file in zip(tiles.identities, tiles.files, strict=True)]
    faces = np.flatnonzero(np.array(splits) == "train")
    # Classes are numbered over people who train, so that the softmax has no empty rows.
    trained = np.unique(people[faces])
    numbers = np.full(len(names), -1)
    numbers[trained] = np.arange(len(trained))
    people = numbers[people].astype(np.int32)
    taught = tiles.targets is not None
    if taught:
        centers = centers_of(people, tiles.targets, faces)
    else:
        centers = np.random.default_rng(plan.seed).normal(size=(len(trained), config.embedding)).astype(np.float32)
    parts = {"distillation": plan.distillation, "softmax": plan.softmax}
    made = config, centers, parts, taught, learner.PRECISIONS[plan.precision]
    student = rendered.RenderingLearner(teacher, *made) if teacher else learner.Learner(*made)
    optimizer = keras.optimizers.SGD(plan.rate, momentum=0.9, nesterov=True, weight_decay=plan.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "alpha", "centers"])
    # TensorFlow's own kernels train faster on CPUs than those that XLA compiles, which know no bfloat16 either.
    student.compile(optimizer=optimizer, jit_compile=keras.backend.backend() != "tensorflow")
    return student, batches.Pairs(people, faces)


def _resume(student: learner.Learner, checkpoint: Path) -> int:
    if not checkpoint.exists():
        return 0
    return learner.restore(student, checkpoint)


def _probes(tiles: TileSet, faces: np.ndarray) -> np.ndarray:
    """Some of the faces, evenly taken: float32 (up to 64, 112, 112, 3), normalized."""
    chosen = faces[np.linspace(0, len(faces) - 1, min(64, len(faces))).astype(int)]
    return alignment.normalize(np.stack([alignment.align(tiles.tiles[face], tiles.eyes[face]) for face in chosen]))


def _spread(embeddings: np.ndarray) -> float:
    """Mean distance between embeddings of length 1; near 0 they have collapsed into one.

    Raises:
        TrainingError: they have.
    """
    spread = float(np.sqrt(np.maximum(0, 2 - 2 * embeddings @ embeddings.T)).mean())
    if not np.isfinite(spread) or spread < 0.05:
        raise TrainingError(
            f"The embeddings have collapsed (mean distance {spread:.3f}): lower --rate or raise the softmax's weight."
        )
    return spread
