"""How far a bound is below log p(x), and how much of that is the encoder's: the gaps of every row.

References
----------
Inference Suboptimality in Variational Autoencoders (Cremer, Li and Duvenaud, 2018), table 1.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple, Self

import numpy as np
import tensorflow as tf

from ssvae.backend import engine
from ssvae.evaluation import log_likelihood
from ssvae.evaluation.inference_gap_report import About, GapReport
from ssvae.evaluation.local_optimum import SAMPLES, better, local_optimum
from ssvae.evaluation.log_likelihood import Estimate, Progress
from ssvae.inference.base import Inference
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.models.base import Model
from ssvae.models.capabilities import HasDensity, Parameters
from ssvae.prediction import FIXED_SEED, over_rows
from ssvae.readers.base import Rows

ROWS = 256  # optimised side by side
STEPS = (1, 2, 3, 5, 8, 13, 20, 50)  # of gradient refinement after which the bound is measured
COUNTS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)  # of draws, the same: between one, the bound, and S, log p


class Layout(NamedTuple):
    """How x, y and λ stand side by side in a row."""

    features: int
    classes: int
    latents: tuple[tuple[str, int], ...]  # name and width of λ

    @classmethod
    def of(cls, part: HasDensity, x: Rows, y: np.ndarray | None) -> Self:
        """Return the layout for x [N, D] and y [N, K]."""
        found = part.encode(tf.constant(x[:1]), None if y is None else tf.constant(y[:1]))
        return cls(x.shape[1], 0 if y is None else y.shape[1], tuple((n, v.shape[-1]) for n, v in found.items()))

    def split(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None, Parameters]:
        """Return x [B, D], y [B, K] and λ, which is empty where the rows hold none."""
        observed = self.features + self.classes
        x, y, rest = rows[:, : self.features], rows[:, self.features : observed], rows[:, observed:]
        names, widths = zip(*self.latents, strict=True)
        parameters = dict(zip(names, tf.split(rest, widths, axis=1), strict=True)) if rest.shape[1] else {}
        return x, y if self.classes else None, parameters

    def joined(self, parameters: Parameters) -> tf.Tensor:
        """Return λ side by side, [B, Σ2Z]."""
        return tf.concat([parameters[name] for name, _ in self.latents], axis=-1)


def gaps(
    part: Model,
    x: Rows,
    y: np.ndarray | None,
    about: About,
    inference: Inference,
    seed: int = 0,
    offset: np.ndarray | float = 0.0,
    progress: Progress | None = None,
) -> GapReport:
    """Measure the gaps of a model, or of the part of a stack that has a bound of its own.

    Parameters
    ----------
    part : Model
    x : ndarray [N, D]
        As the likelihood scores it (`evidence.observed`).
    y : ndarray [N, K] or None
        One-hot classes, given to every bound.
    about : About
        Draws that measure each λ, and steps of the local optimisation, which starts at the λ of the encoder or at those
        of the fitted inference, whichever are better.
    inference : Inference
        The fitted one.
    seed : int
        Decides the draws that measure: the same ones for every λ of a row.
    offset : ndarray [N] or float
        Added to bounds and log p: the preprocessing's log-Jacobian.
    progress : callable, optional
        Receives the number of rows that are done, and of all.
    """
    measurement = _Measurement(part, Layout.of(part, x, y), about, inference, len(x))
    rows = x if y is None else np.concatenate([x, y], axis=1)
    found = [
        measurement.measured(np.asarray(rows[some]), own)
        for some, own in log_likelihood.parts(len(rows), ROWS, seed, progress)
    ]
    numbers, curve = (np.concatenate(parts, axis=-1).astype(np.float64) for parts in zip(*found, strict=True))
    numbers[:, :2] += offset
    encoder, fitted, local, *path = (Estimate(*at) for at in numbers)
    by_steps = dict(zip((0, *STEPS), (encoder, *path), strict=True))
    return GapReport(about, encoder, fitted, local, by_steps, dict(zip(_counts(about), curve + offset, strict=True)))


def _counts(about: About) -> tuple[int, ...]:
    """Return the numbers of draws at which the bound is measured."""
    return (1, *(count for count in COUNTS if count < about.samples), about.samples)


class _Measurement(NamedTuple):
    """What is the same for all rows."""

    part: Model
    layout: Layout
    about: About
    inference: Inference
    rows: int

    def measured(self, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return `Estimate`s of at most `ROWS` rows at every λ, [λ, 3, n], and bounds by draws, [S, 2, n]."""
        chunk = min(ROWS, 2 ** math.ceil(math.log2(len(rows))))
        found = over_rows(
            self.part, refined, rows, chunk=chunk, layout=self.layout, inference=self.inference, tried=STEPS
        )
        encoder, fitted, *path = np.moveaxis(found, 1, 0)
        best = self._optimized(np.concatenate([rows, encoder, fitted], axis=1), chunk)
        every = np.stack([self._weighed(rows, at, seed) for at in (encoder, fitted, best, *path)])
        log_p, bound = every[::2, 0][:2], every[::2, 1][:2]  # of the encoder's λ and of λ*, [2, S, n]
        by_draws = np.concatenate([bound[:, -1:], log_p[:, 1:]], axis=1)  # one draw gives the bound, most surely by all
        return every[:, :, -1], np.moveaxis(by_draws, 1, 0)

    def _optimized(self, rows: np.ndarray, chunk: int) -> np.ndarray:
        """Return λ* [n, Σ2Z] of rows with two λ to start from."""
        steps, flop = self.about.steps, 6.0 * self.part.count_params() * chunk * SAMPLES
        xla = engine.choose("auto", "float32", steps * math.ceil(self.rows / chunk), flop).xla
        return over_rows(self.part, optimized, rows, chunk=chunk, xla=xla, layout=self.layout, steps=steps)

    def _weighed(self, rows: np.ndarray, parameters: np.ndarray, seed: int) -> np.ndarray:
        """Return `Estimate`s by the first draws as an array [3, S, n]."""
        plan = log_likelihood.cut(self.part, self.rows, self.about.samples)
        rows, counts = np.concatenate([rows, parameters], axis=1), _counts(self.about)
        weighing = partial(over_rows, self.part, weighed, chunk=plan.rows, xla=plan.xla, block=plan.block)
        return weighing(rows, seed=seed, layout=self.layout, counts=counts).T


