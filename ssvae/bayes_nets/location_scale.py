"""Location-scale nodes z = m(parents) + s(parents) ⊙ ε: Gaussian, Student-t, logistic and others."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets.base import Latent, Parameter, check_family, scale_faults
from ssvae.distributions import Values


class LocationScale(Latent):
    """A latent z = loc + scale ⊙ ε.

    Parameters
    ----------
    shape : int or sequence of int
        Of one value.
    noise : tfp.distributions.Distribution
        Of ε, such as ``tfd.StudentT(4.0, 0.0, 1.0)`` or ``tfd.Logistic(0.0, 1.0)``.
    loc, scale : number, tensor or function of the parents
        Where z is, and how far ε takes it from there.

    Raises
    ------
    ValueError
        If `noise` is not one distribution of single continuous numbers.
    """

    def __init__(
        self, shape: int | Sequence[int], noise: tfd.Distribution, loc: Parameter = 0.0, scale: Parameter = 1.0
    ) -> None:
        check_family("noise", noise)
        if noise.batch_shape.rank:
            raise ValueError(
                f"noise must be one distribution, got {type(noise).__name__} of the shape {tuple(noise.batch_shape)}: "
                "give loc and scale the shape of the node"
            )
        super().__init__(shape, noise, loc, scale)
        self.loc, self.scale = loc, scale

    def bijector(self, values: Values) -> tfb.Bijector:
        """See `Latent.bijector`."""
        return tfb.Shift(self.read(self.loc, values))(tfb.Scale(self._scale(values)))

    def faults(self, values: Values) -> list[str]:
        """See `Latent.faults`."""
        return scale_faults(self.read(self.scale, values))

    def _scale(self, values: Values) -> tf.Tensor:
        # Of the whole shape, so that the log-determinant counts every number.
        return tf.convert_to_tensor(self.read(self.scale, values), tf.float32) * tf.ones(self.shape)


class Gaussian(LocationScale):
    """A latent z ~ N(mean, scale²).

    Parameters
    ----------
    shape : int or sequence of int
        Of one value.
    mean, scale : number, tensor or function of the parents
        Mean and standard deviation.
    """

    def __init__(self, shape: int | Sequence[int], mean: Parameter = 0.0, scale: Parameter = 1.0) -> None:
        super().__init__(shape, tfd.Normal(0.0, 1.0), mean, scale)
