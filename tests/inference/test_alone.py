"""Outside training the λ found for a row do not depend on the rows beside it, nor on its place."""

import numpy as np
import pytest
import tensorflow as tf

from ssvae.backend import engine, random
from ssvae.gradients.pathwise import Pathwise
from ssvae.inference.amortized import Amortized
from ssvae.inference.ascent import UNROLLED
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.inference.iterative import Iterative
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models.hierarchical import Hierarchical
from ssvae.models.m1 import M1
from ssvae.models.m2 import M2

D, K, ROWS = 5, 3, 7
RNG = np.random.default_rng(0)
X = RNG.uniform(size=(ROWS, D)).round().astype(np.float32)
SEED = (20141220, 0)
EVERY = tf.eye(K)[:, None, :]
ENCODINGS = ("data", "log_sign", "parameters", "normalized_errors")
METHODS = {
    "one_draw": GradientRefined(steps=2),
    "pairs": GradientRefined(steps=2, samples=4, metric="plain", rate=0.1),
    "line_search": GradientRefined(steps=2, samples=4, line_search=True),
    "loop": GradientRefined(test_steps=UNROLLED + 1),
    "iterative": Iterative(steps=2, hidden=(6,), encodings=ENCODINGS),
    "iterative_pairs": Iterative(steps=2, samples=2, hidden=(6, 6), encodings=ENCODINGS, start="prior"),
}
HIERARCHY = {"latent": (3, 2), "hidden": 6, "depth": 2, "normalization": "batch"}
MODELS = {
    "m1": lambda update: M1(D, Bernoulli(), latent=2, hidden=[4], update=update),
    "m2": lambda update: M2(D, K, Bernoulli(), latent=2, hidden=[4], update=update),
    "hierarchical": lambda update: Hierarchical(D, Bernoulli(), **HIERARCHY, update=update),
    "ladder": lambda update: Hierarchical(D, Bernoulli(), **HIERARCHY, top_down="ladder", update=update),
}

QUICK = {
    "m1": ("one_draw", "loop", "iterative"),
    "m2": ("pairs", "line_search", "iterative_pairs"),
    "hierarchical": ("one_draw", "iterative"),
    "ladder": ("line_search", "iterative_pairs"),
}


def made(kind, method):
    """Return a model, its weights off their start, whose batch normalisation has seen rows.

    Its updates are small: untrained ones go far, where gradients are large and rounding grows from step to step.
    """
    model, rng = MODELS[kind](METHODS[method].update), np.random.default_rng(3)
    of_updates = {id(weight) for network in model.updates.values() for weight in network.weights}
    for weight in model.trainable_weights:
        off, share = rng.normal(size=weight.shape), 0.3 if id(weight) in of_updates else 1.0
        weight.assign(share * (np.array(weight) + 0.2 * off))
    with engine.using(engine.Engine(training=True)):
        Amortized().bound(model, X, EVERY if kind == "m2" else None, Pathwise(), random.seed_tensor(0))
    return model


def pairs() -> list:
    """Return every model with every method, those marked slow that a change would hardly fail alone."""
    every = [(kind, method) for kind in MODELS for method in METHODS]
    marks = [() if method in QUICK[kind] else pytest.mark.slow for kind, method in every]
    return [pytest.param(*pair, marks=mark, id="-".join(pair)) for pair, mark in zip(every, marks, strict=True)]


@pytest.mark.parametrize(("kind", "method"), pairs())
def test_a_row_is_refined_alone_as_among_others(kind, method):
    model, y = made(kind, method), EVERY if kind == "m2" else None

    def infer(x):
        found = METHODS[method].infer(model, tf.constant(x), y, SEED)
        return {name: np.moveaxis(value.numpy(), -2, 0) for name, value in found.items()}  # rows first

    together, order = infer(X), RNG.permutation(ROWS)
    ways = {"moved": (infer(X[order]), order), "alone": (infer(X[3:4]), [3])}
    ways["padded"] = infer(np.concatenate([X[5:], np.zeros((4, D), np.float32)])), [5, 6]
    for way, (found, rows) in ways.items():
        for name, value in together.items():
            np.testing.assert_allclose(found[name][: len(rows)], value[rows], rtol=1e-4, atol=1e-5, err_msg=way)
    first = model.encode(tf.constant(X), y)
    assert all(np.abs(np.moveaxis(first[name].numpy(), -2, 0) - v).max() > 0.01 for name, v in together.items())


@pytest.mark.parametrize("method", ["one_draw", "iterative"])
def test_training_gives_every_row_noise_of_its_own(method):
    model = made("m1", method)
    seen = []
    model.recognise = lambda x, y, infer: seen.append(infer(model, x, y)) or seen[-1]
    for training in (False, True):
        METHODS[method].bound(model, np.repeat(X[:1], 5, axis=0), None, Pathwise(), random.seed_tensor(0), training)
    outside, inside = (found["z"].numpy() for found in seen)
    np.testing.assert_allclose(outside, np.repeat(outside[:1], 5, axis=0), rtol=1e-5, atol=1e-6)
    assert len(np.unique(inside[:, 0].round(5))) == 5
