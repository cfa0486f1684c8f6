"""log p(x) of every row by importance sampling, with any number of draws in bounded memory.

References
----------
Importance Weighted Autoencoders (Burda, Grosse and Salakhutdinov, 2016), eq. 8: in expectation the estimate is at most
log p(x), and rises with S.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.inference.base import Inference
from ssvae.inference.evidence import log_weights
from ssvae.models.base import Model
from ssvae.models.capabilities import GenerativeClassifier, HasDensity, Parameters, class_count
from ssvae.prediction import FIXED_SEED, over_rows
from ssvae.readers.base import Rows

ROWS, PART = 64, 1024  # rows a call, and between two reports of progress
NUMBERS = 2**21  # float32 of the widest layer at once: more would leave the processor's caches (8 MiB)
Progress = Callable[[int, int], None]  # rows that are done, rows in all


class Estimate(NamedTuple):
    """Estimates by S draws a row: w_s = p(x, z_s) / q(z_s), or Σ_y p(y) p(x, z_ys | y) / q(z_ys | y) with classes."""

    log_p: np.ndarray  # [N] log 1/S Σ_s w_s, nats
    bound: np.ndarray  # [N] mean_s log w_s, the ELBO, nats; with classes that of the best q(y), log Σ_y p(y) exp ELBO_y
    effective: np.ndarray  # [N] (Σ_s w_s)² / Σ_s w_s², effective sample size, 1 to S


class Plan(NamedTuple):
    """How the work on N rows is split."""

    rows: int  # a call
    block: int  # draws a row at once
    xla: bool


def estimate(
    model: Model, x: Rows, samples: int, inference: Inference, seed: int = 0, progress: Progress | None = None
) -> Estimate:
    """Return log p(x) of all rows with q at the λ that the inference method finds once for each row (and class).

    Parameters
    ----------
    model : Model
        With a density.
    x : ndarray [N, D]
        Preprocessed and `observed`.
    samples : int
        S, draws a row (and class).
    inference : Inference
    seed : int
        The draws of a row depend on it and on the row's position.
    progress : callable, optional
        Receives the number of rows that are done, and of all.
    """
    plan = cut(model, len(x), samples, class_count(model))
    importance_weighted = partial(
        over_rows, model, importance, chunk=plan.rows, xla=plan.xla, samples=samples, block=plan.block
    )
    found = [
        importance_weighted(x[rows], seed=own, inference=inference) for rows, own in parts(len(x), PART, seed, progress)
    ]
    return Estimate(*np.concatenate(found).T.astype(np.float64))


def parts(rows: int, size: int, seed: int, progress: Progress | None = None) -> Iterator[tuple[slice, int]]:
    """Yield at most `size` rows after another, each with a seed of its own; report how many are done."""
    for position, start in enumerate(range(0, rows, size)):
        own = np.random.SeedSequence([seed, position]).generate_state(1)[0]
        yield slice(start, min(start + size, rows)), int(own >> 1)
        if progress is not None:
            progress(min(start + size, rows), rows)


def observed(model: Model, x: Rows, seed: int) -> Rows:
    """Return the values [N, D] that the likelihood scores, grey levels binarised: those of `bound` with this seed."""
    if not model.likelihood.observes:
        return x  # as they are; a sparse table stays one
    return over_rows(model, values, x, seed=seed)


def values(model: HasDensity, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return x as `prediction.bound` scores it, [B, D]."""
    return model.likelihood.observe(x, random.fold(seed, 0))


def steps(inference: Inference) -> int:
    """Return how many steps refine λ outside training; 0 where the recognition network's are used as they are."""
    return inference.refinement_steps(training=False)


