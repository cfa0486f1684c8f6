"""Checks before chains start: finite log-densities and gradients, positive scales, variables that can be learnt."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.distributions import Values


def check_start(net: BayesNet, data: Values, z: Values) -> None:
    """Check the densities of all nodes at z [chains, rows, *shape] and of the data.

    Raises
    ------
    ValueError
        If a scale is 0, negative or infinite, a latent's density is improper or not finite there, or the data are
        impossible; the message names the node.
    """
    z = net.compact(z)
    for name, node in net.latents.items():
        faults = node.faults(z)
        if faults:
            raise ValueError(f"latent node {name!r}: {faults[0]}")
        log_p = node.log_prob(z[name], z)
        if not _finite(log_p) or not _finite(z[name]):
            raise ValueError(
                f"latent node {name!r}: log p at a draw from the prior is {_worst(log_p)}; its density is improper, or "
                "a function of its parents is not finite"
            )
    for name, seen in net.observed.items():
        try:
            log_p = seen.given(z).copy(validate_args=True).log_prob(data[name])
        except tf.errors.InvalidArgumentError as error:
            why = str(error).splitlines()[0].split("[", 1)[0].strip()
            raise ValueError(f"observed node {name!r} cannot have these data or parameters: {why}") from None
        if not _finite(log_p):
            raise ValueError(
                f"observed node {name!r}: log p of its data at the start point is {_worst(log_p)}; look for data out "
                "of the distribution's range, missing values, or parameters that are not finite"
            )


def check_gradient(density: PosteriorDensity, state: tf.Tensor) -> None:
    """Check the gradient of log p at states [chains, rows, size].

    Raises
    ------
    ValueError
        If it is not finite; the message names the latents.
    """
    with tf.GradientTape() as tape:
        tape.watch(state)
        log_p = density.log_prob(state)
    gradient = tape.gradient(log_p, state)
    parts = dict(zip(density.net.latents, tf.split(gradient, density.sizes, axis=-1), strict=True))
    bad = [name for name, part in parts.items() if not _finite(part)]
    if bad:
        raise ValueError(
            f"the gradient of log p by {bad} is {_worst(parts[bad[0]])} at the start point: look for functions without "
            "a derivative there, such as a square root at 0"
        )


def check_variables(variables: Sequence[keras.Variable]) -> None:
    """Check the variables that a net is learnt by.

    Raises
    ------
    ValueError
        If there are none, or one is not a keras.Variable.
    """
    if not variables:
        raise ValueError("variables is empty: there is nothing to learn; to draw from a net use sampling.sample")
    if not all(isinstance(variable, keras.Variable) for variable in variables):
        raise ValueError("variables must be keras.Variable, such as a layer's weights, and not tf.Variable")


def _finite(x: tf.Tensor) -> bool:
    return bool(tf.reduce_all(tf.math.is_finite(x)))


def _worst(x: tf.Tensor) -> float:
    x = tf.reshape(x, [-1])
    bad = tf.boolean_mask(x, tf.logical_not(tf.math.is_finite(x)))
    return float(bad[0]) if int(tf.size(bad)) else float("nan")
