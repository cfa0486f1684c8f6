"""The Bayes net of a trained or untrained model's p(x, z), for MCMC over its latents and Monte Carlo EM."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.bayes_nets.base import Latent, Observed
from ssvae.bayes_nets.location_scale import Gaussian
from ssvae.bayes_nets.net import BayesNet
from ssvae.distributions import Conditional, given, reads
from ssvae.models.capabilities import HasClasses, HasDensity


def of_model(model: HasDensity) -> BayesNet:
    """Return the net of ``model.joint()``: Gaussian latents, and x whose parents are those that the likelihood reads.

    Its functions read the model's weights, which `mcem.MonteCarloEM` can thus learn.

    Parameters
    ----------
    model : Model
        Without classes and with Gaussian latents, such as M1.

    Returns
    -------
    BayesNet
        With the model's own weights.

    Raises
    ------
    ValueError
        If the model has classes, or a latent is not Gaussian.
    """
    if isinstance(model, HasClasses):
        raise ValueError(f"a net has no classes, and {type(model).__name__} has: take a model such as 'm1'")
    joint = model.joint()
    drawn = model.prior_sample(None, 1, random.seed_tensor(0))
    nodes: dict[str, Latent | Observed] = {}
    for name, conditional in joint.items():
        parents = sorted(reads(conditional, drawn), key=list(joint).index)
        if name == "x":
            nodes[name] = Observed(_of(conditional, parents, lambda p: p))
            continue
        p = given(conditional, drawn)
        if not isinstance(p, tfd.Independent) or not isinstance(p.distribution, tfd.Normal):
            raise ValueError(f"a net needs Gaussian latents, and {name!r} of {type(model).__name__} is not Gaussian")
        mean, scale = (_of(conditional, parents, part) for part in (lambda p: p.mean(), lambda p: p.stddev()))
        nodes[name] = Gaussian(drawn[name].shape[-1], mean, scale)
    return BayesNet(**nodes)


def _of(
    conditional: Conditional, parents: Sequence[str], part: Callable[[tfd.Distribution], tf.Tensor]
) -> Callable[..., tf.Tensor]:
    """Return a function of the parents' values, with arguments of their names, as nodes read them."""

    def read(*values: tf.Tensor) -> tf.Tensor:
        return part(given(conditional, dict(zip(parents, values, strict=True))))

    named = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in parents]
    read.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    return read
