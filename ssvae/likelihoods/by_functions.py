"""A distribution over rows that is given by its functions."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd


class ByFunctions(tfd.Distribution):
    """A distribution over x [D] for every h.

    Parameters
    ----------
    h : Tensor [..., outputs]
        Of which the leading axes are the batch shape.
    width : int
        D.
    log_prob, mean, draw : callable
        log p(x) of x [..., D]; E[x], [..., D]; and [n, ..., D] of n and a seed.
    """

    def __init__(
        self,
        h: tf.Tensor,
        width: int,
        log_prob: Callable[[tf.Tensor], tf.Tensor],
        mean: Callable[[], tf.Tensor],
        draw: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    ) -> None:
        parameters = dict(locals())
        self._h, self._width = tf.convert_to_tensor(h, tf.float32), width
        self._log_probability, self._expectation, self._draw = log_prob, mean, draw
        super().__init__(
            tf.float32,
            tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name="ByFunctions",
        )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, tfp.util.ParameterProperties]:
        return {"h": tfp.util.ParameterProperties(event_ndims=1)}

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([self._width])

    def _event_shape_tensor(self) -> tf.Tensor:
        return tf.constant([self._width])

    def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
        return self._log_probability(tf.convert_to_tensor(value, tf.float32))

    def _mean(self) -> tf.Tensor:
        return self._expectation()

    def _sample_n(self, n: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        return self._draw(n, tfp.random.sanitize_seed(seed))
