"""Monte Carlo EM: persistent Markov chains draw the latents of every row, gradient steps raise the joint density.

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

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from ssvae.backend import random
from ssvae.backend.adam import penalty
from ssvae.backend.engine import Engine, using
from ssvae.bayes_nets.base import Data
from ssvae.bayes_nets.check import check_gradient, check_start, check_variables
from ssvae.bayes_nets.iterated_sir import resampled
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.posterior_density import PosteriorDensity
from ssvae.bayes_nets.samplers.base import accepted
from ssvae.bayes_nets.state_file import restore, store
from ssvae.distributions import Values
from ssvae.settings.checks import whole

ADAPTATION = 0.05  # of log step size, per unit of acceptance above its target


class MonteCarloEM:
    """Monte Carlo EM, with a chain for each row.

    E: `moves` HMC transitions of the chains of a batch; M: `updates` gradient steps on mean log p(x, z).
    A chain moves once an epoch, and by then the net has changed: with few latents `proposals` from the prior let it
    jump to where the posterior is now, before it moves (`iterated_sir`).

    Parameters
    ----------
    net : BayesNet
        Whose functions read `variables`.
    variables : sequence of keras.Variable
        Parameters to learn.
    data : dict of array [rows, ...]
        By the names of the observed nodes.
    form : "original", "auxiliary" or dict by latent
        In which the chains move.
    batch_size : int
        Rows of a step; all of them if there are fewer.
    leapfrog, moves, updates : int
        Leapfrog steps of a transition, transitions of an E step, and gradient steps of an M step.
    accept : float
        Probability of acceptance that the step size is adapted to throughout, since the net keeps changing.
    proposals : int
        Draws from the prior among which chains of a batch are resampled before they move; 0 for none.
    weight_prior : float
        Precision of the Gaussian prior on the matrices among `variables`.
    optimizer : keras.optimizers.Optimizer, optional
        By default Adagrad with rate 0.1.
    seed : int
        Decides the chains' start and moves.

    Raises
    ------
    ValueError
        If a number is out of range, there is nothing to learn, or a density at the start is not finite.
    """

    def __init__(
        self,
        net: BayesNet,
        variables: Sequence[keras.Variable],
        data: Data,
        *,
        form: str | Mapping[str, str] = "auxiliary",
        batch_size: int = 100,
        leapfrog: int = 10,
        moves: int = 1,
        updates: int = 5,
        accept: float = 0.9,
        proposals: int = 0,
        weight_prior: float = 0.0,
        optimizer: keras.optimizers.Optimizer | None = None,
        seed: int = 0,
    ) -> None:
        for name, value in {"batch_size": batch_size, "leapfrog": leapfrog, "moves": moves, "updates": updates}.items():
            whole(name, value)
        whole("proposals", proposals, least=0)
        if not 0.0 <= weight_prior < float("inf"):
            raise ValueError(f"weight_prior must be >= 0, got {weight_prior!r}")
        if not 0.0 < accept < 1.0:
            raise ValueError(f"accept must be between 0 and 1, got {accept!r}")
        check_variables(variables)
        self.density, self.variables = PosteriorDensity(net, data, form), list(variables)
        self.leapfrog, self.moves, self.updates, self.accept = leapfrog, moves, updates, accept
        self.batch_size, self.seed = min(batch_size, self.density.rows), seed
        self.proposals, self.weight_prior = proposals, weight_prior
        self.precisions = [weight_prior / self.density.rows if len(v.shape) > 1 else 0.0 for v in self.variables]
        start = net.sample((self.density.rows,), seed)
        check_start(net, self.density.data, start)
        self.chains = tf.Variable(self.density.state(start))
        check_gradient(self.density, tf.convert_to_tensor(self.chains))
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
        """Take steps until there are `steps` in all.

        Parameters
        ----------
        steps : int
            E and M steps in all.
        folder : str or Path, optional
            Where the state is stored every `every` steps, at the end and at Ctrl-C; a state that is there is resumed.
        progress : callable, optional
            Receives steps done and steps in all.
        every : int
            Steps between two writes of the state.

        Returns
        -------
        ndarray [n, 2]
            Log p(x, state) and acceptance of the new steps.

        Raises
        ------
        ValueError
            If log p is not finite, or the folder holds a state of other settings or data.
        """
        path = None if folder is None else Path(folder) / "state.safetensors"
        if path is not None and path.exists():
            for name, value in restore(path, self._description()).items():
                self._arrays()[name].assign(value)
        found: list[np.ndarray] = []
        try:
            for step in range(int(self.done), steps):
                found.append(self._compiled(*self._rows(step)).numpy())
                if not np.isfinite(found[-1]).all():
                    raise ValueError(f"log p is {found[-1][0]} after step {step + 1}: take a lower learning rate")
                if path is not None and (step + 1) % every == 0:
                    store(path, self._arrays(), self._description())
                if progress is not None:
                    progress(step + 1, steps)
        finally:  # Ctrl-C loses nothing, and a state that is not finite is not stored
            if path is not None and found and np.isfinite(found[-1]).all():
                store(path, self._arrays(), self._description())
        return np.array(found, np.float32).reshape(-1, 2)

    def _rows(self, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the rows and the seed of a step: pure functions of the seed and the step, so that it can resume."""
        count = self.density.rows // self.batch_size
        epoch, batch = divmod(step, count)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.density.rows)
        rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
        return tf.constant(rows, tf.int32), random.fold(random.seed_tensor(self.seed), step)

    def _step(self, rows: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        data = {name: tf.gather(value, rows) for name, value in self.density.data.items()}
        state = tf.gather(self.chains, rows)
        if self.proposals:
            state = resampled(self.density, state, data, self.proposals, random.fold(seed, self.moves))
        state, acceptance = self._move(state, data, seed)
        self.chains.scatter_update(tf.IndexedSlices(state, rows))
        log_p, weights = tf.constant(0.0), [variable.value for variable in self.variables]
        for _ in range(self.updates):
            with tf.GradientTape() as tape:
                log_p = tf.reduce_mean(self.density.log_prob(state, data))
                loss = penalty(weights, self.precisions) - log_p
            self.optimizer.apply(tape.gradient(loss, weights), self.variables)
        self.done.assign_add(1)
        return tf.stack([log_p, acceptance])

    def _move(self, state: tf.Tensor, data: Values, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        kernel = tfp.mcmc.HamiltonianMonteCarlo(
            lambda at: self.density.log_prob(at, data), tf.convert_to_tensor(self.step_size), self.leapfrog
        )
        acceptance = tf.constant(0.0)
        results = kernel.bootstrap_results(state)
        for move in range(self.moves):
            state, results = kernel.one_step(state, results, seed=random.fold(seed, move))
            acceptance += tf.reduce_mean(accepted(results.log_accept_ratio)) / self.moves
        self.step_size.assign(self.step_size * tf.exp(ADAPTATION * (acceptance - self.accept)))
        return tf.stop_gradient(state), acceptance

    def _arrays(self) -> Values:
        own = {"chains": self.chains, "step_size": self.step_size, "done": self.done}
        learnt = {f"variable_{i}": v.value for i, v in enumerate(self.variables)}
        return own | learnt | {f"optimizer_{i}": v.value for i, v in enumerate(self.optimizer.variables)}

    def _description(self) -> str:
        """Return the settings and data that a stored state belongs to."""
        names = ("batch_size", "leapfrog", "moves", "updates", "accept", "proposals", "weight_prior", "seed")
        own: dict[str, object] = {name: vars(self)[name] for name in names}
        kind = keras.optimizers.serialize(self.optimizer)["class_name"]  # get_config's name has a counter
        own["optimizer"] = {**self.optimizer.get_config(), "name": kind}
        shapes = {name: list(np.shape(v)) for name, v in self._arrays().items()}
        data = {name: [list(v.shape), float(tf.reduce_sum(v))] for name, v in self.density.data.items()}
        return json.dumps([own, self.density.form, shapes, data], default=str)
