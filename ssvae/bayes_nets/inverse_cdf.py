"""Nodes of any one-dimensional distribution with an inverse CDF: z = F⁻¹(Φ(ε) | parents), ε ~ N(0, 1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets.base import Latent, check_family
from ssvae.bayes_nets.families import quantile
from ssvae.distributions import Values

EDGE = 1e-6  # of Φ(ε) to 0 and 1: beyond it float32's quantiles have no gradient


class InverseCDF(Latent):
    """A latent of numbers z_i ~ F( · | parents), independent given the parents.

    Parameters
    ----------
    shape : int or sequence of int
        Of one value.
    distribution : function
        Of parents' values -> tfp.distributions.Distribution with ``cdf`` and ``log_prob``, of numbers: one with
        ``quantile``, a Pareto or triangular one, or one of `ssvae.bayes_nets.families`.

    Raises
    ------
    ValueError
        If the distribution is not of single continuous numbers, or has no quantiles or no CDF: at once where it has no
        parents, else when it is drawn from.
    """

    def __init__(self, shape: int | Sequence[int], distribution: Callable[..., tfd.Distribution]) -> None:
        super().__init__(shape, tfd.Normal(0.0, 1.0), distribution)
        self.distribution = distribution
        if not self.parents:
            g = self.bijector({})
            g.inverse(g.forward(tf.zeros(self.shape)))

    def bijector(self, values: Values) -> tfb.Bijector:
        """See `Latent.bijector`."""
        given = self.read(self.distribution, values)
        check_family("the distribution of InverseCDF", given)
        return _Quantile(given)

    def log_prob(self, value: tf.Tensor, values: Values) -> tf.Tensor:
        """See `Latent.log_prob`; the distribution's own, which needs no inverse."""
        given: tfd.Distribution = self.read(self.distribution, values)
        found = given.log_prob(value) + tf.zeros(self.shape)
        return tf.reduce_sum(found, axis=list(range(-self.rank, 0)))


class _Quantile(tfb.Bijector):
    """ε -> F⁻¹(Φ(ε)), with log |∂z/∂ε| = log φ(ε) − log f(z)."""

    def __init__(self, distribution: tfd.Distribution) -> None:
        self.of, self.normal = distribution, tfd.Normal(0.0, 1.0)
        super().__init__(forward_min_event_ndims=0, validate_args=False, name="quantile")

    def _forward(self, epsilon: tf.Tensor) -> tf.Tensor:
        mass = tf.clip_by_value(self.normal.cdf(epsilon), EDGE, 1.0 - EDGE)
        try:
            return quantile(self.of, mass)
        except NotImplementedError:
            raise ValueError(self._lacks("quantile")) from None

    def _inverse(self, z: tf.Tensor) -> tf.Tensor:
        try:
            mass = self.of.cdf(z)
        except NotImplementedError:
            raise ValueError(self._lacks("cdf")) from None
        return self.normal.quantile(tf.clip_by_value(mass, EDGE, 1.0 - EDGE))

    def _forward_log_det_jacobian(self, epsilon: tf.Tensor) -> tf.Tensor:
        return self.normal.log_prob(epsilon) - self.of.log_prob(self._forward(epsilon))

    def _lacks(self, method: str) -> str:
        return (
            f"InverseCDF needs a distribution with quantile and cdf, and {type(self.of).__name__} has no {method}: "
            "take another family, or a node of your own (ssvae.bayes_nets.Latent)"
        )
