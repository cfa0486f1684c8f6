"""Original and auxiliary form of one net: a chain moves in z, in ε with z = g(parents, ε), or in some of either.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ssvae.bayes_nets.net import BayesNet
from ssvae.distributions import Values
from ssvae.registry import unknown

FORMS = ("original", "auxiliary")


class Target:
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
        If data are missing, of no node, or have unequal numbers of rows, or a form is unknown.
    """

    def __init__(self, net: BayesNet, data: Mapping[str, Any], form: str | Mapping[str, str] = "auxiliary") -> None:
        for name in data:
            if name not in net.observed:
                raise ValueError(unknown("observed node in data:", name, list(net.observed)))
        self.net = net
        self.data = {name: _rows(name, data) for name in net.observed}
        self.rows = _same_rows(self.data)
        self.form = {name: form if isinstance(form, str) else form.get(name, "auxiliary") for name in net.latents}
        for name, own in self.form.items():
            if own not in FORMS:
                raise ValueError(f"form of {name!r} must be one of {list(FORMS)}, got {own!r}")
        self.sizes = [int(np.prod(node.shape)) for node in net.latents.values()]

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return sum(self.sizes)

    def log_prob(self, state: tf.Tensor, data: Mapping[str, tf.Tensor] | None = None) -> tf.Tensor:
        """Return the log-density of states [..., rows, size], nats; of some of the rows where their data are given."""
        z, total = self._sweep(state)
        return total + self.net.log_likelihood(z, self.data if data is None else data, len(state.shape) - 1)

    def log_prior(self, state: tf.Tensor) -> tf.Tensor:
        """Return the part of `log_prob` that is of the latents."""
        return self._sweep(state)[1]

    def log_likelihood(self, state: tf.Tensor, data: Mapping[str, tf.Tensor] | None = None) -> tf.Tensor:
        """Return the part of `log_prob` that is of the data; states [draws, 1, size] are each scored with every row."""
        return self.net.log_likelihood(self._sweep(state)[0], self.data if data is None else data, len(state.shape) - 1)

    def values(self, state: tf.Tensor) -> Values:
        """Return z by name of states."""
        return self._sweep(state)[0]

    def state(self, z: Values) -> tf.Tensor:
        """Return the states of z."""
        epsilon = self.net.noise(z)
        parts = [(z if self.form[name] == "original" else epsilon)[name] for name in self.net.latents]
        lead = tf.shape(parts[0])[: len(parts[0].shape) - next(iter(self.net.latents.values())).rank]
        flat = [tf.reshape(part, tf.concat([lead, [size]], 0)) for part, size in zip(parts, self.sizes, strict=True)]
        return tf.concat(flat, axis=-1)

    def _sweep(self, state: tf.Tensor) -> tuple[Values, tf.Tensor]:
        """Return z and Σ log-densities of the latents' numbers, as each is held."""
        # TensorFlow Probability's bijectors remember what they were called with, and would hand out an older tensor
        # that does not depend on this one.
        state = tf.identity(state)
        z: Values = {}
        total: Any = 0.0
        for (name, node), part in zip(self.net.latents.items(), tf.split(state, self.sizes, axis=-1), strict=True):
            held = tf.reshape(part, tf.concat([tf.shape(state)[:-1], node.shape], 0))
            if self.form[name] == "original":
                z[name] = held
                total += node.log_prob(held, z)
            else:
                z[name] = node.bijector(z).forward(held)
                total += node.noise_log_prob(held)
        return z, total


def _rows(name: str, data: Mapping[str, Any]) -> tf.Tensor:
    if name not in data:
        raise ValueError(f"data of the observed node {name!r} are missing, got {sorted(data)}")
    found = tf.cast(tf.convert_to_tensor(data[name]), tf.float32)
    if not len(found.shape):
        raise ValueError(f"data of {name!r} must have one entry a row, [rows, ...], got a single number")
    return found


def _same_rows(data: Mapping[str, tf.Tensor]) -> int:
    rows = {name: int(found.shape[0]) for name, found in data.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"all data must have as many rows, got {rows}")
    return next(iter(rows.values()), 1)