def cut(model: Model, rows: int, samples: int, classes: int = 1) -> Plan:
    """Return rows a call and draws a block for N rows and S draws, such that no layer is larger than `NUMBERS`."""
    width = classes * max(side for weight in model.weights for side in weight.shape)
    chunk = max(1, min(ROWS, 2 ** math.ceil(math.log2(rows)), NUMBERS // width))
    blocks = math.ceil(samples / max(1, NUMBERS // (width * chunk)))
    block = math.ceil(samples / blocks)
    flop = 2.0 * model.count_params() * classes * chunk * block
    return Plan(chunk, block, engine.choose("auto", "float32", blocks * math.ceil(rows / chunk), flop).xla)


def importance(
    model: HasDensity, x: tf.Tensor, seed: tf.Tensor, samples: int, block: int, inference: Inference
) -> tf.Tensor:
    """Return log p, bound and effective sample size of each row, [B, 3], the class summed out."""
    y, log_prior = None, None
    if isinstance(model, GenerativeClassifier):
        y, log_prior = tf.eye(model.classes)[:, tf.newaxis, :], model.log_class_prior()
    parameters = inference.parameters(model, x, y, FIXED_SEED)
    return Target(model, x, y, log_prior).weighed(parameters, [samples], block, seed)[:, 0]


class Target(NamedTuple):
    """Of what the draws are weighed: log p(x | y), or log p(x) where classes have a prior here."""

    model: HasDensity
    x: tf.Tensor  # [B, D]
    y: tf.Tensor | None = None  # [..., B or 1, K]
    log_prior: tf.Tensor | None = None  # [K]: y is every class, to be summed out

    def weighed(self, parameters: Parameters, counts: Sequence[int], block: int, seed: tf.Tensor) -> tf.Tensor:
        """Return log p, bound and effective sample size at λ, [B, counts, 3], by the first S draws for every S.

        Of the draws one block is in memory.
        """
        samples = max(counts)

        def body(done: tf.Tensor, sums: list[_Sums]) -> tuple[tf.Tensor, list[_Sums]]:
            weights = log_weights(self.model, parameters, self.x, self.y, block, random.fold(seed, done))
            weights = weights if block > 1 else weights[tf.newaxis]
            each = zip(sums, counts, strict=True)
            return done + block, [own.with_draws(weights, self.log_prior, done, count) for own, count in each]

        start = (tf.constant(0), [_Sums.start(self.x, self.log_prior) for _ in counts])
        limits = {"parallel_iterations": 1, "maximum_iterations": math.ceil(samples / block)}
        _, sums = tf.while_loop(lambda done, _: done < samples, body, start, **limits)
        found = [own.result(self.log_prior, count) for own, count in zip(sums, counts, strict=True)]
        return tf.stack(found, axis=1)


class _Sums(NamedTuple):
    """What is kept of the draws so far; weights are relative to the largest one, so that none overflows."""

    peak: tf.Tensor  # [B] largest log w
    total: tf.Tensor  # [B] Σ w / exp(peak)
    squares: tf.Tensor  # [B] Σ (w / exp(peak))²
    first: tf.Tensor  # [B], or of each class [K, B]: log w of the first draw
    mean: tf.Tensor  # the same: mean of log w less the first, which float32 holds to more digits than the mean itself

    @classmethod
    def start(cls, x: tf.Tensor, log_prior: tf.Tensor | None) -> _Sums:
        zero = tf.zeros_like(x[:, 0])
        each = zero if log_prior is None else tf.zeros([log_prior.shape[0], x.shape[0]])
        return cls(zero + tf.float32.min, zero, zero, each, each)

    def with_draws(self, weights: tf.Tensor, log_prior: tf.Tensor | None, done: tf.Tensor, samples: int) -> _Sums:
        """Add log w [block, ..., B] of draws number `done` and on, as many as there are to be."""
        real = tf.reshape(done + tf.range(weights.shape[0]) < samples, [-1] + [1] * (len(weights.shape) - 1))
        count = tf.cast(tf.minimum(done + weights.shape[0], samples), tf.float32)
        first = tf.where(tf.equal(done, 0), weights[0], self.first)
        mean = self.mean + tf.reduce_sum(tf.where(real, weights - first - self.mean, 0.0), axis=0) / count
        joint = weights if log_prior is None else tf.reduce_logsumexp(weights + log_prior[:, tf.newaxis], axis=1)
        joint = tf.where(tf.reshape(real, [-1, 1]), joint, -math.inf)
        peak = tf.maximum(self.peak, tf.reduce_max(joint, axis=0))
        each, before = tf.exp(joint - peak), tf.exp(self.peak - peak)
        total = before * self.total + tf.reduce_sum(each, axis=0)
        squares = tf.square(before) * self.squares + tf.reduce_sum(tf.square(each), axis=0)
        return _Sums(peak, total, squares, first, mean)

    def result(self, log_prior: tf.Tensor | None, samples: int) -> tf.Tensor:
        """Return log p, bound and effective sample size, [B, 3]."""
        log_p = self.peak + tf.math.log(self.total) - math.log(samples)
        bound = self.first + self.mean
        if log_prior is not None:
            bound = tf.reduce_logsumexp(bound + log_prior[:, tf.newaxis], axis=0)
        return tf.stack([log_p, bound, tf.square(self.total) / self.squares], axis=1)
