"""A Gaussian state-space node: z_1, …, z_T, each Gaussian given the one before it."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets.base import Constant, Function, Latent, scale_faults
from ssvae.distributions import Values

# Steps that are compiled one by one: twice as quick as a loop, but XLA takes a tenth of a second for each.
UNROLLED = 32


class Recurrent(Latent):
    """A latent sequence z_1 = first_mean + first_scale ⊙ ε_1, z_t = mean(z_{t−1}, parents) + scale ⊙ ε_t, [T, width].

    Parameters
    ----------
    steps : int
        T.
    width : int
        Numbers of each z_t.
    mean : function
        Of the value before, [..., width], and of the parents that its further arguments name.
    scale, first_mean, first_scale : number or tensor [width]
        Standard deviation of a step, and mean and standard deviation of the first.
    """

    def __init__(
        self,
        steps: int,
        width: int,
        mean: Function,
        scale: Constant = 1.0,
        first_mean: Constant = 0.0,
        first_scale: Constant = 1.0,
    ) -> None:
        super().__init__((steps, width), tfd.Normal(0.0, 1.0), mean)
        if not callable(mean) or not self.parents:
            raise ValueError(f"mean must be a function of the value before, such as `lambda before: ...`, got {mean!r}")
        self.parents = self.parents[1:]
        self.mean, self.scale, self.first_mean, self.first_scale = mean, scale, first_mean, first_scale

    def bijector(self, values: Values) -> tfb.Bijector:
        """See `Latent.bijector`."""
        others = [values[name] for name in self.parents]
        return _Recurrence(self, lambda before: self.mean(before, *others))

    def faults(self, values: Values) -> list[str]:
        """See `Latent.faults`."""
        return scale_faults(self.scale) or scale_faults(self.first_scale)


class _Recurrence(tfb.Bijector):
    """Maps ε [..., T, width] to z step by step; the inverse computes all steps at once."""

    def __init__(self, node: Recurrent, mean: Callable[[tf.Tensor], tf.Tensor]) -> None:
        self.node, self.mean = node, mean
        super().__init__(forward_min_event_ndims=2, is_constant_jacobian=True, name="recurrence")

    def _forward(self, epsilon: tf.Tensor) -> tf.Tensor:
        axes = list(range(len(epsilon.shape)))
        noise = tf.transpose(epsilon, [axes[-2], *axes[:-2], axes[-1]])  # steps first
        first = self.node.first_mean + self.node.first_scale * noise[0]
        found = self._unrolled(first, noise) if self.node.shape[0] <= UNROLLED else self._loop(first, noise)
        return tf.transpose(found, [*axes[1:-1], 0, axes[-1]])

    def _unrolled(self, first: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        found = [first]
        for own in tf.unstack(noise)[1:]:
            found.append(self.mean(found[-1]) + self.node.scale * own)
        return tf.stack(found)

    def _loop(self, first: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        steps = self.node.shape[0]

        def body(step: tf.Tensor, z: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
            z = self.mean(z) + self.node.scale * noise[step]
            return step + 1, z, found.write(step, z)

        found = tf.TensorArray(tf.float32, steps, element_shape=first.shape).write(0, first)
        start = (tf.constant(1), first, found)
        return tf.while_loop(lambda step, *_: step < steps, body, start, maximum_iterations=steps)[2].stack()

    def _inverse(self, z: tf.Tensor) -> tf.Tensor:
        first = (z[..., :1, :] - self.node.first_mean) / self.node.first_scale
        # One call for all steps: parents' values have no axis of time, and get one that broadcasts.
        rest = (z[..., 1:, :] - self._all_means(z[..., :-1, :])) / self.node.scale
        return tf.concat([first, rest], axis=-2)

    def _all_means(self, before: tf.Tensor) -> tf.Tensor:
        if not self.node.parents:
            return self.mean(before)
        return tf.stack([self.mean(step) for step in tf.unstack(before, axis=-2)], axis=-2)

    def _forward_log_det_jacobian(self, epsilon: tf.Tensor) -> tf.Tensor:
        del epsilon
        steps, width = self.node.shape
        scales = tf.math.log(self.node.first_scale * tf.ones(width)), tf.math.log(self.node.scale * tf.ones(width))
        return tf.reduce_sum(scales[0]) + (steps - 1) * tf.reduce_sum(scales[1])
