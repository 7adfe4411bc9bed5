"""How fast a training step is: `.venv/bin/python -m bench.step [--rounds 5]`.

Faces a second of the twin that ships, by the precision of its convolutions and by who normalizes: Keras by single
operations, or TensorFlow's fused kernel. All by turns in one run, on random pictures; medians.
"""

from __future__ import annotations

import time

import click
import numpy as np

from app.recognition.model_card import TwinConfig
from app.recognition.siamese import build_twin, import_keras
from app.vision import alignment

keras = import_keras()

from app.training.fit.learner import PRECISIONS  # noqa: E402 (TensorFlow's first import is to be a quiet one)
from app.training.fit.normalization import normalization  # noqa: E402

BATCH, STEPS = 64, 4


def stepping(precision: str, layer: type) -> keras.Model:
    """A twin that learns to give back random embeddings."""
    twin = build_twin(TwinConfig(), PRECISIONS[precision], layer)
    twin.compile(keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True), "mse", jit_compile=False)
    return twin


@click.command()
@click.option("--rounds", default=5, show_default=True)
def main(rounds: int) -> None:
    """Measure and print."""
    rng = np.random.default_rng(1)
    crops = rng.normal(size=(BATCH, alignment.SIZE, alignment.SIZE, 3)).astype(np.float32)
    targets = rng.normal(size=(BATCH, TwinConfig().embedding)).astype(np.float32)
    layers = {"Keras": keras.layers.BatchNormalization, "fused": normalization()}
    twins = {
        (precision, name): stepping(precision, layer) for precision in PRECISIONS for name, layer in layers.items()
    }
    rates = {way: [] for way in twins}
    for turn in range(rounds + 1):
        for way, twin in twins.items():
            began = time.perf_counter()
            for _ in range(STEPS):
                twin.train_on_batch(crops, targets)
            if turn:  # The first traces.
                rates[way].append(BATCH * STEPS / (time.perf_counter() - began))
    base = np.median(rates["float32", "Keras"])
    print(f"{'':<20}{'faces/s':>9}{'ratio':>8}")
    for (precision, name), measured in rates.items():
        print(f"{precision + ', ' + name:<20}{np.median(measured):>9.0f}{np.median(measured) / base:>8.2f}")


if __name__ == "__main__":
    main()
