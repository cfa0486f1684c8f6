"""NVIL: the score-function gradient with learnt baselines, variance normalisation and local signals.

References
----------
Neural Variational Inference and Learning in Belief Networks (Mnih and Gregor, 2014), §2 and algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import tensorflow as tf

from ssvae.backend.surrogates import detached
from ssvae.distributions import Conditionals, Values, given
from ssvae.gradients.base import Gradient, Integrand, draw
from ssvae.gradients.score import local_signals, model_gradient, score
from ssvae.networks.widths import sizes

if TYPE_CHECKING:
    from ssvae.inference.evidence import Evidence
    from ssvae.models.capabilities import HasDensity


# name, values, signal -> what is left of the signal, and the surrogate term that the baseline learns from
Reduction: TypeAlias = Callable[[str, Values, tf.Tensor], tuple[tf.Tensor, tf.Tensor | float]]


@dataclass(frozen=True)
class NVIL(Gradient):
    """Neural variational inference and learning.

    Approximates ∇E_q[f(z)]; with Σ_i E_q[(l_i − C_ψi − c_i) / max(1, √v_i) · ∇log q(z_i | ·)] + E_q[∇f(z)], l_i the
    terms of f that z_i can change (local signals), C_ψ an MLP of what q(z_i | ·) sees (x, and y in M2), c and v running
    mean and variance of l_i − C_ψi; requires that q can be drawn and scored, so that z may be binary or continuous, and
    in training a model with ``baselines``. Unbiased without normalisation, which scales the gradient of each q(z_i | ·)
    by one number. Cost: one evaluation of f a sample.

    Parameters
    ----------
    samples : int
        Draws a row.
    running_mean : bool
        Subtract c.
    input_baseline : bool
        Subtract C_ψ.
    normalization : bool
        Divide by max(1, √v).
    local_signals : bool
        Leave out of l_i what z_i cannot change.
    momentum : float
        Of c and v, a step.
    hidden : int or sequence of int
        Hidden widths of C_ψ.
    """

    samples: int = 1
    running_mean: bool = True
    input_baseline: bool = True
    normalization: bool = True
    local_signals: bool = True
    momentum: float = 0.8
    hidden: int | Sequence[int] = (100,)
    min_samples = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(f"{self.named()} needs momentum in [0, 1), got {self.momentum!r}")
        object.__setattr__(self, "hidden", sizes(self.hidden))  # a list from YAML would have no hash

    @property
    def baseline(self) -> Mapping[str, object]:
        """See `Gradient.baseline`."""
        return {"hidden": self.hidden, "momentum": self.momentum}

    def expectation(
        self, f: Integrand, q: Conditionals, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.expectation`; without baselines and normalisation, which a model learns."""
        del training
        return self._estimate(f, q, seed, lambda name, values, signal: (tf.stop_gradient(signal), 0.0))

    def bound(
        self, f: Evidence, model: HasDensity, y: tf.Tensor | None, seed: tf.Tensor, training: bool | tf.Tensor = False
    ) -> tf.Tensor:
        """See `Gradient.bound`; moves c and v when training, and outside it needs no baselines."""
        if training is False:
            return self.expectation(f, f.q, seed)
        if not model.baselines:
            raise ValueError(
                f"{self.named()} learns baselines with the model, and this {type(model).__name__} has none: give the "
                f"model by name, or make it with baseline={dict(self.baseline)}, or take gradient 'score_function'"
            )

        def reduced(name: str, values: Values, signal: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            baseline = model.baselines[name]
            predicted = tf.constant(0.0)
            if self.input_baseline:
                predicted = baseline(*model.posterior_inputs(name, f.x, y, values))
            left = tf.stop_gradient(signal - predicted)
            mean, variance = baseline.moments()
            baseline.learn(left)
            left -= mean if self.running_mean else 0.0
            left /= tf.maximum(1.0, tf.sqrt(variance)) if self.normalization else 1.0
            return left, left * (predicted - tf.stop_gradient(predicted))  # C_ψ learns from what is left of its signal

        return self._estimate(f, f.q, seed, reduced)

    def _estimate(self, f: Integrand, q: Conditionals, seed: tf.Tensor, reduced: Reduction) -> tf.Tensor:
        values = detached(draw(q, self.samples, seed))
        terms = f(values)
        signals = local_signals(terms, f.parents(values), list(q)) if self.local_signals else {}
        value = terms.total()
        found = tf.stop_gradient(value) + model_gradient(terms)
        for name, conditional in q.items():
            signal, surrogate = reduced(name, values, signals.get(name, value))
            found += signal * score(given(conditional, values), values[name]) + surrogate
        return found if self.samples == 1 else tf.reduce_mean(found, axis=0)
