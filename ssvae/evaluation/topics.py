"""Topics: the words that each latent makes more probable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ssvae.distributions import given, reads
from ssvae.models.base import Model
from ssvae.models.capabilities import HasClasses, HasDensity


class Topic(NamedTuple):
    """One latent, by what raising it from 0 to 1 does to the words."""

    latent: str  # its variable and number, such as "z1[3]"
    strength: float  # KL(p(word | 1) || p(word | 0)), nats a word
    words: tuple[str, ...]  # those that add most to it, the first most


def topics(model: Model, words: Sequence[str], top: int = 10) -> list[Topic]:
    """Return a topic for each latent that p(x | ·) sees, the strongest first; with classes, their mean.

    The other latents are 0: absent, or at the mean of their prior.

    Parameters
    ----------
    model : Model
        Of counts of words.
    words : sequence of str
        The columns of x.
    top : int
        Words a topic.

    Raises
    ------
    ValueError
        If the model has no density, its x are no words, or there are not as many names as columns.
    """
    if not isinstance(model, HasDensity) or not model.likelihood.of_counts:
        raise ValueError("topics are of models of word counts: fit with likelihood='multinomial' or 'poisson'")
    if len(words) != model.features:
        raise ValueError(f"the model has {model.features} columns, {len(words)} words were given")
    found = []
    for name, width in _seen(model).items():
        off, on = (_log_shares(model, name, each) for each in (np.zeros((1, width)), np.eye(width)))
        added = np.exp(on) * (on - off)  # [width, D], terms of the divergence
        for number, terms in enumerate(added):
            chosen = np.argsort(-terms, kind="stable")[:top]
            found.append(Topic(f"{name}[{number}]", float(terms.sum()), tuple(str(words[i]) for i in chosen)))
    return sorted(found, key=lambda topic: -topic.strength)


def _seen(model: HasDensity) -> dict[str, int]:
    """Return the latents that p(x | ·) reads, and their widths."""
    y = tf.eye(model.classes)[:1] if isinstance(model, HasClasses) else None
    values = model.prior_sample(y, 1, tf.zeros([2], tf.int32))
    names = reads(model.joint(y)["x"], values)
    return {name: int(values[name].shape[-1]) for name in values if name in names}


def _log_shares(model: HasDensity, name: str, values: np.ndarray) -> np.ndarray:
    """Return log p(word | latent) for values [R, width] of one latent, the others 0, [R, D]."""
    widths = _seen(model)
    every = {other: tf.zeros([len(values), width]) for other, width in widths.items()}
    every[name] = tf.constant(values, tf.float32)
    y = tf.eye(model.classes)[:, tf.newaxis, :] if isinstance(model, HasClasses) else None
    mean = np.array(given(model.joint(y)["x"], every).mean(), np.float64).reshape(-1, len(values), model.features)
    shares = mean.mean(axis=0)
    return np.log(np.maximum(shares / shares.sum(axis=1, keepdims=True), 1e-30))
