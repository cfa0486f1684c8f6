"""Sampling the posterior of a Bayes net by Markov chain Monte Carlo."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ssvae.backend import fork_guard
from ssvae.bayes_nets.base import Data
from ssvae.bayes_nets.chains import Chains
from ssvae.bayes_nets.check import check_gradient, check_start
from ssvae.bayes_nets.choose_form import choose_form
from ssvae.bayes_nets.draws import Draws
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.bayes_nets.samplers import SAMPLERS
from ssvae.bayes_nets.samplers.base import Sampler, Trace
from ssvae.settings.checks import one_of, whole

ENGINES = ("xla", "graph")


class Pilot(NamedTuple):
    """The short runs by which a form is chosen."""

    chains: int
    draws: int
    warm_up: int


PILOT = Pilot(chains=8, draws=200, warm_up=300)


def sample(
    net: BayesNet,
    data: Data,
    *,
    form: str | Mapping[str, str] = "auxiliary",
    sampler: str | Mapping[str, object] | Sampler = "hmc",
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
        Its latents are drawn.
    data : dict of array [rows, ...]
        By the names of the observed nodes.
    form : "auto", "original", "auxiliary" or dict by latent
        "auto" chooses by short runs in both (`choose_form`).
    sampler : str, dict or Sampler
        "hmc", "nuts" or "chees".
    chains : int
        For each row.
    draws, warm_up : int
        Steps that are kept, and steps before them in which the kernel adapts itself.
    seed : int
        Decides the draws.
    metric : "unit", "diagonal" or "dense", optional
        Mass matrix of the chains, learnt in the warm-up (`mass_matrix.MassMatrix`); by default "diagonal", for
        "chees" "unit".
    engine : "xla" or "graph"
        "graph" is ready in a tenth of the time, and slower after that.
    progress : callable, optional
        Receives steps done and steps in all.

    Returns
    -------
    Draws
        Values by latent, with diagnostics.

    Raises
    ------
    ValueError
        If a number is out of range, or a density or gradient at the start is not finite (`bayes_nets.check`).
    RuntimeError
        If TensorFlow would hang in this process (`ssvae.backend.fork_guard`).
    """
    fork_guard.check()
    _check(chains, draws, warm_up, engine)
    begin = time.perf_counter()
    if form == "auto":
        short = PILOT._replace(chains=max(chains, PILOT.chains))._asdict()
        pilot = partial(sample, net, data, sampler=sampler, seed=seed, metric=metric, engine=engine, **short)
        form = choose_form(lambda form: pilot(form=form), net)
    density = PosteriorDensity(net, data, form)
    start = net.sample((chains, density.rows), seed)
    check_start(net, density.data, start)
    built: Sampler = SAMPLERS.build(sampler)
    state = density.state(start)
    check_gradient(density, state)
    report = progress or (lambda done, total: None)
    with Chains(density, built, state, warm_up, seed, engine, metric or built.metric) as run:
        for _ in run.warm():
            report(run.done, warm_up + draws)
        middle = time.perf_counter()
        kept = []
        for found in run.walk(draws):
            kept.append(found)
            report(run.done, warm_up + draws)
    seconds, before = time.perf_counter() - middle, middle - begin
    return _draws(density, kept, seconds, before)


def _draws(density: PosteriorDensity, kept: list[tuple[np.ndarray, Trace]], seconds: float, before: float) -> Draws:
    states = np.concatenate([part for part, _ in kept])
    trace = Trace(*(np.concatenate(part) for part in zip(*(part for _, part in kept), strict=True)))
    values = {name: value.numpy() for name, value in density.values(tf.constant(states)).items()}
    return Draws(values, trace.accepted, trace.divergent, int(trace.gradients.sum()), seconds, before, density.form)


def _check(chains: int, draws: int, warm_up: int, engine: str) -> None:
    for name, value, least in (("chains", chains, 1), ("draws", draws, 1), ("warm_up", warm_up, 0)):
        whole(name, value, least)
    one_of("engine", engine, ENGINES)
