"""A hierarchy of latents with empirical priors; a separate classifier is put on them, as on M1's.

References
----------
Stochastic Backpropagation and Approximate Inference in Deep Generative Models (Rezende, Mohamed and Wierstra, 2014).
Ladder Variational Autoencoders (Sønderby, Raiko, Maaløe, Sønderby and Winther, 2016).
Iterative Amortized Inference (Marino, Yue and Mandt, 2018): the hierarchical models of its experiments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import engine
from ssvae.distributions import LOG_VARIANCE_RANGE, Conditional, Conditionals, Values, diagonal_normal, standard_normal
from ssvae.likelihoods.base import Likelihood
from ssvae.models.base import Model
from ssvae.models.capabilities import Infer, LatentFeatures, Parameters, encoded
from ssvae.models.ladder import combined
from ssvae.networks.baseline import baselines
from ssvae.networks.mlp import MLP
from ssvae.networks.update import Level, updates
from ssvae.networks.widths import MOST_LAYERS, sizes
from ssvae.settings.checks import one_of, whole

CHOICES = {"top_down": ("none", "ladder"), "generator_sees": ("bottom", "all")}


@keras.saving.register_keras_serializable("ssvae")
class Hierarchical(LatentFeatures, Model):
    """p(z_L) = N(0, I), p(z_l | z_{l+1}) = N(μ_l(z_{l+1}), diag σ_l²(z_{l+1})), p(x | z_1) or p(x | z_1, …, z_L).

    Level 1 is the bottom. λ comes from one deterministic pass upwards, d_l = MLP(d_{l−1}) with d_0 = x and λ_l affine
    in d_l; the prior of level l has the widths of the encoder that leads from l to l + 1.

    Parameters
    ----------
    features : int
        D, columns of x.
    likelihood : Likelihood
        p(x | h).
    latent : int or sequence of int
        Dimensions of z_1, …, z_L, L >= 2; one number is the width of each of two levels.
    hidden : int or sequence of int
        Hidden width of each level's networks, from the bottom; one number is that of every level.
    depth : int
        Hidden layers of each network; 0 makes every network affine, and every λ_l affine in x.
    activation : str
        Keras activation of the hidden layers.
    skip : "none" or "highway"
    normalization : "none", "layer" or "batch"
        Of the hidden layers (`networks.mlp`).
    top_down : "none" or "ladder"
        What q(z_l | ·) of the lower levels is: N(λ_l), or its precision-weighted combination with p(z_l | z_{l+1})
        (`models.ladder`).
    generator_sees : "bottom" or "all"
        The latents that p(x | ·) depends on.
    update : Mapping, optional
        Settings of the networks that iterative inference learns, one a level (`networks.update`).
    baseline : Mapping, optional
        Settings of the baselines that score-function gradients learn, one a level (`networks.baseline`).
    classifier : str or dict
        The scikit-learn classifier that `SSVAEClassifier` puts on the posterior means (`estimator.latent_classifier`).
    seed : int
        Seed of the initial weights.

    Raises
    ------
    ValueError
        If the widths do not make two levels or more, or a choice is none of the allowed ones.
    """

    auto_steps = (500, 20_000)  # as M1's

    def __init__(
        self,
        features: int,
        likelihood: Likelihood,
        latent: int | Sequence[int] = (64, 32),
        hidden: int | Sequence[int] = (512, 256),
        depth: int = 2,
        activation: str = "relu",
        skip: str = "none",
        normalization: str = "none",
        top_down: str = "none",
        generator_sees: str = "bottom",
        update: Mapping[str, object] | None = None,
        baseline: Mapping[str, object] | None = None,
        classifier: str | Mapping[str, object] = "svm",
        seed: int = 0,
        name: str = "hierarchical",
        **kwargs: object,
    ) -> None:
        super().__init__(seed=seed, name=name, **kwargs)
        self.features, self.likelihood, self.classifier = features, likelihood, classifier
        self.latent = (latent, latent) if isinstance(latent, int) else sizes(latent, "latent")
        self.hidden = (hidden,) * len(self.latent) if isinstance(hidden, int) else sizes(hidden)
        self.depth, self.activation, self.skip, self.normalization = depth, activation, skip, normalization
        self.top_down, self.generator_sees, self.update = top_down, generator_sees, update
        self.baseline = baseline
        self._check()
        self.levels = tuple(f"z{level}" for level in range(1, len(self.latent) + 1))
        self.seen = self.levels if generator_sees == "all" else self.levels[:1]
        self._make()
        widths = zip(self.latent, (features, *self.latent), self.hidden, strict=False)
        own = [Level(latent, below, [hidden] * self.depth) for latent, below, hidden in widths]
        self.updates = updates(update, dict(zip(self.levels, own, strict=True)))
        seen = {
            name: [features, *(self.latent[above] for above in self._above(level))]
            for level, name in enumerate(self.levels)
        }
        self.baselines = baselines(baseline, seen)
        self.built = True
        self.reset(np.random.default_rng(seed))

    def _check(self) -> None:
        if len(self.latent) < 2:
            raise ValueError(f"latent must give 2 levels or more, got {list(self.latent)}: for one level use 'm1'")
        if len(self.hidden) != len(self.latent):
            raise ValueError(
                f"hidden must give one width a level, got {list(self.hidden)} for latent {list(self.latent)}: give "
                f"{len(self.latent)} numbers, or one for all levels"
            )
        whole("depth", self.depth, 0, MOST_LAYERS // len(self.latent))
        for argument, allowed in CHOICES.items():
            one_of(argument, getattr(self, argument), allowed)

    def _make(self) -> None:
        def network(inputs: Sequence[int], level: int, outputs: int, name: str, zeros: int = 0) -> MLP:
            widths = [self.hidden[level]] * self.depth
            return MLP(inputs, widths, outputs, self.activation, self.normalization, zeros, self.skip, name=name)

        sizes, top = self.latent, len(self.latent) - 1
        below = (self.features, *self.hidden[:top]) if self.depth else (self.features,) * len(sizes)
        self.encoders = [network([below[i]], i, 2 * z, f"encoder_{i + 1}", z) for i, z in enumerate(sizes)]
        self.priors = [network([sizes[i + 1]], i + 1, 2 * sizes[i], f"prior_{i + 1}", sizes[i]) for i in range(top)]
        self.decoder = network(sizes[: len(self.seen)], 0, self.likelihood.outputs(self.features), "decoder")

    def joint(self, y: tf.Tensor | None = None) -> Conditionals:
        """See `HasDensity`: p(z_L), …, p(z_1 | z_2) and p(x | ·)."""
        del y
        found: dict[str, Conditional] = {self.levels[-1]: standard_normal(self.latent[-1])}
        for level in reversed(range(len(self.priors))):
            found[self.levels[level]] = partial(self._prior, level)
        return {**found, "x": lambda v: self.likelihood(self.decoder(*(v[name] for name in self.seen)))}

    def _prior(self, level: int, values: Values) -> tfd.Distribution:
        return diagonal_normal(*self._expected(level, values[self.levels[level + 1]]))

    def _expected(self, level: int, above: tf.Tensor) -> list[tf.Tensor]:
        """Return mean and log-variance of p(z_l | z_{l+1})."""
        return tf.split(self.priors[level](above), 2, axis=-1)

    def encode(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Parameters:
        """See `HasDensity`: {"z1": [B, 2 Z_1], …}, mean and log-variance side by side."""
        del y
        d, found = self.likelihood.inputs(x), {}
        for name, network in zip(self.levels, self.encoders, strict=True):
            h = network.trunk(network.first_part(0, d))
            found[name] = network.head(h)
            d = h if self.depth else d
        return found

    def posterior(self, parameters: Parameters) -> Conditionals:
        """See `HasDensity`: q(z_L), …, q(z_1 | ·), as `top_down` says."""
        found: dict[str, Conditional] = {}
        for level, name in reversed(list(enumerate(self.levels))):
            own = tf.split(parameters[name], 2, axis=-1)
            found[name] = partial(self._corrected, level, own) if self._above(level) else diagonal_normal(*own)
        return found

    def _above(self, level: int) -> list[int]:
        """Return the levels, none or one, that q of a level depends on beside x."""
        return [] if self.top_down == "none" or level == len(self.priors) else [level + 1]

    def posterior_inputs(self, name: str, x: tf.Tensor, y: tf.Tensor | None, values: Values) -> list[tf.Tensor]:
        """See `HasDensity.posterior_inputs`: x, and in a ladder the level above."""
        del y
        above = self._above(self.levels.index(name))
        return [self.likelihood.inputs(x), *(values[self.levels[level]] for level in above)]

    def _corrected(self, level: int, own: Sequence[tf.Tensor], values: Values) -> tfd.Distribution:
        return diagonal_normal(*combined(own, self._expected(level, values[self.levels[level + 1]])))

    def prior_parameters(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Parameters:
        """See `HasDensity`; without top-down correction a lower level's q is its prior at the mean of the one above."""
        del y
        numbers = tf.zeros([1, 2 * self.latent[-1]])
        found = {self.levels[-1]: numbers}
        # The row that all rows share has no batch statistics of its own.
        with engine.using(engine.current()._replace(training=False)):
            for level in reversed(range(len(self.priors))):
                numbers = self._unknown(level, numbers[:, : self.latent[level + 1]])
                found[self.levels[level]] = numbers
        return {name: tf.zeros_like(x[..., :1]) + numbers for name, numbers in found.items()}

    def _unknown(self, level: int, above: tf.Tensor) -> tf.Tensor:
        """Return λ_l [1, 2 Z_l] that leaves z_l to its prior, given the mean [1, Z_{l+1}] of the level above."""
        if self.top_down == "none":
            return self.priors[level](above)
        return tf.repeat([[0.0, LOG_VARIANCE_RANGE[1]]], self.latent[level], axis=1)

    @property
    def latent_columns(self) -> int:
        """See `HasLatents.latent_columns`: those of all levels."""
        return sum(self.latent)

    def latents(self, x: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """Return the posterior means of all levels side by side, the bottom first, [B, ΣZ]."""
        means = self.posterior_means(x, None, infer)
        return tf.concat([means[name] for name in self.levels], axis=-1)
