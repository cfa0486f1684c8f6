"""log p(x | y) by draws from the prior: no recognition network, no EM.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013): the Monte Carlo
likelihood, of which dropout is the case of one draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

from ssvae.backend import random
from ssvae.distributions import given
from ssvae.gradients.base import MOST_SAMPLES
from ssvae.inference.base import BoundArguments, Inference


@dataclass(frozen=True)
class MCLikelihood(Inference):
    """log 1/L Σ_l p(x | y, z_l), z_l ~ p(z | y).

    Its mean is below log p(x | y), and far below it where few draws from the prior come near the posterior: for few
    latents. The recognition network learns nothing, so that only what needs no latents of rows is of use afterwards.

    Parameters
    ----------
    samples : int
        L; the cost of a step grows in proportion.
    shared : bool
        Whether all rows of a step are scored with the same draws: L passes through the decoder in place of L for each
        row, so that L can be many times larger at the same cost.
    """

    samples: int = 50
    shared: bool = False

    def __post_init__(self) -> None:
        """Refuse no sample, and more than any memory holds."""
        if self.samples < 1:
            raise ValueError(f"inference 'mc_likelihood' needs samples >= 1, got {self.samples}")
        if self.samples > MOST_SAMPLES:
            raise ValueError(
                f"samples of inference 'mc_likelihood' must be at most {MOST_SAMPLES:,}, got {self.samples!r}"
            )

    def _bound(self, arguments: BoundArguments) -> tf.Tensor:
        """See `Inference.bound`."""
        model, x, y, _, seed, _ = arguments
        if model.binary:
            raise ValueError(
                "inference 'mc_likelihood' needs continuous latents, and those of this model are binary: take "
                "inference='amortized'"
            )
        rows, joint = 1 if self.shared else tf.shape(x)[0], model.joint(y)
        values: dict[str, tf.Tensor] = {}
        for position, (name, conditional) in enumerate(joint.items()):
            if name == "x":
                break
            p = given(conditional, values)
            shape = [] if len(p.batch_shape) else [self.samples, *([1] if y is not None else []), rows]
            values[name] = p.sample(shape, seed=random.fold(seed, position))
        log_p = given(joint["x"], values).log_prob(x)
        return tf.reduce_logsumexp(log_p, axis=0) - math.log(self.samples)
