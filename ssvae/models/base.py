"""The contract of a model: the generative story and the recognition networks, as distributions.

A model declares by having them which of these it offers:

- ``joint(y)``: p(z, x | y), a dict of conditionals by name, parents first, ``"x"`` last (`distributions.Conditionals`);
- ``encode(x, y)``: λ, the numbers of q; ``posterior(λ)``: q(z; λ), a dict of conditionals in sampling order;
- ``classify(x)``: logits [..., K] of q(y | x); ``log_class_prior()``: log p(y), [K];
- ``latents(x)``: what `transform` returns, [B, Z]; ``decode(values, y)``: p(x | z, y);
- ``nothing_known(x, y)``: the λ at which q is the prior, where iterative inference may start.

What needs λ takes `infer`, a function (part, x, y) -> λ that finds them for a model, or for the part of a stack that
has a bound of its own; by default the recognition network's output (`encoded`). Entries of λ are [..., B, 2Z], mean
and log-variance side by side, or logits [..., B, Z] where ``binary`` is true, under the names of their latents; other
entries are carried along.

``stages(x)`` yields the `Stage`s that train it, one after another; it runs on when a stage has been trained, so that a
later stage may be made from the earlier one's result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.distributions import Values, given

Parameters = dict[str, tf.Tensor]  # λ
Infer = Callable[[Any, tf.Tensor, "tf.Tensor | None"], Parameters]


def encoded(part: Any, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
    """Return λ as the recognition network gives it."""
    return part.encode(x, y)


class Stage(NamedTuple):
    """One part of a model's training."""

    name: str
    model: Any  # the Model that this stage trains
    rows: Any  # nest of arrays [N, ...], the stage's view of the data
    source: Any  # piece whose observe(rows, seed) gives the values [B, D] that the model scores
    labels: bool  # whether the stage uses labels; without, every row is one of a single stream


class Model(keras.Model):
    """Base of the models; weights exist from construction on.

    Parameters
    ----------
    seed : int
        Seed of the initial weights.

    Attributes
    ----------
    binary : bool
        Whether the latents are binary vectors, and λ logits.
    """

    binary = False

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed

    def reset(self, rng: np.random.Generator) -> None:
        """Draw all weights anew, in a fixed order."""
        for layer in self.layers:
            layer.reset(rng)

    def stages(self, x: np.ndarray, infer_rows: Callable[[Any, np.ndarray], np.ndarray]) -> Iterator[Stage]:
        """Yield the training stages for rows x [N, D]; by default one, on x itself.

        `infer_rows` gives λ of the only latent of a part for all rows, (part, x [N, D]) -> [N, 2Z].
        """
        yield Stage(self.name, self, x, self.likelihood, labels=hasattr(self, "classify"))

    def precisions(self, bound_gradient_weight: float = 1.0) -> list[float]:
        """Return the precision of the paper's N(0, I) prior on each trainable weight: 1 for matrices, 0 for the rest.

        That of the matrices of q(y | x) is `bound_gradient_weight` (`ssvae.objective`).
        """
        own = {id(weight) for weight in self.classifier.trainable_weights} if hasattr(self, "classify") else set()
        return [
            0.0 if len(weight.shape) < 2 else bound_gradient_weight if id(weight) in own else 1.0
            for weight in self.trainable_weights
        ]

    def decode(self, values: Values, y: tf.Tensor | None = None) -> Any:
        """Return p(x | z, y)."""
        return given(self.joint(y)["x"], values)

    def prior_sample(self, y: tf.Tensor | None, rows: int, seed: tf.Tensor) -> Values:
        """Draw the latents from the prior, [rows, Z] each."""
        values: Values = {}
        for position, (name, conditional) in enumerate(self.joint(y).items()):
            if name != "x":
                distribution = given(conditional, values)
                shape = (rows,) if not len(distribution.batch_shape) else ()
                values[name] = distribution.sample(shape, seed=random.fold(seed, position))
        return values

    def recognise(self, x: tf.Tensor, y: tf.Tensor | None, infer: Infer = encoded) -> Parameters:
        """Return λ as `infer` finds them; a stack asks it for its part."""
        return infer(self, x, y)

    def prior_parameters(self, x: tf.Tensor, y: tf.Tensor | None) -> Parameters:
        """Return the λ [..., B, 2Z] at which q(z) is the prior: of N(0, I), means and log-variances 0."""
        like = x[..., :1] if y is None else x[..., :1] + y[..., :1]
        width = 2 * self.latent
        return {"z": tf.zeros_like(like) * tf.ones([width])}

    def posterior_means(self, x: tf.Tensor, y: tf.Tensor | None = None, infer: Infer = encoded) -> Values:
        """Return the mean of q for every latent, each given the means before it."""
        values: Values = {}
        for name, conditional in self.posterior(self.recognise(x, y, infer)).items():
            values[name] = given(conditional, values).mean()
        return values

    def class_part(self, x: tf.Tensor, infer: Infer = encoded) -> tuple[Any, tf.Tensor]:
        """Return the model p(x', y) whose x' = x'(x) the class is read from, and x'; by default the model and x."""
        del infer
        return self, x

    def sweep(self, x: tf.Tensor, own: tf.Tensor, every: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """Return the mean of p(x | z, y') for classes `every` [K, 1, K], z the posterior mean under `own` [B, K].

        Returns
        -------
        Tensor [K, B, D]
        """
        return self.decode(self.posterior_means(x, own, infer), every).mean()

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, read from the attributes of the same names."""
        names = [name for name in inspect.signature(type(self)).parameters if name != "kwargs"]
        return {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `get_config`."""
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})

    # keras.Model used alone: compile(optimizer, objective=...), fit(x[, y]), predict(x)

    def compile(self, optimizer: Any = "adam", objective: Any = None, **kwargs: Any) -> None:
        """Configure `fit`: `objective` is an `ssvae.objective.Objective`."""
        if objective is None:
            raise ValueError("compile needs objective=Objective(inference, gradient, class_gradient)")
        super().compile(optimizer=optimizer, **kwargs)
        self._objective = objective
        self._steps = tf.Variable(0, trainable=False, dtype=tf.int64)
        self._mean_loss = keras.metrics.Mean("loss")  # Keras owns the name _tracker

    def get_compile_config(self) -> None:
        """Keep nothing of `compile` in a ``.keras`` file: an objective is no Keras object; call `compile` again."""

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """See `keras.Model.metrics`."""
        return [self._mean_loss] if hasattr(self, "_mean_loss") else []

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """See `keras.Model.train_step`."""
        with tf.GradientTape() as tape, engine.using(engine.current()._replace(training=True)):
            loss = self._alone(data)
        weights = self.trainable_variables
        # What a method does not teach, such as the encoder where iterative inference starts from the prior, has none.
        gradients = tape.gradient(loss, [w.value for w in weights], unconnected_gradients="zero")
        self.optimizer.apply(gradients, weights)
        self._steps.assign_add(1)
        self._mean_loss.update_state(loss)
        return {"loss": self._mean_loss.result()}

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """See `keras.Model.test_step`."""
        self._mean_loss.update_state(self._alone(data))
        return {"loss": self._mean_loss.result()}

    def _alone(self, data: Any) -> tf.Tensor:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        seed = random.fold(random.seed_tensor(self.seed), self._steps)
        observed = self.likelihood.observe(tf.cast(x, tf.float32), random.fold(seed, 0))
        return self._objective.mixed(self, observed, y, seed)
