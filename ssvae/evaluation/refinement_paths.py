"""Refinement paths: λ after each step, by refinement, by a learnt update and by conventional optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import keras
import numpy as np
import tensorflow as tf

from ssvae.backend import random
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.inference.refining import Refining
from ssvae.models.capabilities import HasDensity, Parameters
from ssvae.prediction import FIXED_SEED

# Optimizer -> the rates that are tried on other rows.
OPTIMIZERS: dict[str, tuple[type[keras.optimizers.Optimizer], tuple[float, ...]]] = {
    "SGD": (keras.optimizers.SGD, (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)),
    "Adam": (keras.optimizers.Adam, (1e-2, 3e-2, 1e-1, 3e-1)),
    "RMSProp": (keras.optimizers.RMSprop, (1e-2, 3e-2, 1e-1, 3e-1)),
}
Traced = TypeVar("Traced", tf.Tensor, Parameters)  # what a compiled function returns
BOUND_SAMPLES = 100  # draws a row that measure a bound


class Rows(NamedTuple):
    """Rows as a part of a model scores them."""

    x: tf.Tensor  # [B, D]
    y: tf.Tensor | None = None  # [B, K] one-hot


def refinement_path(part: HasDensity, rows: Rows, start: Parameters, method: Refining, steps: int) -> list[Parameters]:
    """Return λ_0, …, λ_T of an inference method on its way to λ_T."""
    objective = RefinementObjective(part, rows.x, rows.y, method.test_samples or method.samples)
    return [start, *method.refinement_path(objective, start, steps, random.seed_tensor(0))]


def bound_gradient(part: HasDensity, rows: Rows, start: Parameters, samples: int = 10) -> Callable[..., Parameters]:
    """Return ∇_λ of the rows' bounds as a compiled function of λ and the step, whose draws are its own."""
    objective = RefinementObjective(part, rows.x, rows.y, samples)
    return _traced(
        lambda at, step: objective.value_and_gradient(at, random.fold(FIXED_SEED, step))[1], dict(start), tf.constant(0)
    )


def optimizer_path(
    start: Parameters, optimizer: keras.optimizers.Optimizer, steps: int, gradient: Callable[..., Parameters]
) -> list[Parameters]:
    """Return λ_0, …, λ_T of a Keras optimizer that maximises the sum of the rows' bounds, from λ_0 on."""
    variables = {name: tf.Variable(value) for name, value in start.items()}
    path = [dict(start)]
    for step in range(steps):
        found = gradient({name: tf.convert_to_tensor(v) for name, v in variables.items()}, tf.constant(step))
        optimizer.apply([-found[name] for name in variables], list(variables.values()))
        path.append({name: tf.convert_to_tensor(v) for name, v in variables.items()})
    return path


def tuned_rate(part: HasDensity, rows: Rows, start: Parameters, name: str, steps: int) -> float:
    """Return the rate of an optimizer of `OPTIMIZERS` whose bound is highest after all steps."""
    kind, rates = OPTIMIZERS[name]
    gradient = bound_gradient(part, rows, start)
    ends = [optimizer_path(start, kind(rate), steps, gradient)[-1] for rate in rates]
    return rates[int(np.nanargmax([bound.mean() for bound in bounds(part, rows, ends)]))]


def bounds(part: HasDensity, rows: Rows, path: Iterable[Parameters], samples: int = BOUND_SAMPLES) -> np.ndarray:
    """Return the ELBO of every row at every λ of a path, [T + 1, B], nats, all by the same draws."""
    objective, seed = RefinementObjective(part, rows.x, rows.y, samples), random.fold(FIXED_SEED, -1)
    every = [dict(at) for at in path]
    measure = _traced(lambda at: objective.bound(at, seed), every[0])
    return np.stack([measure(at).numpy() for at in every])


def _traced(function: Callable[..., Traced], *like: tf.Tensor | Parameters) -> Callable[..., Traced]:
    """Return the function compiled for arguments such as these; TensorFlow warns of those that it traces at calls."""
    return tf.function(function, autograph=False).get_concrete_function(*like)


def landscape(
    part: HasDensity, rows: Rows, at: Parameters, means: np.ndarray, samples: int = BOUND_SAMPLES
) -> np.ndarray:
    """Return one row's ELBO over a grid of means [G, 2] of its only latent, log σ² as at λ, [G].

    Raises
    ------
    ValueError
        If the latent is not two-dimensional.
    """
    (name,) = at
    if at[name].shape[-1] != 4:
        raise ValueError(f"the surface of the bound is drawn for 2 latents, the model has {at[name].shape[-1] // 2}")
    spread = tf.repeat(at[name][:1, 2:], len(means), axis=0)
    grid = {name: tf.concat([tf.constant(means, tf.float32), spread], axis=1)}
    repeated = Rows(*(None if part is None else tf.repeat(part[:1], len(means), axis=0) for part in rows))
    return bounds(part, repeated, [grid], samples)[0]


def means(part: HasDensity, rows: Rows, path: Iterable[Parameters]) -> np.ndarray:
    """Return the mean of p(x | z) at the posterior means along a path, [T + 1, B, D]."""

    def decoded(at: Parameters) -> np.ndarray:
        values = part.posterior_means(rows.x, rows.y, lambda *_: at)
        return part.decode(values, rows.y).mean().numpy()

    return np.stack([decoded(at) for at in path])
