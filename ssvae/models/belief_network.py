"""Sigmoid belief networks: layers of binary latents, of which `models.sbn` and others are made.

References
----------
Connectionist learning of belief networks (Neal, 1992).
Neural Variational Inference and Learning in Belief Networks (Mnih and Gregor, 2014), §3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.distributions import Conditional, Conditionals, Values, bernoulli
from ssvae.likelihoods.base import Likelihood
from ssvae.models.base import InferRows, Model, Stage
from ssvae.models.capabilities import HasLatents, Infer, Parameters, encoded
from ssvae.networks.autoregressive import Autoregression
from ssvae.networks.baseline import baselines
from ssvae.networks.constant import Constant
from ssvae.networks.mlp import MLP
from ssvae.networks.widths import sizes
from ssvae.readers import column_moments
from ssvae.readers.base import Rows, RowSource
from ssvae.settings.checks import one_of

CONDITIONALS = ("latent", "visible", "posterior")
UPWARDS = ("sampled", "deterministic")


class BeliefNetwork(HasLatents, Model):
    """p(z_L) = ∏ σ(b), p(z_l | z_{l+1}) = ∏ σ(W z_{l+1} + b), p(x | z_1); q(z_1 | x), q(z_{l+1} | z_l) likewise.

    With classes the networks at the bottom get y, too: p(x | y, z_1), q(z_1 | x, y). Arguments are those of
    `models.sbn.SBN`, and

    Parameters
    ----------
    classes : int
        K; 0 for a network without classes.
    """

    binary = True

    def __init__(
        self,
        features: int,
        likelihood: Likelihood,
        latent: int | Sequence[int] = (200,),
        hidden: int | Sequence[int] = (),
        activation: str = "tanh",
        autoregressive: Sequence[str] = (),
        upwards: str = "sampled",
        baseline: Mapping[str, object] | None = None,
        classes: int = 0,
        seed: int = 0,
        **kwargs: object,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.features, self.likelihood = features, likelihood
        self.latent, self.hidden, self.activation = sizes(latent, "latent"), sizes(hidden), activation
        several = isinstance(autoregressive, Iterable) and not isinstance(autoregressive, str)
        self.autoregressive = list(autoregressive) if several else autoregressive
        self.upwards, self.baseline = upwards, baseline
        self._check()
        self.levels = tuple(f"z{level}" for level in range(1, len(self.latent) + 1))
        self._make([classes] if classes else [])
        alone = self.upwards == "deterministic" or len(self.latent) == 1
        self.mean_field = alone and not self.posterior_chains  # whether λ are all that q(z | x) is made of
        self.built = True
        self.reset(np.random.default_rng(seed))

    def _check(self) -> None:
        given = self.autoregressive if isinstance(self.autoregressive, list) else [None]
        if not all(conditional in CONDITIONALS for conditional in given):
            raise ValueError(
                f"autoregressive must be a list of some of {list(CONDITIONALS)}, got {self.autoregressive!r}"
            )
        one_of("upwards", self.upwards, UPWARDS)
        if not self.latent or min(self.latent) < 1:
            raise ValueError(f"latent must give the widths of one level or more, all >= 1, got {list(self.latent)}")
        if "visible" in given and not self.likelihood.binary:
            raise ValueError(
                f"autoregressive 'visible' needs likelihood 'bernoulli', got {type(self.likelihood).__name__}: leave "
                "'visible' out"
            )

    def _make(self, classes: Sequence[int]) -> None:
        def network(inputs: Sequence[int], outputs: int, name: str) -> MLP:
            return MLP(inputs, self.hidden, outputs, self.activation, name=name)

        def chains(conditional: str, widths: Sequence[int]) -> list[Autoregression]:
            wanted = widths if conditional in self.autoregressive else []
            return [Autoregression(width, name=f"{conditional}_chain_{i + 1}") for i, width in enumerate(wanted)]

        below, sizes = [self.features, *self.latent], self.latent
        self.center = Constant(self.features, learned=False, name="center")
        seen = [[width, *(classes if not i else [])] for i, width in enumerate(below[:-1])]
        self.encoders = [network(inputs, sizes[i], f"encoder_{i + 1}") for i, inputs in enumerate(seen)]
        self.priors = [network([sizes[i + 1]], sizes[i], f"prior_{i + 1}") for i in range(len(sizes) - 1)]
        self.top = Constant(sizes[-1], name="top")
        self.decoder = network([sizes[0], *classes], self.likelihood.outputs(self.features), "decoder")
        self.latent_chains, self.posterior_chains = chains("latent", sizes), chains("posterior", sizes)
        self.visible_chains = chains("visible", [self.features])
        inputs = seen if self.upwards == "sampled" else seen[:1] * len(sizes)
        self.baselines = baselines(self.baseline, dict(zip(self.levels, inputs, strict=True)))

    def stages(self, x: Rows, infer_rows: InferRows) -> Iterator[Stage]:
        """See `Model.stages`; q and the baselines see x less its mean over the rows."""
        mean = column_moments.mean(x) if isinstance(x, RowSource) else x.mean(axis=0)
        self.center.set(self.likelihood.inputs(tf.constant(mean[np.newaxis], tf.float32))[0])
        yield from super().stages(x, infer_rows)

    def joint(self, y: tf.Tensor | None = None) -> Conditionals:
        """See `HasDensity`: p(z_L), …, p(z_1 | z_2) and p(x | z_1)."""
        found: dict[str, Conditional] = {self.levels[-1]: self._binary(self.latent_chains, -1, self.top.read())}
        for level in reversed(range(len(self.priors))):
            found[self.levels[level]] = partial(self._prior, level)
        return {**found, "x": partial(self._observed, y)}

    def _prior(self, level: int, values: Values) -> tfd.Distribution:
        return self._binary(self.latent_chains, level, self.priors[level](values[self.levels[level + 1]]))

    def _observed(self, y: tf.Tensor | None, values: Values) -> tfd.Distribution:
        h = self.decoder(values[self.levels[0]], *self._class(y))
        return self.visible_chains[0](h) if self.visible_chains else self.likelihood(h)

    def _class(self, y: tf.Tensor | None) -> list[tf.Tensor]:
        """Return the class as an input of the networks at the bottom; no input where there are no classes."""
        return [y] if len(self.decoder.inputs) > 1 and y is not None else []

    def _binary(self, chains: list[Autoregression], level: int, logits: tf.Tensor) -> tfd.Distribution:
        return chains[level](logits) if chains else bernoulli(logits)

    def posterior_inputs(self, name: str, x: tf.Tensor, y: tf.Tensor | None, values: Values) -> list[tf.Tensor]:
        """See `HasDensity.posterior_inputs`: x less its mean and y, or the level below."""
        level = self.levels.index(name)
        if level and self.upwards == "sampled":
            return [values[self.levels[level - 1]]]
        return [self.likelihood.inputs(x) - self.center.read(), *self._class(y)]

    def encode(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Parameters:
        """See `HasDensity`: {"z1": [..., B, Z_1], …}, logits."""
        found = {self.levels[0]: self.encoders[0](*self.posterior_inputs(self.levels[0], x, y, {}))}
        for below, name, width, network in zip(
            self.levels, self.levels[1:], self.latent[1:], self.encoders[1:], strict=False
        ):
            if self.upwards == "deterministic":
                found[name] = network(tf.sigmoid(found[below]))
            else:
                found[name] = tf.zeros_like(found[below][..., :1]) * tf.ones([width])
        return found

    def posterior(self, parameters: Parameters) -> Conditionals:
        """See `HasDensity`: q(z_1), q(z_2 | z_1), …, or with upwards='deterministic' q(z_1), q(z_2), …."""
        found: dict[str, Conditional] = {}
        for level, name in enumerate(self.levels):
            if level and self.upwards == "sampled":
                found[name] = partial(self._inferred, level, parameters[name])
            else:
                found[name] = self._binary(self.posterior_chains, level, parameters[name])
        return found

    def _inferred(self, level: int, added: tf.Tensor, values: Values) -> tfd.Distribution:
        logits = added + self.encoders[level](values[self.levels[level - 1]])
        return self._binary(self.posterior_chains, level, logits)

    @property
    def latent_columns(self) -> int:
        """See `HasLatents.latent_columns`: those of all levels."""
        return sum(self.latent)

    def latents(self, x: tf.Tensor, infer: Infer = encoded) -> tf.Tensor:
        """Return the posterior means of all levels side by side, the bottom first, [B, ΣZ]; each given those below."""
        means = self.posterior_means(x, None, infer)
        return tf.concat([means[name] for name in self.levels], axis=-1)
