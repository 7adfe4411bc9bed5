"""Training run of the network: build the student, resume from the checkpoint, fit, validate and log."""

import csv
import math
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from app.errors import TrainingError
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import set_weights
from app.training.data.training_faces import TrainingFaces
from app.training.fit import checkpoint
from app.training.fit.batches import PairSampler, batches
from app.training.fit.plan import TrainingPlan
from app.training.fit.student import Student
from app.training.fit.validation import PairValidation

MIN_SPREAD = 0.05
"""Mean distance between the embeddings of a batch below which they have collapsed into one."""


def train(
    faces: TrainingFaces,
    folder: Path,
    plan: TrainingPlan,
    config: TwinConfig,
    initial_weights: dict[str, Any] | None = None,
    teacher: keras.Model | None = None,
    echo: Callable[[str], object] = print,
) -> Student:
    """Train a network, or resume its training from `checkpoint.safetensors` in `folder`, which also has `log.csv`.

    Raises:
        TrainingError: The checkpoint or the teacher does not fit, there are fewer than two people to train on, or the
            embeddings have collapsed.
    """
    sampler = PairSampler(faces, plan)
    if sampler.classes < 2:
        raise TrainingError("Training needs two people or more. Give a folder that has one folder per person.")
    if teacher is not None and teacher.output_shape[-1] != config.embedding:
        raise TrainingError(
            f"The teacher's embeddings have {teacher.output_shape[-1]} values and the student's {config.embedding}. "
            "Give a teacher with embeddings of the same length."
        )
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(plan.seed)
    student = build_student(config, sampler.classes, plan, teacher)
    if initial_weights is not None:
        set_weights(student.network, initial_weights)
    file = folder / "checkpoint.safetensors"
    start = checkpoint.restore(student, file)
    about = {"plan": asdict(plan), "twin": asdict(config)}
    validation = PairValidation(faces)

    def embed(crops: Any) -> Any:
        return student.predict(crops, batch_size=plan.batch_size, verbose=0)

    def finish_epoch(epoch: int, logs: dict[str, float]) -> None:
        step = (epoch + 1) * plan.checkpoint_steps
        if not logs["spread"] >= MIN_SPREAD:
            raise TrainingError(
                f"The embeddings collapsed at step {step}: their mean distance is {logs['spread']:.3f}. "
                "Remove the run's folder and train with a lower --learning-rate."
            )
        if validation.possible:
            logs["pair_accuracy"] = validation.accuracy(embed)
            echo(f"Step {step} of {plan.steps}. Validation pair accuracy: {logs['pair_accuracy']:.1%}")
        _append_row(folder / "log.csv", {"step": step, **logs})
        checkpoint.save(student, file, step, about)

    if validation.possible and not start:
        echo(f"Before training. Validation pair accuracy: {validation.accuracy(embed):.1%}")
    student.fit(
        batches(faces, sampler, start),
        shuffle=False,
        steps_per_epoch=plan.checkpoint_steps,
        initial_epoch=start // plan.checkpoint_steps,
        epochs=math.ceil(plan.steps / plan.checkpoint_steps),
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=finish_epoch)],
        verbose=1 if sys.stdout.isatty() else 2,
    )
    return student


def build_student(config: TwinConfig, classes: int, plan: TrainingPlan, teacher: keras.Model | None = None) -> Student:
    """Build and compile a student: AdamW with warmup and cosine decay (Loshchilov and Hutter 2019)."""
    student = Student(config, classes, plan, teacher)
    warmup = min(plan.warmup_steps, plan.steps // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, plan.steps - warmup, warmup_target=plan.learning_rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=plan.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "alpha", "bias", "centers"])
    # TensorFlow's kernels train faster on CPUs than those that XLA compiles.
    student.compile(optimizer, jit_compile=keras.backend.backend() != "tensorflow")
    optimizer.build(student.trainable_variables)
    return student


def _append_row(path: Path, row: dict[str, float]) -> None:
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, row)
        if is_new:
            writer.writeheader()
        writer.writerow(row)
