"""M1+M2: an M2 stacked on the latents of an M1.

References
----------
Semi-Supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed and Welling, 2014), §2.3; the details
(fresh samples of z1 at every step, means at prediction, inactive latents dropped) from the authors' released code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.distributions import Conditionals, Values, diagonal_normal, given
from ssvae.likelihoods.base import Likelihood
from ssvae.models.base import InferRows, Model, Stage
from ssvae.models.capabilities import GenerativeClassifier, Infer, Parameters, Stacked, encoded
from ssvae.models.m1 import M1
from ssvae.models.m2 import M2
from ssvae.models.padded_m2 import PaddedM2
from ssvae.networks import in_numpy
from ssvae.networks.mlp import MLP
from ssvae.networks.selection import Selection
from ssvae.readers import column_moments
from ssvae.readers.base import Rows, transformed
from ssvae.registry import Component

NOT_ITS_OWN = ("features", "likelihood", "classifier", "seed", "name")  # of M1's arguments in a stack


@dataclass(frozen=True)
class FreshSamples(Component):
    """Observation of the second stage: new draws from N(mean, exp log-variance), both [B, Z], at every step."""

    def observe(self, rows: tuple[tf.Tensor, tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
        """Draw [B, Z]."""
        mean, log_variance = rows
        return mean + tf.exp(0.5 * log_variance) * random.normal(tf.shape(mean), seed)


@keras.saving.register_keras_serializable("ssvae")
class M1M2(Stacked, GenerativeClassifier, Model):
    """p(y) p(z2) p(z1 | y, z2) p(x | z1); M1 is trained first and frozen, then M2 on z1 ~ q(z1 | x).

    Parameters
    ----------
    features : int
        D, columns of x.
    classes : int
        K.
    likelihood : Likelihood
        p(x | h).
    latent_likelihood : Likelihood
        p(z1 | h), the likelihood of M2 in the stack.
    latent : int
        Dimensions of z1, and of z2 unless `m2` says otherwise.
    hidden : int or sequence of int
        Hidden widths of M2's networks.
    activation : str
        Keras activation of M2's hidden layers.
    prior : "uniform", "learned" or sequence of K numbers
        p(y).
    update : Mapping, optional
        Settings of the networks that iterative inference learns, of M1 and of M2 (`networks.update`).
    baseline : Mapping, optional
        Settings of the baselines that score-function gradients learn, of M1 and of M2 (`networks.baseline`).
    m1 : dict or M1, optional
        Other arguments of `M1`, such as ``{"hidden": [600, 600]}``; or a trained M1, which is then used as it is, so
        that one M1 serves many label budgets (``{"trained": FOLDER}`` in an estimator's slot).
    m2 : dict, optional
        Other arguments of `M2`.
    threshold : float
        z1 columns whose posterior mean varies less than this (standard deviation over the rows) are dropped.
    active : sequence of int, optional
        The kept columns of z1; found by training.
    seed : int
        Seed of the initial weights.
    """

    first: M1

    def __init__(
        self,
        features: int,
        classes: int,
        likelihood: Likelihood,
        latent_likelihood: Likelihood,
        latent: int = 50,
        hidden: int | Sequence[int] = (300,),
        activation: str = "relu",
        prior: str | Sequence[float] = "uniform",
        update: Mapping[str, object] | None = None,
        baseline: Mapping[str, object] | None = None,
        m1: Mapping[str, object] | M1 | None = None,
        m2: Mapping[str, object] | None = None,
        threshold: float = 0.1,
        active: Sequence[int] | None = None,
        seed: int = 0,
        name: str = "m1_m2",
        **kwargs: object,
    ) -> None:
        super().__init__(seed=seed, name=name, **kwargs)
        self.features, self.classes = features, classes
        self.likelihood, self.latent_likelihood = likelihood, latent_likelihood
        self.latent, self.hidden, self.activation, self.prior = latent, hidden, activation, prior
        self.update, self.baseline = update, baseline
        self.trained = isinstance(m1, M1)
        self.m1, self.m2, self.threshold = _arguments(m1), dict(m2 or {}), threshold
        learnt = {"update": update, "baseline": baseline}
        self.first = M1(features, likelihood, **{"latent": latent, "seed": seed, **learnt, **self.m1})
        if isinstance(m1, M1):
            self.first.set_weights(m1.get_weights())
        self.active = tuple(range(self.first.latent)) if active is None else tuple(active)
        self.upper: list[Selection | M2] = []
        self._stack()
        self.built = True

    @classmethod
    def classifier_arguments(cls, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """See `HasClasses.classifier_arguments`: those of M2."""
        upper = arguments.get("m2")
        return {**arguments, **upper} if isinstance(upper, Mapping) else arguments

    def _stack(self) -> None:
        """(Re)make M2 for the active columns."""
        shared = {"latent": self.latent, "hidden": self.hidden, "activation": self.activation}
        learnt = {"update": self.update, "baseline": self.baseline}
        arguments: dict[str, Any] = {**shared, **learnt, "prior": self.prior, "seed": self.seed, **self.m2}
        # Kept in a list: Keras forgets the weights of what a list lets go, not those of a replaced attribute.
        self.upper.clear()
        self.upper.append(Selection(self.first.latent, self.active, name="selection"))
        self.upper.append(M2(len(self.active), self.classes, self.latent_likelihood, **arguments))

    @property
    def selection(self) -> Selection:
        """The active columns of z1, standardised."""
        return self.upper[0]

    @property
    def second(self) -> M2:
        """The M2 on top."""
        return self.upper[1]

    def class_network(self) -> MLP:
        """See `HasClasses.class_network`: that of q(y | z1)."""
        return self.second.class_network()

    def reset(self, rng: np.random.Generator) -> None:
        """Draw M2's weights again, and M1's unless it was given trained."""
        self.second.reset(rng)
        if not self.trained:
            self.selection.reset(rng)
            self.first.reset(rng)

    def outline(self, x: Rows) -> list[Stage]:
        """See `Model.outline`: M2 on all columns of z1."""
        stages = Stage("m1", self.first, x, self.likelihood, False), Stage("m2", self.second, x, FreshSamples(), True)
        return list(stages[self.trained :])

    def stages(self, x: Rows, infer_rows: InferRows) -> Iterator[Stage]:
        """See `Model.stages`: M1 on every row, then M2 on q(z1 | x)."""
        if not self.trained:
            yield Stage("m1", self.first, x, self.likelihood, labels=False)
        parameters = infer_rows(self.first, x)
        self.activate(parameters)
        second = self._padded()
        rows = transformed(parameters, partial(self._standardised, second.features))
        yield Stage("m2", second, rows, FreshSamples(), labels=True)
        if isinstance(second, PaddedM2):
            second.give(self.second)

    def _padded(self) -> M2:
        """Return M2 as it is trained: of Z columns, Z / 2, Z / 4 ..., which are few programs to compile."""
        features = self.first.latent
        while -(-features // 2) >= len(self.active) and features > 1:
            features = -(-features // 2)
        fixed = bool(self.second.updates) or not self.latent_likelihood.independent_columns
        return self.second if fixed or features == len(self.active) else PaddedM2.of(self.second, features)

    def activate(self, parameters: Rows) -> None:
        """Keep the columns of z1 whose posterior means vary, and standardise draws from q(z1 | x) over rows.

        `parameters` are the means and log-variances of q(z1 | x), [N, 2Z].
        """
        center = column_moments.mean(parameters, _means)
        squares = column_moments.mean(parameters, lambda rows: np.square(_means(rows) - center))
        kept = np.flatnonzero(np.sqrt(squares) > self.threshold)
        self.active = tuple(int(column) for column in (kept if len(kept) else [np.argmax(squares)]))
        self._stack()
        variance = squares + column_moments.mean(parameters, lambda rows: np.exp(_log_variances(rows)))
        self.selection.shift.assign(center[list(self.active)])
        self.selection.scale.assign(np.sqrt(variance[list(self.active)]))

    def _standardised(self, features: int, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and log-variance of the active columns, as the selection standardises draws, [N, features].

        Columns beyond the active ones are 0 in every draw.
        """
        scale, shift, kept = np.array(self.selection.scale), np.array(self.selection.shift), list(self.active)
        mean, log_variance = (_means(parameters)[:, kept] - shift) / scale, _log_variances(parameters)[:, kept]
        beyond = ((0, 0), (0, features - len(kept)))
        return np.pad(mean, beyond), np.pad(log_variance - 2.0 * np.log(scale), beyond, constant_values=-np.inf)

    def log_class_prior(self) -> tf.Tensor:
        """See `GenerativeClassifier.log_class_prior`."""
        return self.second.log_class_prior()

    def classify(self, x: tf.Tensor) -> tf.Tensor:
        """See `HasClasses.classify`: logits of q(y | z1) at the posterior mean of z1, [..., K]."""
        upper, z1 = self.class_model(x)
        return upper.classify(z1)

    def classify_in_numpy(self, x: np.ndarray) -> np.ndarray | None:
        """See `HasClasses.classify_in_numpy`."""
        parameters = in_numpy.outputs(self.first.encoder, np.asarray(self.first.likelihood.inputs(x)))
        return self.second.classify_in_numpy(in_numpy.selected(self.selection, _means(parameters)))

    def joint(self, y: tf.Tensor | None = None) -> Conditionals:
        """See `HasDensity.joint`: p(z2), p(z1 | y, z2) and p(x | z1)."""
        upper, lower = self.second.joint(y), self.first.joint()
        return {
            "z2": upper["z"],
            "z1": lambda v: self._first_prior(upper, v),
            "x": lambda v: given(lower["x"], {"z": v["z1"]}),
        }

    def _first_prior(self, upper: Conditionals, values: Values) -> tfd.Distribution:
        p = given(upper["x"], {"z": values["z2"]})
        return diagonal_normal(*self.selection.spread(p.mean(), 2.0 * tf.math.log(p.stddev())))

    def encode(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Parameters:
        """See `HasDensity.encode`: λ of z1; z2's follows from the draw of z1, and so y is carried along."""
        return self.recognise(x, y)

    def recognise(self, x: tf.Tensor, y: tf.Tensor, infer: Infer = encoded) -> Parameters:
        """See `HasDensity.recognise`: λ of z1 by M1's own bound."""
        lower = infer(self.first, x, None)["z"]
        while len(lower.shape) < len(y.shape):  # the class axis of y, so that draws of z1 get theirs before it
            lower = lower[tf.newaxis]
        return {"z1": lower, "y": y}

    def posterior(self, parameters: Parameters) -> Conditionals:
        """See `HasDensity.posterior`: q(z1 | x) and q(z2 | z1, y)."""

        def second(values: Values) -> tfd.Distribution:
            encoded = self.second.encode(self.selection(values["z1"]), parameters["y"])
            return self.second.posterior(encoded)["z"]

        return {"z1": self.first.posterior({"z": parameters["z1"]})["z"], "z2": second}

    @property
    def latent_columns(self) -> int:
        """See `HasLatents.latent_columns`: those of z1."""
        return self.first.latent_columns

    def latents(self, x: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """Return the posterior mean of z1, [B, Z]."""
        return self.first.latents(x, infer)

    def class_model(self, x: tf.Tensor, infer: Infer = encoded) -> tuple[M2, tf.Tensor]:
        """See `HasClasses.class_model`: M2 on the posterior mean of z1."""
        return self.second, self.selection(self.first.latents(x, infer))

    def analogies(self, x: tf.Tensor, own: tf.Tensor, every: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """See `GenerativeClassifier.analogies`: z2 is held, z1 follows the class."""
        z2 = self.posterior_means(x, own, infer)["z2"]
        z1 = given(self.joint(every)["z1"], {"z2": z2}).mean()
        return self.decode({"z1": z1}, every).mean()


def _means(parameters: np.ndarray) -> np.ndarray:
    return parameters[:, : parameters.shape[1] // 2]


def _log_variances(parameters: np.ndarray) -> np.ndarray:
    return parameters[:, parameters.shape[1] // 2 :]


def _arguments(m1: Mapping[str, object] | M1 | None) -> dict[str, Any]:
    """Return the arguments of M1 that are its own: not the data's, nor the seed."""
    if not isinstance(m1, M1):
        if m1 is not None and not isinstance(m1, Mapping):
            raise ValueError(f"m1 of 'm1_m2' must be a dict of arguments of M1, or an M1, got {m1!r}")
        return dict(m1 or {})
    return {name: value for name, value in m1.get_config().items() if name not in NOT_ITS_OWN}
