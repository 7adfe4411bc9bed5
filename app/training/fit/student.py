"""Student model: augmentation, network, optional teacher and losses as one Keras model that `fit` trains."""

import keras
from keras import ops

from app.recognition.model_card import TwinConfig
from app.recognition.siamese import build_twin
from app.training.augmentation import build_augmentation
from app.training.fit import losses
from app.training.fit.plan import TrainingPlan
from app.vision import alignment

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Keras dtype policy of the convolutions by precision. Weights, embeddings and losses are always float32."""

CONTRASTIVE_RAMP = 0.75
"""Share of the run in which the weight of the contrastive loss rises: hard pairs make a young network collapse
(Schroff et al. 2015)."""


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization with one kernel of TensorFlow, with the variables and results of Keras's own layer.

    Keras computes it by a dozen operations, each a pass through memory. On CPUs a training step of the default network
    takes 1.31 instead of 1.79 seconds for 16 faces, and 1.26 instead of 1.93 in bfloat16.
    """

    def call(
        self, inputs: keras.KerasTensor, training: bool | None = None, mask: keras.KerasTensor = None
    ) -> keras.KerasTensor:
        """Normalize feature maps, (batch, height, width, channels)."""
        if not training or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow

        outputs, mean, variance, *_ = tensorflow.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=(),
            variance=(),
            epsilon=self.epsilon,
            is_training=True,
        )
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + value * (1.0 - self.momentum))
        return outputs


def fuse_batch_normalization(network: keras.Model) -> keras.Model:
    """Return the network with fused batch normalization and new weights; under JAX, the network itself."""
    if keras.backend.backend() != "tensorflow":
        return network

    def clone(layer: keras.Layer) -> keras.Layer:
        is_normalization = isinstance(layer, keras.layers.BatchNormalization)
        return (FusedBatchNormalization if is_normalization else type(layer)).from_config(layer.get_config())

    return keras.models.clone_model(network, clone_function=clone)


class Student(keras.Model):
    """Network with what trains it. `fit` takes uint8 crops and int32 labels, `predict` returns embeddings.

    A teacher embeds the same augmented crops. `classes` is the number of people in the training set.
    """

    def __init__(
        self, config: TwinConfig, classes: int, plan: TrainingPlan, teacher: keras.Model | None = None
    ) -> None:
        super().__init__(name="student")
        self.plan = plan
        self.network = fuse_batch_normalization(build_twin(config, PRECISIONS[plan.precision]))
        self.augmentation = build_augmentation(plan.seed)
        self.mixup = keras.layers.MixUp(alpha=1.0, seed=plan.seed)  # https://arxiv.org/abs/1710.09412
        self.teacher = teacher
        if teacher is not None:
            teacher.trainable = False
        self.centers = self.add_weight(
            shape=(classes, config.embedding), initializer="random_normal", dtype="float32", name="centers"
        )
        # A variable of the model, because JAX would compile the optimizer's step counter as a constant.
        self.step = self.add_weight(shape=(), initializer="zeros", dtype="float32", trainable=False, name="step")
        names = ("contrastive", "softmax", "spread", *(("distillation",) if teacher is not None else ()))
        self.averages = {name: keras.metrics.Mean(name=name) for name in names}
        self.built = True  # every variable exists already

    def call(
        self, crops: keras.KerasTensor, training: bool = False
    ) -> keras.KerasTensor | dict[str, keras.KerasTensor]:
        """Embed crops, uint8 (batch, 112, 112, 3) RGB, as float32 (batch, dims) of unit length.

        In training, augment the crops and return a dictionary of `student` and, with a teacher, `teacher`.
        """
        pixels = ops.cast(crops, "float32")
        if training:
            pixels = self.augmentation(pixels, training=True)
            if mixed := self.plan.mixed_faces:
                pixels = ops.concatenate([self.mixup(pixels[:mixed], training=True), pixels[mixed:]])
        inputs = (pixels - alignment.LEVEL_MIDDLE) / alignment.LEVEL_SPREAD
        embeddings = self.network(inputs, training=training)
        if not training:
            return embeddings
        if self.teacher is None:
            return {"student": embeddings}
        return {"student": embeddings, "teacher": ops.stop_gradient(self.teacher(inputs, training=False))}

    def compute_loss(
        self,
        x: keras.KerasTensor = None,
        y: keras.KerasTensor = None,
        y_pred: keras.KerasTensor = None,
        sample_weight: keras.KerasTensor = None,
        training: bool = True,
    ) -> keras.KerasTensor:
        """Return the weighted sum of the losses, and update their averages."""
        embeddings, plan = y_pred["student"], self.plan
        ramp = ops.minimum(1.0, self.step / (CONTRASTIVE_RAMP * plan.steps))
        self.step.assign_add(1.0)
        values = {
            "contrastive": losses.hard_pairs(embeddings, y),
            "softmax": losses.margin_softmax(embeddings, y, ops.normalize(self.centers, axis=1)),
            "spread": ops.mean(losses.pairwise_distances(embeddings, embeddings)),
        }
        loss = plan.contrastive * ramp * values["contrastive"] + plan.softmax * values["softmax"]
        if self.teacher is not None:
            values["distillation"] = losses.distillation(embeddings, y_pred["teacher"])
            loss += plan.distillation * values["distillation"]
        for name, value in values.items():
            self.averages[name].update_state(value)
        return loss

    def state(self) -> list[keras.Variable]:
        """Return every variable that a checkpoint needs: weights, random seeds and optimizer, without the teacher's."""
        excluded = {id(variable) for metric in self.metrics for variable in metric.variables}
        if self.teacher is not None:
            excluded |= {id(variable) for variable in self.teacher.variables}
        variables = {id(variable): variable for variable in [*self.variables, *self.optimizer.variables]}
        return [variable for key, variable in variables.items() if key not in excluded]