def refined(
    model: HasDensity, rows: tf.Tensor, seed: tf.Tensor, layout: Layout, inference: Inference, tried: tuple[int, ...]
) -> tf.Tensor:
    """Return λ_0, the λ of the fitted inference, and those of T steps of gradient refinement, [B, λ, Σ2Z]."""
    x, y, _ = layout.split(rows)
    start, refiner = inference.initial_parameters(model, x, y), GradientRefined()
    samples = refiner.samples if refiner.test_samples is None else refiner.test_samples
    objective = RefinementObjective(model, x, y, samples)

    def at(steps: tf.Tensor) -> tf.Tensor:
        return layout.joined(refiner.refine(objective, start, steps, FIXED_SEED, False).parameters)

    own = [layout.joined(found) for found in (start, inference.infer(model, x, y, FIXED_SEED))]
    path = tf.map_fn(at, tf.constant(tried), fn_output_signature=tf.float32, parallel_iterations=1)  # one trace of all
    return tf.concat([tf.stack(own, axis=1), tf.transpose(path, [1, 0, 2])], axis=1)


def optimized(model: HasDensity, rows: tf.Tensor, seed: tf.Tensor, layout: Layout, steps: int) -> tf.Tensor:
    """Return λ* of rows, [B, Σ2Z], from the better of the two λ beside them; the same for a row wherever it stands."""
    observed = layout.features + layout.classes
    one, other = tf.split(rows[:, observed:], 2, axis=1)
    (x, y, encoder), (*_, fitted) = (layout.split(tf.concat([rows[:, :observed], at], axis=1)) for at in (one, other))
    start = better(model, fitted, encoder, x, y, FIXED_SEED)
    return layout.joined(local_optimum(model, start, x, y, steps, FIXED_SEED))


def weighed(
    model: HasDensity, rows: tf.Tensor, seed: tf.Tensor, layout: Layout, counts: tuple[int, ...], block: int
) -> tf.Tensor:
    """Return log p, bound and effective sample size of rows with their λ, [B, counts, 3], by the first draws."""
    x, y, parameters = layout.split(rows)
    return log_likelihood.Target(model, x, y).weighed(parameters, counts, block, seed)
