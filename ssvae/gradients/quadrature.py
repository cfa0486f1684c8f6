"""Gauss-Hermite quadrature: the exact expectation over a few Gaussian variables, for proofs and tiny models."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ssvae.distributions import Conditionals, Values, given
from ssvae.gradients.base import Gradient, Integrand


@dataclass(frozen=True)
class Quadrature(Gradient):
    """Weighted sum over a grid of nodes.

    Approximates E_q[f(z)]; with Σ_i w_i f(μ + σ t_i), exact for polynomials of degree 2 · nodes − 1; requires
    diagonal Gaussian q with few dimensions in all. Deterministic; cost: nodes ** dimensions evaluations of f.

    Parameters
    ----------
    nodes : int
        Nodes a dimension.
    """

    nodes: int = 32
    requires = "gaussian"

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`."""
        del seed, training
        sizes = self._sizes(q)
        grid, weights = _grid(self.nodes, sum(sizes.values()))
        values: Values = {}
        start = 0
        for name, conditional in q.items():
            distribution = given(conditional, values)
            rank = len(distribution.batch_shape) - (1 if values and distribution is not conditional else 0)
            part = grid[:, start : start + sizes[name]].reshape([len(grid)] + [1] * rank + [sizes[name]])
            values[name] = distribution.mean() + distribution.stddev() * tf.constant(part)
            start += sizes[name]
        return tf.tensordot(tf.constant(weights), f(values).total(), axes=1)

    def _sizes(self, q: Conditionals) -> dict[str, int]:
        values: Values = {}
        for name, conditional in q.items():
            distribution = given(conditional, values)
            self.check(name, distribution)
            values[name] = distribution.mean()
        sizes = {name: int(value.shape[-1]) for name, value in values.items()}
        if self.nodes ** sum(sizes.values()) > 100_000:
            raise ValueError(
                f"gradient 'quadrature' would need {self.nodes} ** {sum(sizes.values())} nodes for {sizes}, more than "
                "100,000: use 'pathwise'"
            )
        return sizes


def _grid(nodes: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes [S, dimensions] and weights [S] for N(0, I)."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    grid = np.array(list(itertools.product(points, repeat=dimensions)), np.float32)
    weight = np.array([np.prod(w) for w in itertools.product(weights / weights.sum(), repeat=dimensions)], np.float32)
    return grid, weight
