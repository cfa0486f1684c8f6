"""Compiled functions of a trained model over any number of rows, in padded chunks of one size: one trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping

import numpy as np
import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.backend.compile_cache import POOL, copy_of, copy_weights, model_key, weights_read
from ssvae.inference.base import Inference
from ssvae.inference.evidence import log_weights
from ssvae.models.base import Model
from ssvae.models.capabilities import GenerativeClassifier, HasClasses, HasDensity, HasLatents
from ssvae.objective import Objective
from ssvae.readers.base import Rows, RowsInMemory

CHUNK = 512
SMALL_CHUNK, LARGE_CHUNK = 128, 1000  # rows a chunk of `classify`
FIXED_SEED = (20141220, 0)  # seed of refinement where a row's result must not depend on its position
FEW = 32  # rows that NumPy classifies sooner than TensorFlow begins
WORTH_XLA = 2048  # rows a call: more are worth its compilation, a sixth of a second


class _Compiled:
    """One function of a copy of a model, compiled."""

    def __init__(
        self,
        model: Model,
        function: Callable[..., tf.Tensor],
        shape: tuple[int, int],
        xla: bool,
        static: Mapping[str, Hashable],
    ) -> None:
        self.model, self._shape = copy_of(model), shape

        def on_copy(x: tf.Tensor, seed: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
            return function(self.model, x, random.fold(seed, position), **static)

        traced = tf.function(on_copy, autograph=False, jit_compile=xla)
        # Traced here and once: TensorFlow warns of functions that it traces at calls, one for each model.
        with engine.using(engine.Engine(xla=xla)):
            self._call = traced.get_concrete_function(
                tf.TensorSpec(shape, tf.float32), tf.TensorSpec([2], tf.int32), tf.TensorSpec([], tf.int32)
            )
        self._read = weights_read(self._call, self.model)

    @property
    def parameters(self) -> int:
        """See `compile_cache.Program`."""
        return self.model.count_params()

    def take_weights(self, model: Model) -> None:
        """Compute with the weights of a model."""
        copy_weights(model, self.model, self._read)

    def __call__(self, rows: np.ndarray, seed: tf.Tensor, position: int) -> np.ndarray:
        """Return the values of at most a chunk of rows, the chunk at this position."""
        padded = rows
        if len(rows) < self._shape[0]:
            padded = np.zeros(self._shape, np.float32)
            padded[: len(rows)] = rows
        return self._call(tf.constant(padded), seed, tf.constant(position)).numpy()[: len(rows)]


def over_rows(
    model: Model,
    function: Callable[..., tf.Tensor],
    x: Rows,
    seed: int = 0,
    chunk: int = CHUNK,
    xla: bool = False,
    prepare: Callable[[RowsInMemory], RowsInMemory] = np.asarray,
    **static: Hashable,
) -> np.ndarray:
    """Return function(model, x, seed, **static) for all rows; beside x and the result, memory holds a chunk.

    Parameters
    ----------
    model : Model
    function : callable
        A module-level function of (model, x [chunk, D], seed [2]) -> [chunk, ...].
    x : ndarray [N, D]
    seed : int
        For functions that draw; the draws of a row depend on its position.
    chunk : int
        Rows a call; the last one is padded.
    xla : bool
        Whether XLA compiles the function.
    prepare : callable
        What to do to the rows of a chunk, [B, D] -> [B, D']; float32 comes after it.
    **static
        Settings of the function.

    Returns
    -------
    ndarray [N, ...]
    """
    given, columns = model_key(model), prepare(x[:1]).shape[1]
    own = (function.__qualname__, chunk, columns, xla, tuple(sorted(static.items())))
    base, found = random.seed_tensor(seed), np.empty(0)
    key = None if given is None else (given, *own)
    with POOL.lend(key, lambda: _Compiled(model, function, (chunk, columns), xla, static)) as program:
        program.take_weights(model)
        for start in range(0, len(x), chunk):
            rows = np.asarray(prepare(x[start : start + chunk]), np.float32)
            result = program(rows, base, start // chunk)
            if not start:
                found = np.empty((len(x), *result.shape[1:]), result.dtype)
            found[start : start + chunk] = result
    return found


def classify(
    model: Model,
    x: Rows,
    inference: Inference,
    prepare: Callable[[RowsInMemory], RowsInMemory] = np.asarray,
    few: int = FEW,
) -> np.ndarray:
    """Return q(y | x) of all rows, [N, K]: few rows must not wait, and are for NumPy or a small chunk; XLA for many."""
    if len(x) <= few and _in_numpy(model, inference):
        logits = model.classify_in_numpy(np.asarray(prepare(x[:]), np.float32))
        if logits is not None:
            return _softmax(logits)
    many = len(x) > WORTH_XLA
    chunk = LARGE_CHUNK if many else SMALL_CHUNK
    return over_rows(model, probabilities, x, chunk=chunk, xla=many, prepare=prepare, inference=inference)


def _in_numpy(model: HasClasses, inference: Inference) -> bool:
    """Say whether `classify_in_numpy` is what `probabilities` computes: nothing of that was overridden alone."""
    own, *others = (
        next(place for place, each in enumerate(type(model).__mro__) if name in vars(each))
        for name in ("classify_in_numpy", "classify", "class_model")
    )
    return own <= min(others) and type(inference).infer is Inference.infer


def _softmax(logits: np.ndarray) -> np.ndarray:
    relative = np.exp(logits - logits.max(axis=1, keepdims=True))
    return relative / relative.sum(axis=1, keepdims=True)


def classify_by_bayes(
    model: Model,
    x: Rows,
    samples: int,
    inference: Inference,
    prepare: Callable[[RowsInMemory], RowsInMemory] = np.asarray,
    at_mean: bool = False,
) -> np.ndarray:
    """Return p(y) p(x | y), normalised over y, of all rows, [N, K], by this many importance samples a class.

    With `at_mean` it is `bayes_at_mean`, which is the same for a model that is no stack.
    """
    chunk, function = max(1, 10 * CHUNK // (model.classes * samples)), bayes_at_mean if at_mean else bayes
    return over_rows(model, function, x, chunk=chunk, prepare=prepare, samples=samples, inference=inference)


def probabilities(model: HasClasses, x: tf.Tensor, seed: tf.Tensor, inference: Inference) -> tf.Tensor:
    """q(y | x), [B, K]; where the class is read from latents, from their refined means."""
    part, x = model.class_model(x, inference.at(FIXED_SEED))
    return tf.nn.softmax(part.classify(x))


def latents(model: HasLatents, x: tf.Tensor, seed: tf.Tensor, inference: Inference) -> tf.Tensor:
    """Return what `transform` returns, [B, Z]."""
    return model.latents(x, inference.at(FIXED_SEED))


def parameters(model: HasDensity, x: tf.Tensor, seed: tf.Tensor, inference: Inference) -> tf.Tensor:
    """λ of the only latent of a part without classes, [B, 2Z]."""
    (only,) = inference.infer(model, x, None, FIXED_SEED).values()
    return only


def bayes(model: GenerativeClassifier, x: tf.Tensor, seed: tf.Tensor, samples: int, inference: Inference) -> tf.Tensor:
    """p(y) p(x | y), normalised over y, with p(x | y) by importance sampling over all latents, [B, K].

    p(x | y) ≈ 1/S Σ_s p(x, z_s | y) / q(z_s | x, y), z_s ~ q(z | x, y). In M1+M2 z = (z1, z2), and a weight is

        w_s = p(x | z1) p(z1 | y, z2) p(z2) / [q(z1 | x) q(z2 | z1, y)],   z1 ~ q(z1 | x), z2 ~ q(z2 | z1, y).

    M2 gives the density of u = (z1[active] − shift) / scale, the columns that `networks.selection` keeps; by change of
    variables p(z1 | y, z2) = p(u | y, z2) ∏ 1/scale · N(z1[inactive]; 0, I), where columns that were dropped have the
    prior that M1 was trained with. So every weight is a density of x itself: E_q[w] = p(x | y), with
    p(x | y) = ∫∫ p(z2) p(z1 | y, z2) p(x | z1) dz1 dz2. All classes see the same z1, so that the part of the weights'
    noise that comes from p(x | z1) / q(z1 | x) is common to them.

    References
    ----------
    Semi-Supervised Learning with Deep Generative Models (Kingma et al. 2014), the fully supervised experiment of §4.4.
    """
    return _by_bayes(model, x, seed, samples, inference)


def bayes_at_mean(
    model: GenerativeClassifier, x: tf.Tensor, seed: tf.Tensor, samples: int, inference: Inference
) -> tf.Tensor:
    """p(y) p(z1 | y) under M2 alone, normalised over y, with z1 the mean of q(z1 | x), [B, K]; `bayes` for no stack.

    Quick, as x is not decoded, and blind to how uncertain z1 is: not p(y | x) of the whole model.
    """
    part, x = model.class_model(x, inference.at(FIXED_SEED))
    return _by_bayes(part, x, seed, samples, inference)


def _by_bayes(
    model: GenerativeClassifier, x: tf.Tensor, seed: tf.Tensor, samples: int, inference: Inference
) -> tf.Tensor:
    y = tf.eye(model.classes)[:, tf.newaxis, :]
    observed = model.likelihood.observe(x, random.fold(seed, 0))
    found = inference.parameters(model, observed, y, random.fold(seed, 2))
    weights = log_weights(model, found, observed, y, samples, random.fold(seed, 1))
    weights = weights if samples > 1 else weights[tf.newaxis]
    evidence = tf.reduce_logsumexp(weights, axis=0) - math.log(samples)
    return tf.nn.softmax(tf.transpose(evidence) + model.log_class_prior())


def bound(model: HasDensity, x: tf.Tensor, seed: tf.Tensor, objective: Objective) -> tf.Tensor:
    """U(x), or the bound of log p(x) of a model without classes, [B], nats."""
    observed, logits = model.likelihood.observe(x, random.fold(seed, 0)), None
    if isinstance(model, GenerativeClassifier):  # of the refined latents, as in `probabilities`
        part, features = model.class_model(observed, objective.inference.at(FIXED_SEED))
        logits = part.classify(features)
    return objective.unlabelled(model, observed, random.fold(seed, 1), logits=logits)


def labelled_bound(model: GenerativeClassifier, x: tf.Tensor, seed: tf.Tensor, objective: Objective) -> tf.Tensor:
    """L(x, y) of every class, [B, K], nats."""
    observed = model.likelihood.observe(x, random.fold(seed, 0))
    every = tf.eye(model.classes)[:, tf.newaxis, :]
    return tf.transpose(objective.labelled(model, observed, every, random.fold(seed, 1)))


def reconstruction(model: HasDensity, x: tf.Tensor, seed: tf.Tensor, inference: Inference) -> tf.Tensor:
    """Mean of p(x | z, y) at the posterior means, y the most probable class, [B, D]."""
    y, infer = None, inference.at(FIXED_SEED)
    if isinstance(model, GenerativeClassifier):
        part, features = model.class_model(x, infer)
        logits = part.classify(features)
        y = tf.one_hot(tf.argmax(logits, axis=-1), logits.shape[-1])
    return model.decode(model.posterior_means(x, y, infer), y).mean()


def analogies(
    model: GenerativeClassifier, xy: tf.Tensor, seed: tf.Tensor, features: int, inference: Inference
) -> tf.Tensor:
    """Mean of p(x | z, y') for every class y', z the posterior mean under the row's own class, [B, K, D].

    Parameters
    ----------
    xy : Tensor [B, D + K]
        Rows and their own class, one-hot.
    """
    x, own = xy[:, :features], xy[:, features:]
    every = tf.eye(own.shape[-1])[:, tf.newaxis, :]
    return tf.transpose(model.analogies(x, own, every, inference.at(FIXED_SEED)), [1, 0, 2])


def draw(model: HasDensity, rows: int, index: np.ndarray | None, seed: int) -> np.ndarray:
    """Return the means of p(x | z, y) for z from the prior, [rows, D]; y from class indices [rows], or from p(y)."""
    key, y = random.seed_tensor(seed), None
    if isinstance(model, GenerativeClassifier):
        if index is None:
            logits = model.log_class_prior()[tf.newaxis]
            index = tf.random.stateless_categorical(logits, rows, random.fold(key, 0))[0]
        y = tf.one_hot(index, model.classes)
    return np.array(model.decode(model.prior_sample(y, rows, random.fold(key, 1)), y).mean())
