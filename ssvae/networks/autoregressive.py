"""Binary vectors whose every number depends on those before it.

References
----------
Deep AutoRegressive Networks (Gregor, Danihelka, Mnih, Blundell and Wierstra, 2014), eqs. 3 and 4.
Neural Variational Inference and Learning in Belief Networks (Mnih and Gregor, 2014), §3: fDARN.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.backend.softplus import softplus
from ssvae.distributions import BinaryVector
from ssvae.networks.affine import product
from ssvae.networks.layer import Layer
from ssvae.relaxations import Rule, hard, soft


@keras.saving.register_keras_serializable("ssvae")
class Autoregression(Layer):
    """v -> v U, U strictly upper triangular: what the numbers before each one add to its logit. U starts at 0.

    Parameters
    ----------
    width : int
        Numbers of v.
    """

    def __init__(self, width: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.kernel = self.add_weight(name="kernel", shape=(width, width), initializer="zeros")
        self.built = True

    def reset(self, rng: np.random.Generator) -> None:
        """Go back to independent numbers."""
        del rng
        self.kernel.assign(np.zeros(self.kernel.shape, np.float32))

    def masked(self) -> tf.Tensor:
        """Return U, [width, width]."""
        return tf.convert_to_tensor(self.kernel) * np.triu(np.ones(self.kernel.shape, np.float32), 1)

    def call(self, logits: tf.Tensor) -> Chain:
        """Return the distribution with these logits [..., width] where all earlier numbers are 0."""
        return Chain(logits, self.masked())

    def get_config(self) -> dict[str, object]:
        """Return the constructor arguments."""
        return {**super().get_config(), "width": self.width}


class Chain(BinaryVector, tfd.Distribution):
    """p(v) = ∏_i Bernoulli(v_i; σ(a_i + Σ_{j<i} v_j U_ji)).

    Parameters
    ----------
    logits : Tensor [..., D]
        a.
    kernel : Tensor [D, D]
        U, strictly upper triangular.
    """

    closed_kl = False

    def __init__(self, logits: tf.Tensor, kernel: tf.Tensor) -> None:
        parameters = dict(locals())
        self.logits, self.kernel = tf.convert_to_tensor(logits), kernel
        super().__init__(
            tf.float32,
            tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="Chain",
        )

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType, num_classes: int | None = None) -> dict[str, object]:
        raise NotImplementedError("a Chain is not sliced or broadcast by its parameters")

    def _batch_shape(self) -> tf.TensorShape:
        return self.logits.shape[:-1]

    def _batch_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.logits)[:-1]

    def _event_shape(self) -> tf.TensorShape:
        return self.logits.shape[-1:]

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.shape(self.logits)[-1:]

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        logits = self.logits + product(value, self.kernel)
        return tf.reduce_sum(value * logits - softplus(logits), axis=-1)

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        return self.drawn(hard, (n,), tfp.random.sanitize_seed(seed))

    def _mean(self) -> tf.Tensor:
        """Return the mean of every number given the means before it, which is not its exact mean."""
        return self.drawn(soft, (), tf.zeros([2], tf.int32))

    def means(self, value: tf.Tensor) -> tf.Tensor:
        """See `distributions.BinaryVector.means`."""
        return tf.sigmoid(self.logits + product(value, self.kernel))

    def drawn(self, rule: Rule, shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
        """See `distributions.BinaryVector.drawn`; here one number after another."""
        whole = tf.concat([tf.convert_to_tensor(shape, tf.int32), tf.shape(self.logits)], 0)
        size = self.kernel.shape[0]

        def columns(every: tf.Tensor) -> tf.Tensor:  # [D, rows], so that a step takes what lies together
            return tf.transpose(tf.reshape(every, [-1, size]))

        logits, uniform = (
            columns(tf.broadcast_to(self.logits, whole)),
            columns(tf.broadcast_to(random.latent_uniform(whole, seed), whole)),
        )

        def body(i: tf.Tensor, added: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
            value = rule(logits[i] + added[i], uniform[i])
            return i + 1, added + self.kernel[i][:, tf.newaxis] * value, found.write(i, value)

        start = (tf.constant(0), tf.zeros_like(logits), tf.TensorArray(tf.float32, size, element_shape=[None]))
        loop = tf.while_loop(lambda i, *_: i < size, body, start, parallel_iterations=1, maximum_iterations=size)
        return tf.reshape(tf.transpose(loop[2].stack()), whole)
