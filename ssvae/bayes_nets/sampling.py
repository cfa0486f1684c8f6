"""Sampling the posterior of a Bayes net."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ssvae.backend import fork_guard
from ssvae.bayes_nets.chains import Chains
from ssvae.bayes_nets.check import check_slope, check_start
from ssvae.bayes_nets.choose_form import choose_form
from ssvae.bayes_nets.draws import Draws
from ssvae.bayes_nets.forms import Target
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.samplers import SAMPLERS
from ssvae.bayes_nets.samplers.base import Trace
from ssvae.settings.checks import whole

ENGINES = ("xla", "graph")


class Pilot(NamedTuple):
    """The short runs that a form is chosen by."""

    chains: int
    draws: int
    warm_up: int


PILOT = Pilot(chains=8, draws=200, warm_up=300)


def sample(
    net: BayesNet,
    data: Mapping[str, Any],
    *,
    form: str | Mapping[str, str] = "auxiliary",
    sampler: Any = "hmc",
    chains: int = 4,
    draws: int = 1000,
    warm_up: int = 500,
    seed: int = 0,
    metric: str | None = None,
    engine: str = "xla",
    progress: Callable[[int, int], None] | None = None,
) -> Draws:
    """Draw from p(z | x), rows and chains together.

    Parameters
    ----------
    net : BayesNet
    data : dict of array [rows, ...]
        By the names of the observed nodes.
    form : "auto", "original", "auxiliary" or dict by latent
        "auto" chooses by short runs in both (`choose_form`).
    sampler : str, dict or Sampler
        "hmc", "nuts" or "chees".
    chains : int
        Of each row.
    draws, warm_up : int
        Steps that are kept, and steps before them in which the kernel adapts itself.
    seed : int
    metric : "unit", "diagonal" or "dense", optional
        Of the coordinates that chains move in, learnt in the warm-up (`metric.Metric`); by default "diagonal", of
        "chees" "unit".
    engine : "xla" or "graph"
        "graph" is ready in a tenth of the time, and slower after that.
    progress : callable, optional
        Told steps done and steps in all.

    Raises
    ------
    ValueError
        If a number is out of range, or a density at the start point is none (`bayes_nets.check`).
    RuntimeError
        If TensorFlow would hang in this process (`ssvae.backend.fork_guard`).
    """
    fork_guard.check()
    _check(chains, draws, warm_up, engine)
    begin = time.perf_counter()
    if form == "auto":
        pilot = {
            "sampler": sampler,
            "chains": max(chains, PILOT.chains),
            "engine": engine,
            "metric": metric,
            "seed": seed,
        }
        form = choose_form(sample, net, data, **pilot, draws=PILOT.draws, warm_up=PILOT.warm_up)
    target = Target(net, data, form)
    start = net.sample((chains, target.rows), seed)
    check_start(net, target.data, start)
    kind, state = SAMPLERS.build(sampler), target.state(start)
    check_slope(target, state)
    chain = Chains(target, kind, state, warm_up, seed, engine, metric or kind.metric)
    tell = progress or (lambda done, total: None)
    for _ in chain.warm():
        tell(chain.done, warm_up + draws)
    middle = time.perf_counter()
    kept = []
    for found in chain.walk(draws):
        kept.append(found)
        tell(chain.done, warm_up + draws)
    seconds, before = time.perf_counter() - middle, middle - begin
    states = np.concatenate([part for part, _ in kept])
    trace = Trace(*(np.concatenate(part) for part in zip(*(told for _, told in kept), strict=True)))
    values = {name: value.numpy() for name, value in target.values(tf.constant(states)).items()}
    return Draws(values, trace.accepted, trace.divergent, int(trace.gradients.sum()), seconds, before, target.form)


def _check(chains: int, draws: int, warm_up: int, engine: str) -> None:
    for name, value, least in (("chains", chains, 1), ("draws", draws, 1), ("warm_up", warm_up, 0)):
        whole(name, value, least)
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {list(ENGINES)}, got {engine!r}")
