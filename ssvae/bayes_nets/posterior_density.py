"""The posterior density of a Bayes net in original (centred) or auxiliary (non-centred) form, or nodes in either.

A Markov chain moves in z in the original form, and in ε with z = g(parents, ε) in the auxiliary one.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013).
A general framework for the parametrization of hierarchical models (Papaspiliopoulos, Roberts and Sköld, 2007):
centred and non-centred.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ssvae.bayes_nets.base import Data
from ssvae.bayes_nets.net import BayesNet, without_ones
from ssvae.distributions import Values
from ssvae.registry import unknown
from ssvae.settings.checks import one_of

FORMS = ("original", "auxiliary")


class PosteriorDensity:
    """The unnormalised log-posterior of a net given data, in one vector [..., size] of states.

    log p(z, x) in original form and log p(ε, x) = log p(z, x) + log |∂z/∂ε| in auxiliary form; where nodes differ, each
    in its own.

    Parameters
    ----------
    net : BayesNet
    data : dict of array [rows, ...]
        By the names of the observed nodes.
    form : "original", "auxiliary", or dict of these by the names of latent nodes

    Raises
    ------
    ValueError
        If data are missing, not of a node, not numbers, or have unequal numbers of rows, or a form is unknown.
    """

    def __init__(self, net: BayesNet, data: Data, form: str | Mapping[str, str] = "auxiliary") -> None:
        for name in data:
            if name not in net.observed:
                raise ValueError(unknown("observed node in data:", name, list(net.observed)))
        self.net = net
        self.data = {name: _rows(name, data) for name in net.observed}
        self.rows = _same_rows(self.data)
        self.form = {name: form if isinstance(form, str) else form.get(name, "auxiliary") for name in net.latents}
        for name, own in self.form.items():
            one_of(f"form of {name!r}", own, FORMS)
        self.sizes = [int(np.prod(node.shape)) for node in net.latents.values()]

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return sum(self.sizes)

    def log_prob(self, state: tf.Tensor, data: Mapping[str, tf.Tensor] | None = None) -> tf.Tensor:
        """Return the log-density of states [..., rows, size], nats; of some of the rows where their data are given."""
        z, total = self._latents(state)
        total += self.net.log_likelihood(z, self.data if data is None else data, len(total.shape))
        return tf.reshape(total, [*state.shape[:-2], -1])

    def log_prior(self, state: tf.Tensor) -> tf.Tensor:
        """Return the part of `log_prob` that belongs to the latents."""
        return tf.reshape(self._latents(state)[1], state.shape[:-1])

    def log_likelihood(self, state: tf.Tensor, data: Mapping[str, tf.Tensor] | None = None) -> tf.Tensor:
        """Return the log-likelihood part of `log_prob`; states [draws, 1, size] are each scored with every row."""
        z, prior = self._latents(state)
        log_p = self.net.log_likelihood(z, self.data if data is None else data, len(prior.shape))
        return tf.reshape(log_p, [*state.shape[:-2], -1])

    def values(self, state: tf.Tensor) -> Values:
        """Return z by name of states."""
        z = self._latents(state)[0]
        return {name: tf.reshape(z[name], [*state.shape[:-1], *node.shape]) for name, node in self.net.latents.items()}

    def state(self, z: Values) -> tf.Tensor:
        """Return the states of z."""
        name, first = next(iter(self.net.latents.items()))
        lead = z[name].shape[: len(z[name].shape) - first.rank]
        z = self.net.compact(z)
        epsilon = self.net.noise(z)
        parts = [(z if self.form[name] == "original" else epsilon)[name] for name in self.net.latents]
        flat = [tf.reshape(part, [*lead, size]) for part, size in zip(parts, self.sizes, strict=True)]
        return tf.concat(flat, axis=-1)

    def _latents(self, state: tf.Tensor) -> tuple[Values, tf.Tensor]:
        """Return z and log p of the latents, each in its form; without leading axes of one entry."""
        # TensorFlow Probability's bijectors cache their results, and would return an older tensor
        # that does not depend on this one.
        lead = without_ones(state.shape[:-1])
        if state.shape[-2] == 1 < self.rows:  # each with every row
            lead = [*without_ones(state.shape[:-2]), 1]
        state = tf.reshape(tf.identity(state), [*lead, self.size])
        z: Values = {}
        total: tf.Tensor = 0.0
        for (name, node), part in zip(self.net.latents.items(), tf.split(state, self.sizes, axis=-1), strict=True):
            held = tf.reshape(part, [*lead, *node.shape])
            if self.form[name] == "original":
                z[name] = held
                total += node.log_prob(held, z)
            else:
                z[name] = node.bijector(z).forward(held)
                total += node.noise_log_prob(held)
        return z, total


def _rows(name: str, data: Data) -> tf.Tensor:
    if name not in data:
        raise ValueError(f"data of the observed node {name!r} are missing, got {sorted(data)}")
    try:
        found = tf.cast(tf.convert_to_tensor(data[name]), tf.float32)
    except (TypeError, ValueError, tf.errors.UnimplementedError):
        raise ValueError(
            f"data of {name!r} must be an array of numbers [rows, ...], got {str(data[name])[:60]!r}"
        ) from None
    if not len(found.shape) or not found.shape[0]:
        raise ValueError(f"data of {name!r} must have one entry a row, [rows >= 1, ...], got shape {found.shape}")
    return found


def _same_rows(data: Mapping[str, tf.Tensor]) -> int:
    rows = {name: int(found.shape[0]) for name, found in data.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"all data must have as many rows, got {rows}")
    return next(iter(rows.values()), 1)
