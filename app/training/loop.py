"""The training loop: sample pairs of faces, augment, step, log, keep a checkpoint to resume from.

Everything random depends on (seed, step) alone, so a run killed and resumed equals one that was not.
The rate of learning warms up, stays, and falls to zero, over the last quarter unless told otherwise
("warm-up, stable, decay", Hu et al. 2024, https://arxiv.org/abs/2404.06395): a longer run can go on
from the checkpoint that `train` keeps from before the fall.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import keras
import numpy as np

from app import crop
from app.card import TwinConfig
from app.siamese import fill
from app.training import augment, learner, losses
from app.training.answers import Answers
from app.training.errors import TrainingError
from app.training.tiles import TileSet, split_of
from app.training.validation import Validation


@dataclass(frozen=True)
class Plan:
    """What a run does: `images` in all, in batches of `batch`, half of them pairs of one person.

    `seen_before` is how many faces the weights that it begins with have learnt from, `blended` the share of blends
    where a teacher has answered about them.
    """

    images: int = 400_000
    batch: int = 64
    rate: float = 0.1
    warmup: int = 300
    decay: float = 0.25
    weight_decay: float = 5e-4
    distillation: float = 1.0
    softmax: float = 0.15
    contrastive: float = 0.2
    seed: int = 1
    checkpoint_every: int = 500
    precision: str = "float32"
    augmented: bool = True
    blended: float = 0.6
    seen_before: int = 0

    @property
    def steps(self) -> int:
        """Steps of the optimiser."""
        return self.images // self.batch

    @property
    def stable_until(self) -> int:
        """The step at which the rate begins to fall."""
        return round(self.steps * (1 - self.decay))

    def rate_at(self, step: int) -> float:
        """The rate of learning at a step."""
        rising = min(1.0, (step + 1) / self.warmup)
        falling = (self.steps - step) / max(1, self.steps - self.stable_until)
        return self.rate * min(rising, falling, 1.0)

    def contrastive_at(self, step: int) -> float:
        """The contrastive loss's weight at a step: hard pairs pull a young network into collapse
        (Schroff et al. 2015), so it grows from nothing over the first three quarters.
        """
        return self.contrastive * min(1.0, step / max(1, round(self.steps * 0.75)))


@dataclass(frozen=True)
class Pairs:
    """Draws batches of face numbers: half of each batch is one face of a person, half another of the same."""

    people: np.ndarray
    faces: np.ndarray

    def draw(self, step: int, plan: Plan) -> np.ndarray:
        """Positions of one batch: int (batch,), faces 2k and 2k + 1 of the same person where they have two.

        Every face comes first in a pair once a round, in an order of its own each round.
        """
        half = plan.batch // 2
        rng = np.random.default_rng([plan.seed, step])
        at = np.arange(step * half, (step + 1) * half)
        firsts = np.empty(half, dtype=np.int64)
        for lap in np.unique(at // len(self.faces)):
            order = np.random.default_rng([plan.seed, 7, int(lap)]).permutation(self.faces)
            here = at // len(self.faces) == lap
            firsts[here] = order[at[here] % len(self.faces)]
        seconds = [self._mate(first, rng) for first in firsts]
        return np.stack([firsts, seconds], axis=1).ravel()

    def _mate(self, first: int, rng: np.random.Generator) -> int:
        mates = self._by_person[self.people[first]]
        return int(mates[rng.integers(len(mates))])

    def __post_init__(self) -> None:
        members: dict[int, list[int]] = {}
        for face in self.faces:
            members.setdefault(int(self.people[face]), []).append(int(face))
        object.__setattr__(self, "_by_person", {person: np.array(faces) for person, faces in members.items()})


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    `crops` is float32 (batch, 112, 112, 3), normalised; `labels` int32 (batch,), `losses.NOBODY` for blends;
    `targets` float32 (batch, dims) of length 1, or None without a teacher.
    """

    step: int
    crops: np.ndarray
    labels: np.ndarray
    targets: np.ndarray | None

    @property
    def wanted(self) -> dict[str, np.ndarray]:
        """What the learner compares its embeddings with."""
        return {"label": self.labels} | ({} if self.targets is None else {"target": self.targets})


def batches(tiles: TileSet, pairs: Pairs, plan: Plan, start: int, answers: Answers | None = None) -> Iterator[Batch]:
    """Batches from step `start` on, made one ahead in a thread.

    Where there are answers of a teacher, a share of the faces, `plan.blended`, are blends that it was asked about.
    """
    cv2.setNumThreads(1)

    def picture(face: int, rng: np.random.Generator) -> tuple[np.ndarray, int, np.ndarray | None]:
        blend = answers.draw(face, rng) if answers and rng.random() < plan.blended else None
        if blend:
            return blend[0], losses.NOBODY, blend[1]
        tile, eyes = tiles.tiles[face], tiles.eyes[face]
        shown = augment.random_crop(tile, eyes, rng) if plan.augmented else crop.align(tile, eyes)
        return shown, pairs.people[face], None if tiles.targets is None else tiles.targets[face]

    def make(step: int) -> Batch:
        chosen = pairs.draw(step, plan)
        made = [picture(face, np.random.default_rng([plan.seed, step, i])) for i, face in enumerate(chosen)]
        crops, labels, targets = zip(*made, strict=True)
        taught = None if targets[0] is None else np.stack(targets)
        return Batch(step, crop.normalise(np.stack(crops)), np.array(labels, dtype=np.int32), taught)

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(make, start)
        for step in range(start, plan.steps):
            ready = ahead.result()
            if step + 1 < plan.steps:
                ahead = pool.submit(make, step + 1)
            yield ready


