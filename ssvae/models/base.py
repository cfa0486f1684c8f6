"""The base of the models: training stages, weights, configuration, and use with Keras alone.

What a model can do, such as to classify or to score x, its other base classes say (`ssvae.models.capabilities`).
``stages(x)`` yields the `Stage`s that train it, one after another; it runs on when a stage has been trained, so that a
later stage may be made from the earlier one's result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, Self, TypeAlias, runtime_checkable

import keras
import numpy as np
import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.likelihoods.base import Likelihood
from ssvae.models.capabilities import HasClasses, HasDensity, HasLatents
from ssvae.readers.base import Rows, RowSource
from ssvae.types import Observed, StageRows

if TYPE_CHECKING:
    from ssvae.objective import Objective


# (part, x [N, D]) -> λ of its only latent, [N, 2Z]
InferRows: TypeAlias = Callable[[HasDensity, Rows], np.ndarray | RowSource]


class Observation(Protocol):
    """How the values that a model scores come from rows of the data: most often a likelihood."""

    def observe(self, rows: Observed, seed: tf.Tensor, /) -> tf.Tensor:
        """Return the values [B, D] to score for rows, a nest of tensors [B, ...]."""


@runtime_checkable
class _Resettable(Protocol):
    def reset(self, rng: np.random.Generator, /) -> None: ...


class Stage(NamedTuple):
    """One part of a model's training."""

    name: str
    model: Model
    rows: StageRows  # the stage's view of the data
    observation: Observation
    labels: bool  # whether the stage uses labels; without, every row is one of a single stream


class Model(keras.Model):
    """Base of the models; weights exist from construction on.

    A subclass is registered with Keras, and keeps to three things besides its methods. Each parameter of its
    constructor but `kwargs` becomes an attribute of the same name, from which `get_config` reads the model that is
    saved. Each Keras layer that is an attribute has ``reset(rng)``, which draws its weights again from a NumPy
    generator (those of `ssvae.networks` do). The constructor ends with ``self.reset(np.random.default_rng(seed))``, so
    that the initial weights follow `seed`.

    Parameters
    ----------
    seed : int
        Seed of the initial weights.

    Attributes
    ----------
    features : int
        D, columns of x.
    likelihood : Likelihood
        Turns rows of the data into values that the model scores, or classifies.
    auto_steps : tuple of int
        Fewest and most training steps that ``epochs="auto"`` takes; with fewer, a model without labels has not begun to
        use its latents.
    """

    features: int
    likelihood: Likelihood
    auto_steps: ClassVar[tuple[int, int]] = (250, 8_000)
    stop_training: bool = False  # set by Keras' callbacks
    _mean_loss: keras.metrics.Mean = None  # since `compile`; Keras owns the name _tracker

    def __init__(self, seed: int = 0, **kwargs: object) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})  # whatever Keras' global policy is, as `networks.layer`
        self.seed = seed

    def reset(self, rng: np.random.Generator) -> None:
        """Draw all weights again, in a fixed order.

        Raises
        ------
        TypeError
            If a layer has no `reset`.
        """
        for layer in self.layers:
            if not isinstance(layer, _Resettable):
                raise TypeError(
                    f"layer {layer.name!r} ({type(layer).__name__}) of {type(self).__name__} needs reset(rng), which "
                    "draws its weights again from a NumPy generator: take a layer of ssvae.networks, or derive one "
                    "from ssvae.networks.layer.Layer that has it"
                )
            layer.reset(rng)

    def stages(self, x: Rows, infer_rows: InferRows) -> Iterator[Stage]:
        """Yield the training stages for rows x [N, D]; by default one, on x itself."""
        del infer_rows
        yield Stage(self.name, self, x, self.likelihood, labels=isinstance(self, HasClasses))

    def outline(self, x: Rows) -> list[Stage]:
        """Return the stages as far as they are known before any is trained; rows may be x where they are not."""

        def never(model: HasDensity, rows: Rows) -> np.ndarray:
            raise NotImplementedError(f"{type(self).__name__} must override outline: a stage needs a trained one")

        return list(self.stages(x, never))

    def precisions(self, bound_gradient_weight: float = 1.0) -> list[float]:
        """Return the precision of the paper's N(0, I) prior on each trainable weight: 1 for matrices, 0 for the rest.

        That of the matrices of q(y | x) is `bound_gradient_weight` (`ssvae.objective`).
        """
        own: set[int] = set()
        if isinstance(self, HasClasses):
            own = {id(weight) for weight in self.class_network().trainable_weights}
        return [
            0.0 if len(weight.shape) < 2 else bound_gradient_weight if id(weight) in own else 1.0
            for weight in self.trainable_weights
        ]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Return q(y | x) [B, K], or of a model without classes the latents [B, Z]."""
        if isinstance(self, HasClasses):
            return tf.nn.softmax(self.classify(x))
        if isinstance(self, HasLatents):
            return self.latents(x)
        raise NotImplementedError(f"{type(self).__name__} has neither classes nor latents")

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments, read from the attributes of the same names."""
        names = [name for name in inspect.signature(type(self)).parameters if name != "kwargs"]
        return {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """Rebuild from `get_config`."""
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    # keras.Model used alone: compile(optimizer, objective=...), fit(x[, y]), predict(x)

    def compile(
        self, optimizer: str | keras.optimizers.Optimizer = "adam", objective: Objective | None = None, **kwargs: object
    ) -> None:
        """Configure `fit`; it cannot do without an objective."""
        if objective is None:
            raise ValueError("compile needs objective=Objective(inference, gradient, class_gradient)")
        super().compile(optimizer=optimizer, **kwargs)
        self._objective = objective
        self._steps = tf.Variable(0, trainable=False, dtype=tf.int64)
        self._mean_loss = keras.metrics.Mean("loss")

    def get_compile_config(self) -> None:
        """Leave `compile` out of a ``.keras`` file, as an objective is no Keras object: call it again after loading."""

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """See `keras.Model.metrics`."""
        return [] if self._mean_loss is None else [self._mean_loss]

    def train_step(self, data: object) -> dict[str, tf.Tensor]:
        """See `keras.Model.train_step`."""
        with tf.GradientTape() as tape, engine.using(engine.current()._replace(training=True)):
            loss = self._mixed_loss(data)
        weights = self.trainable_variables
        # A network may have no gradient, such as the encoder where iterative inference starts from the prior.
        gradients = tape.gradient(loss, [w.value for w in weights], unconnected_gradients="zero")
        self.optimizer.apply(gradients, weights)
        self._steps.assign_add(1)
        self._mean_loss.update_state(loss)
        return {"loss": self._mean_loss.result()}

    def test_step(self, data: object) -> dict[str, tf.Tensor]:
        """See `keras.Model.test_step`."""
        self._mean_loss.update_state(self._mixed_loss(data))
        return {"loss": self._mean_loss.result()}

    def _mixed_loss(self, data: object) -> tf.Tensor:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        seed = random.fold(random.seed_tensor(self.seed), self._steps)
        observed = self.likelihood.observe(tf.cast(x, tf.float32), random.fold(seed, 0))
        return self._objective.mixed(self, observed, y, seed)
