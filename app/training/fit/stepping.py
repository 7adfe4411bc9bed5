"""Steps of learning, one after the other, without waiting for the device between them.

`train_on_batch` brings every number back to Keras after each step, which a GPU under JAX would wait for. Here the
state goes from step to step as JAX has it (https://keras.io/guides/custom_train_step_in_jax/), and back when asked.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from app.training.fit.learner import Learner


class Steps:
    """Makes steps with a compiled learner; `settle` before anybody reads its variables."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._state = self._run = None
        self._jax = keras.backend.backend() == "jax"

    def make(self, seen, wanted: dict, rate: float, contrastive: float) -> None:
        """One step.

        Args:
            seen: what the learner is called with.
            wanted: what its loss is told.
            rate: of learning.
            contrastive: weight of the contrastive loss.
        """
        learner = self._learner
        if not self._jax:
            learner.optimizer.learning_rate.assign(rate)
            learner.contrastive_weight.assign(contrastive)
            learner.train_on_batch(seen, wanted)
            return
        if self._state is None:
            self._prepare()
        for (group, place), value in zip(self._set, (rate, contrastive), strict=True):
            self._state[group][place] = np.float32(value)
        _, state = self._run(tuple(self._state), (seen, wanted))
        self._state = [list(group) for group in state]

    def settle(self) -> None:
        """Wait for the steps that were made, and bring their numbers to the learner's variables."""
        if self._state is not None:
            for group, values in zip(self._groups(), self._state, strict=True):
                for variable, value in zip(group, values, strict=True):
                    variable.assign(value)
            self._state = None

    def _groups(self) -> list:
        learner = self._learner
        return [
            learner.trainable_variables,
            learner.non_trainable_variables,
            learner.optimizer.variables,
            learner.metrics_variables,
        ]

    def _prepare(self) -> None:
        import jax

        learner = self._learner
        if self._run is None:
            learner.built = True
            learner.optimizer.build(learner.trainable_variables)
            self._run = jax.jit(learner.train_step, donate_argnums=0)
            self._set = [
                (2, _place(learner.optimizer.variables, learner.optimizer.learning_rate)),
                (1, _place(learner.non_trainable_variables, learner.contrastive_weight)),
            ]
        # Copies, since each step takes its state's memory for the next.
        self._state = [[jax.numpy.array(variable.value) for variable in group] for group in self._groups()]


def on_device(numbers):
    """Bring an array, or a list of them, to where the network trains, once for all steps."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.device_put(numbers)
    return keras.tree.map_structure(keras.ops.convert_to_tensor, numbers)


def embedder(twin: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """What embeds float32 (faces, 112, 112, 3), normalized, as the twin does at the moment: to (faces, dims)."""
    if keras.backend.backend() != "jax":
        return lambda crops: np.asarray(twin(crops, training=False))
    import jax

    run = jax.jit(lambda *state: twin.stateless_call(*state, training=False)[0])

    def embed(crops: np.ndarray) -> np.ndarray:
        state = [[v.value for v in group] for group in (twin.trainable_variables, twin.non_trainable_variables)]
        return np.asarray(run(*state, crops))

    return embed


def _place(variables: list, wanted) -> int:
    return next(place for place, variable in enumerate(variables) if variable is wanted)
