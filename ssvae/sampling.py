"""Draws from the posterior of a Bayes net, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ssvae import diagnostics, noise
from ssvae.bayes_nets.check import check_start
from ssvae.bayes_nets.forms import Target
from ssvae.bayes_nets.net import BayesNet
from ssvae.choose_form import choose_form
from ssvae.samplers import SAMPLERS
from ssvae.samplers.base import Trace

ENGINES = ("xla", "graph")


class Pilot(NamedTuple):
    """The short runs that a form is chosen by."""

    chains: int
    draws: int
    warm_up: int


PILOT = Pilot(chains=8, draws=200, warm_up=300)
CHUNK = 100  # steps of one call, after which progress is shown and draws leave the device


@dataclass(frozen=True)
class Draws:
    """Draws from a posterior.

    Attributes
    ----------
    values : dict of array [draws, chains, rows, *shape]
        By the names of the latents.
    accepted : array [draws, chains, rows]
        Probability of acceptance.
    divergent : array [draws, chains, rows]
    gradients : int
        Of each chain, for these draws; those of the warm-up are not counted.
    seconds : float
        For these draws, without compilation and warm-up.
    before : float
        Seconds before the first draw: compilation and warm-up.
    form : dict
        Of each latent.
    """

    values: dict[str, np.ndarray]
    accepted: np.ndarray
    divergent: np.ndarray
    gradients: int
    seconds: float
    before: float
    form: dict[str, str]

    def ess(self) -> dict[str, np.ndarray]:
        """Return the bulk effective sample size of every number, [rows, *shape]."""
        return {name: diagnostics.bulk_ess(value) for name, value in self.values.items()}

    def least_ess(self) -> float:
        """Return the least bulk effective sample size of all numbers."""
        return float(min(np.min(found) for found in self.ess().values()))

    def report(self) -> dict[str, float]:
        """Return the worst of every diagnostic over all numbers."""
        worst = {"ess_bulk": self.least_ess()}
        worst["ess_tail"] = float(min(np.min(diagnostics.tail_ess(v)) for v in self.values.values()))
        worst["r_hat"] = float(max(np.max(diagnostics.r_hat(v)) for v in self.values.values()))
        chains = self.accepted.shape[1]
        worst["ess_per_gradient"] = worst["ess_bulk"] / (self.gradients * chains)
        worst["ess_per_second"] = worst["ess_bulk"] / self.seconds
        return worst | {"accepted": float(self.accepted.mean()), "divergent": float(self.divergent.mean())}

    def to_arviz(self) -> Any:
        """Return the draws as ArviZ has them: chains first, then draws; needs the package arviz.

        Raises
        ------
        ImportError
            If arviz is not installed.
        """
        try:
            import arviz
        except ImportError as error:
            raise ImportError("to_arviz needs ArviZ: pip install 'ssvae[arviz]'") from error
        stats = {"acceptance_rate": self.accepted, "diverging": self.divergent}
        groups = {
            group: {name: np.moveaxis(value, 1, 0) for name, value in of.items()}
            for group, of in (("posterior", self.values), ("sample_stats", stats))
        }
        old = arviz.__version__.startswith("0.")  # before 1.0 groups were arguments
        return arviz.from_dict(**groups) if old else arviz.from_dict(groups)


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
    engine : "xla" or "graph"
        "graph" is ready in a tenth of the time, and slower after that.
    progress : callable, optional
        Told steps done and steps in all.

    Raises
    ------
    ValueError
        If a number is out of range, or a density at the start point is none (`bayes_nets.check`).
    """
    for name, value, least in (("chains", chains, 1), ("draws", draws, 1), ("warm_up", warm_up, 0)):
        if int(value) != value or value < least:
            raise ValueError(f"{name} must be an integer >= {least}, got {value!r}")
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {list(ENGINES)}, got {engine!r}")
    begin = time.perf_counter()
    if form == "auto":
        pilot = {"sampler": sampler, "chains": max(chains, PILOT.chains), "engine": engine, "seed": seed}
        form = choose_form(net, data, **pilot, draws=PILOT.draws, warm_up=PILOT.warm_up)
    target = Target(net, data, form)
    start = net.sample((chains, target.rows), seed)
    check_start(net, target.data, start)
    chain = Chains(target, SAMPLERS.build(sampler), target.state(start), warm_up, seed, engine)
    tell = progress or (lambda done, total: None)
    for done in _walk(chain, warm_up):
        tell(done, warm_up + draws)
    middle = time.perf_counter()
    kept: list[Any] = []
    for done in _walk(chain, draws, kept):
        tell(warm_up + done, warm_up + draws)
    end = time.perf_counter()
    states, traces = (np.concatenate(part) for part in (([k[0] for k in kept]), ([k[1][0] for k in kept])))
    divergent = np.concatenate([k[1].divergent for k in kept])
    values = {name: value.numpy() for name, value in target.values(tf.constant(states)).items()}
    gradients = int(sum(k[1].gradients.sum() for k in kept))
    return Draws(values, traces, divergent, gradients, end - middle, middle - begin, target.form)


def _walk(chain: Chains, steps: int, kept: list[Any] | None = None) -> Any:
    done = 0
    while done < steps:
        count = min(CHUNK, steps - done)
        found = chain.walk(count)
        if kept is not None:
            kept.append(found)
        done += count
        yield done


class Chains:
    """Chains of one target that go on from where they stand; one compiled program for warm-up and draws.

    Parameters
    ----------
    target : Target
    sampler : Sampler
    state : Tensor [chains, rows, size]
    warm_up : int
    seed : int
    engine : "xla" or "graph"
    """

    def __init__(
        self, target: Target, sampler: Any, state: tf.Tensor, warm_up: int, seed: int, engine: str = "xla"
    ) -> None:
        self.kernel = sampler.kernel(target.log_prob, target.rows, warm_up)
        self.sampler, self.state, self.seed = sampler, state, noise.seed_tensor(seed)
        self.results = self.kernel.bootstrap_results(state)
        self.done = 0
        self._run = tf.function(self._steps, autograph=False, jit_compile=engine == "xla")

    def walk(self, count: int) -> tuple[np.ndarray, Trace]:
        """Take `count` <= CHUNK steps; return states [count, chains, rows, size] and what the kernel told."""
        self.state, self.results, states, trace = self._run(
            self.state, self.results, tf.constant(self.done), tf.constant(count)
        )
        self.done += count
        return states.numpy()[:count], Trace(*(part.numpy()[:count] for part in trace))

    def _steps(self, state: tf.Tensor, results: Any, first: tf.Tensor, count: tf.Tensor) -> Any:
        def body(step: tf.Tensor, state: tf.Tensor, results: Any, records: Any) -> Any:
            state, results = self.kernel.one_step(state, results, seed=noise.fold(self.seed, first + step))
            told = zip(records, (state, *self.sampler.trace(results)), strict=True)
            return step + 1, state, results, [record.write(step, part) for record, part in told]

        shapes: tuple[Any, ...] = (state.shape, state.shape[:-1], state.shape[:-1], [])
        kinds = (tf.float32, tf.float32, tf.bool, tf.int32)
        records = [tf.TensorArray(kind, CHUNK, element_shape=shape) for kind, shape in zip(kinds, shapes, strict=True)]
        _, state, results, records = tf.while_loop(
            lambda step, *_: step < count, body, (tf.constant(0), state, results, records), maximum_iterations=CHUNK
        )
        states, *told = [record.stack() for record in records]
        return state, results, states, Trace(*told)
