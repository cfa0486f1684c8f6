"""Monte Carlo EM: chains that persist draw the latents of every row, and the net's numbers follow them.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013).
Auto-encoding variational Bayes (Kingma and Welling, 2014), appendix E: the settings that are the defaults here, but
for `proposals`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend import random
from ssvae.backend.adam import penalty
from ssvae.backend.engine import Engine, using
from ssvae.bayes_nets.check import check_slope, check_start
from ssvae.bayes_nets.forms import Target
from ssvae.bayes_nets.iterated_sir import resampled
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.samplers.base import accepted
from ssvae.bayes_nets.state_file import keep, restore
from ssvae.settings.checks import whole

ADAPTATION = 0.05  # of log step size, for each unit that acceptance is off


class MonteCarloEM:
    """E: `moves` HMC transitions of one chain for each row of a batch; M: `updates` steps up mean log p(x, state).

    A chain is visited once in an epoch, and by then its net is another: with few latents `proposals` from the prior let
    it leap to where the net has it now, before it moves (`iterated_sir`).

    Parameters
    ----------
    net : BayesNet
        Whose functions read `variables`.
    variables : sequence of keras.Variable
        What is learnt.
    data : dict of array [rows, ...]
        By the names of the observed nodes.
    form : "original", "auxiliary" or dict by latent
    batch_size : int
        Rows of a step; all of them where there are fewer.
    leapfrog, moves, updates : int
    accept : float
        Probability of acceptance that the step size follows, as long as the net changes.
    proposals : int
        Draws from the prior that chains of a batch are offered before they move; 0 for none.
    weight_prior : float
        Precision of the Gaussian prior on the matrices among `variables`.
    optimizer : keras.optimizers.Optimizer, optional
        By default Adagrad with rate 0.1.
    seed : int

    Raises
    ------
    ValueError
        If a number is out of range, there is nothing to learn, or a density at the start is none.
    """

    def __init__(
        self,
        net: BayesNet,
        variables: Sequence[Any],
        data: Mapping[str, Any],
        *,
        form: str | Mapping[str, str] = "auxiliary",
        batch_size: int = 100,
        leapfrog: int = 10,
        moves: int = 1,
        updates: int = 5,
        accept: float = 0.9,
        proposals: int = 0,
        weight_prior: float = 0.0,
        optimizer: Any = None,
        seed: int = 0,
    ) -> None:
        counts = {"batch_size": batch_size, "leapfrog": leapfrog, "moves": moves, "updates": updates}
        for name, value in counts.items():
            whole(name, value)
        whole("proposals", proposals, least=0)
        if not 0.0 <= weight_prior < float("inf"):
            raise ValueError(f"weight_prior must be >= 0, got {weight_prior!r}")
        if not 0.0 < accept < 1.0:
            raise ValueError(f"accept must be between 0 and 1, got {accept!r}")
        if not variables:
            raise ValueError("variables is empty: there is nothing to learn; to draw from a net take sampling.sample")
        if not all(isinstance(variable, keras.Variable) for variable in variables):
            raise ValueError("variables must be keras.Variable, such as a layer's weights: tf.Variable is none")
        self.target, self.variables = Target(net, data, form), list(variables)
        self.leapfrog, self.moves, self.updates, self.accept = leapfrog, moves, updates, accept
        self.batch_size, self.seed = min(batch_size, self.target.rows), seed
        self.proposals, self.weight_prior = proposals, weight_prior
        self.precisions = [weight_prior / self.target.rows if len(v.shape) > 1 else 0.0 for v in self.variables]
        start = net.sample((self.target.rows,), seed)
        check_start(net, self.target.data, start)
        self.chains = tf.Variable(self.target.state(start))
        check_slope(self.target, tf.convert_to_tensor(self.chains))
        self.step_size, self.done = tf.Variable(0.1), tf.Variable(0)
        self.optimizer = optimizer or keras.optimizers.Adagrad(0.1)
        self.optimizer.build(self.variables)
        self._compiled = using(Engine(xla=True))(tf.function(self._step, autograph=False, jit_compile=True))

    def run(
        self,
        steps: int,
        folder: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
        every: int = 1000,
    ) -> np.ndarray:
        """Take steps until there are `steps` in all; return log p(x, state) and acceptance of the new ones, [n, 2].

        Parameters
        ----------
        steps : int
        folder : str or Path, optional
            Keeps the state every `every` steps, at the end and at Ctrl-C; what is in it is gone on from.
        progress : callable, optional
            Told steps done and steps in all.

        Raises
        ------
        ValueError
            If log p becomes no number, or the folder holds a state of other settings or data.
        """
        path = None if folder is None else Path(folder) / "state.safetensors"
        if path is not None and path.exists():
            for name, value in restore(path, self._what()).items():
                self._everything()[name].assign(value)
        told: list[np.ndarray] = []
        try:
            for step in range(int(self.done), steps):
                told.append(self._compiled(*self._rows(step)).numpy())
                if not np.isfinite(told[-1]).all():
                    raise ValueError(f"log p is {told[-1][0]} after step {step + 1}: take a lower learning rate")
                if path is not None and (step + 1) % every == 0:
                    keep(path, self._everything(), self._what())
                if progress is not None:
                    progress(step + 1, steps)
        finally:  # Ctrl-C loses nothing, and what is no number is not kept
            if path is not None and told and np.isfinite(told[-1]).all():
                keep(path, self._everything(), self._what())
        return np.array(told, np.float32).reshape(-1, 2)

    def _rows(self, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the rows and the seed of a step: pure functions of the seed and the step, so that it can resume."""
        count = self.target.rows // self.batch_size
        epoch, place = divmod(step, count)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.target.rows)
        rows = order[place * self.batch_size : (place + 1) * self.batch_size]
        return tf.constant(rows, tf.int32), random.fold(random.seed_tensor(self.seed), step)

    def _step(self, rows: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        data = {name: tf.gather(value, rows) for name, value in self.target.data.items()}
        state = tf.gather(self.chains, rows)
        if self.proposals:
            state = resampled(self.target, state, data, self.proposals, random.fold(seed, self.moves))
        state, acceptance = self._move(state, data, seed)
        self.chains.scatter_update(tf.IndexedSlices(state, rows))
        log_p, weights = tf.constant(0.0), [variable.value for variable in self.variables]
        for _ in range(self.updates):
            with tf.GradientTape() as tape:
                log_p = tf.reduce_mean(self.target.log_prob(state, data))
                loss = penalty(weights, self.precisions) - log_p
            self.optimizer.apply(tape.gradient(loss, weights), self.variables)
        self.done.assign_add(1)
        return tf.stack([log_p, acceptance])

    def _move(self, state: tf.Tensor, data: dict[str, tf.Tensor], seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        kernel = tfp.mcmc.HamiltonianMonteCarlo(
            lambda at: self.target.log_prob(at, data), tf.convert_to_tensor(self.step_size), self.leapfrog
        )
        acceptance = tf.constant(0.0)
        results = kernel.bootstrap_results(state)
        for move in range(self.moves):
            state, results = kernel.one_step(state, results, seed=random.fold(seed, move))
            acceptance += tf.reduce_mean(accepted(results.log_accept_ratio)) / self.moves
        self.step_size.assign(self.step_size * tf.exp(ADAPTATION * (acceptance - self.accept)))
        return tf.stop_gradient(state), acceptance

    def _everything(self) -> dict[str, Any]:
        own = {"chains": self.chains, "step_size": self.step_size, "done": self.done}
        learnt = {f"variable_{i}": v.value for i, v in enumerate(self.variables)}
        return own | learnt | {f"optimizer_{i}": v.value for i, v in enumerate(self.optimizer.variables)}

    def _what(self) -> str:
        """Return what a state belongs to."""
        names = ["batch_size", "leapfrog", "moves", "updates", "accept", "proposals", "weight_prior", "seed"]
        own = {name: getattr(self, name) for name in names}
        own["optimizer"] = {**self.optimizer.get_config(), "name": type(self.optimizer).__name__}  # not Keras' counter
        shapes = {name: list(np.shape(v)) for name, v in self._everything().items()}
        data = {name: [list(v.shape), float(tf.reduce_sum(v))] for name, v in self.target.data.items()}
        return json.dumps([own, self.target.form, shapes, data], default=str)
