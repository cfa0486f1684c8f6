"""Inputs of the update networks of iterative inference: gradients of the bound at λ and errors, in several encodings.

References
----------
Iterative Amortized Inference (Marino, Yue and Mandt, 2018), §3.2 (errors), §4 and the released code (encodings).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import tensorflow as tf

from ssvae.distributions import given
from ssvae.inference.refinement_objective import RefinementObjective, independent_rows
from ssvae.models.capabilities import Parameters

TINY, FLOOR = 1e-5, 1e-3  # inside the logarithm of a gradient (released code); least variance that divides an error


def update_inputs(
    objective: RefinementObjective,
    parameters: Parameters,
    gradient: Parameters,
    seed: tf.Tensor,
    encodings: Sequence[str],
) -> dict[str, tf.Tensor]:
    """Return what each latent's update network receives beside the data, [..., B, width], by latent.

    Parameters
    ----------
    objective : RefinementObjective
    parameters, gradient : dict
        λ and ∇_λ, each [..., B, 2Z].
    seed : Tensor [2] int32
        That of the gradient, so that errors are those of the same draws.
    encodings : sequence of str
        Of `ssvae.networks.update.WIDTHS`.
    """
    variables = list(objective.model.joint(objective.y))  # a latent's neighbour to the right is what it generates
    below = dict(pairwise(variables))
    look = len(parameters) > 1 or {"errors", "normalized_errors"} & set(encodings)
    seen = _seen(objective, parameters, seed) if look else {}
    found = {}
    for name, value in parameters.items():
        parts = []
        for encoding in encodings:
            if encoding == "parameters":
                parts.append(value)
            elif encoding in ("errors", "normalized_errors"):
                parts += [seen[below[name]][encoding], seen[name][encoding]]
            elif encoding != "data":
                parts.append(encoded(gradient[name], value, encoding))
            elif below[name] != "x":
                parts.append(seen[below[name]]["value"])
        found[name] = _side_by_side(parts, value)
    return found


def encoded(gradient: tf.Tensor, parameters: tf.Tensor, encoding: str) -> tf.Tensor:
    """Return ∇_λ as it is ("gradient"), in the metric of q, as log|∇| and sign, or normalised within its row."""
    if encoding == "natural_gradient":
        mean, log_variance = tf.split(gradient, 2, axis=-1)
        return tf.concat([tf.exp(tf.split(parameters, 2, axis=-1)[1]) * mean, log_variance], axis=-1)
    if encoding == "log_sign":
        return tf.concat([tf.math.log(tf.abs(gradient) + TINY), tf.sign(gradient)], axis=-1)
    if encoding == "normalized_gradient":
        mean, variance = tf.nn.moments(gradient, axes=[-1], keepdims=True)
        return (gradient - mean) * tf.math.rsqrt(variance + TINY)
    return gradient


def _seen(objective: RefinementObjective, parameters: Parameters, seed: tf.Tensor) -> dict[str, dict[str, tf.Tensor]]:
    """Return every variable's value and how far it is from what its parents predict, means over the draws."""
    found = {}
    with independent_rows():
        values = objective.draws(parameters, seed)
        for name, conditional in objective.model.joint(objective.y).items():
            p, value = given(conditional, values), values.get(name, objective.x)
            error = value - p.mean()
            forms = {"value": value, "errors": error, "normalized_errors": error / (p.variance() + FLOOR)}
            drawn = {form for form, v in forms.items() if objective.samples > 1 and v is not objective.x}
            found[name] = {form: tf.reduce_mean(v, 0) if form in drawn else v for form, v in forms.items()}
    return found


def _side_by_side(parts: list[tf.Tensor], like: tf.Tensor) -> tf.Tensor:
    """Concatenate over the last axis; parts without the class axis get it."""
    rows = tf.shape(like)[:-1]
    return tf.concat([tf.broadcast_to(part, tf.concat([rows, tf.shape(part)[-1:]], 0)) for part in parts], axis=-1)