def centres_of(people: np.ndarray, targets: np.ndarray, faces: np.ndarray) -> np.ndarray:
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
) -> learner.Learner:
    """Train a twin, going on from the checkpoint in `folder` if there is one.

    Arguments:
        tiles: the faces; `tiles.split_of` tells which of them are for training.
        folder: where `checkpoint.safetensors`, `stable.safetensors` (before the rate fell) and `log.jsonl` go.
        plan: how long and how.
        config: layout of the twin.
        report: called with one dict of step, images, rate, speed and mean losses every hundred steps; at a checkpoint
            also with `validation`, the share of pairs told rightly of people who do not train, where there are any.
        answers: of a teacher about blends of two faces, which `plan.blended` of the faces then are.
        weights: of a twin to begin with, as `siamese.numbers` gives them, where no checkpoint lies.

    Raises:
        TrainingError: the checkpoint is of another layout, the embeddings have collapsed, or answers come without
            targets.
    """
    if answers and tiles.targets is None:
        raise TrainingError("Answers of a teacher need its targets.npy too. Make it: python main.py targets --help.")
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(plan.seed)
    student, pairs = _prepared(tiles, plan, config)
    checkpoint = folder / "checkpoint.safetensors"
    if weights is not None and not checkpoint.exists():
        fill(student.twin, weights)
    start = _resume(student, checkpoint)
    about = {"plan": asdict(plan), "twin": asdict(config)}
    validation = Validation(tiles, plan.seed)
    with (folder / "log.jsonl").open("a") as log:
        began, seen = time.monotonic(), 0
        for batch in batches(tiles, pairs, plan, start, answers):
            if batch.step == plan.stable_until:
                learner.save(student, folder / "stable.safetensors", batch.step, about)
            student.optimizer.learning_rate.assign(plan.rate_at(batch.step))
            student.contrastive_weight.assign(plan.contrastive_at(batch.step))
            student.train_on_batch(batch.crops, batch.wanted)
            seen += len(batch.crops)
            done = batch.step + 1
            due = done % plan.checkpoint_every == 0 or done == plan.steps
            if done % 100 == 0 or done == plan.steps:
                line = {"step": done, "images": done * plan.batch, "rate": plan.rate_at(batch.step)}
                line |= student.means() | {"per_second": seen / (time.monotonic() - began)}
                line["spread"] = _spread(student, batch.crops)
                if due and validation.possible:
                    line["validation"] = validation.accuracy(lambda crops: student.twin(crops, training=False))
                log.write(json.dumps(line) + "\n")
                log.flush()
                report(line)
                began, seen = time.monotonic(), 0
            if due:
                learner.save(student, checkpoint, done, about)
    return student


def _prepared(tiles: TileSet, plan: Plan, config: TwinConfig) -> tuple[learner.Learner, Pairs]:
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
        centres = centres_of(people, tiles.targets, faces)
    else:
        centres = np.random.default_rng(plan.seed).normal(size=(len(trained), config.embedding)).astype(np.float32)
    parts = {"distillation": plan.distillation, "softmax": plan.softmax}
    student = learner.Learner(config, centres, parts, taught, learner.PRECISIONS[plan.precision])
    optimiser = keras.optimizers.SGD(plan.rate, momentum=0.9, nesterov=True, weight_decay=plan.weight_decay)
    optimiser.exclude_from_weight_decay(var_names=["gamma", "beta", "centres"])
    # TensorFlow's own kernels train faster on CPUs than those that XLA compiles, which know no bfloat16 either.
    student.compile(optimizer=optimiser, jit_compile=keras.backend.backend() != "tensorflow")
    return student, Pairs(people, faces)


def _resume(student: learner.Learner, checkpoint: Path) -> int:
    if not checkpoint.exists():
        return 0
    return learner.restore(student, checkpoint)


def _spread(student: learner.Learner, crops: np.ndarray) -> float:
    """Mean distance between the embeddings of a batch; near 0 they have collapsed into one.

    Raises:
        TrainingError: they have.
    """
    embeddings = np.asarray(student.twin(crops, training=False))
    spread = float(np.sqrt(np.maximum(0, 2 - 2 * embeddings @ embeddings.T)).mean())
    if not np.isfinite(spread) or spread < 0.05:
        raise TrainingError(
            f"The embeddings have collapsed (mean distance {spread:.3f}): lower --rate or raise the softmax's weight."
        )
    return spread
