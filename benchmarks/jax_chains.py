"""Chains on the dynamic Bayes net by NumPyro and BlackJAX: workers of `mixing.py`.

Auxiliary form, float32, recurrence by `lax.scan`, which is quicker here than unrolled. BlackJAX's chains are divided
among as many devices as there are cores; NumPyro's are vectorised, on one.

    python benchmarks/mixing.py
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={CORES}"  # read when JAX starts

import blackjax  # noqa: E402
import click  # noqa: E402
import interleave  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import numpyro  # noqa: E402
import optax  # noqa: E402
from mixing_cells import summary  # noqa: E402
from numpyro import distributions as dist  # noqa: E402
from numpyro.infer import HMC, MCMC, NUTS  # noqa: E402

Found = tuple[Any, Any, Any]  # states ε [draws, chains, T · width], leapfrog steps and divergences of all
LEAPFROG = 8  # of both HMCs: the best of 4, 8, 16 and 32 in numpy, on other seeds (NOTES.md)


class Net:
    """The net of a cell; see `numpy_chains.Net`."""

    def __init__(self, cell: dict[str, Any]) -> None:
        self.w, self.v, self.x = (jnp.array(cell[name], jnp.float32) for name in "wvx")
        self.scale = cell["scale"]

    def values(self, epsilon: jax.Array) -> jax.Array:
        """Return z [T, width] of ε [T · width]."""
        first, rest = jnp.split(epsilon.reshape(len(self.x), len(self.v)), [1])

        def step(before: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
            z = jnp.tanh(before @ self.w) + self.scale * noise
            return z, z

        return jnp.concatenate([first, jax.lax.scan(step, first[0], rest)[1]])

    def log_prob(self, epsilon: jax.Array) -> jax.Array:
        """Return log p(ε, x) up to a constant."""
        logits = self.values(epsilon) @ self.v
        return jnp.sum(self.x * logits - jax.nn.softplus(logits)) - 0.5 * jnp.sum(epsilon**2)

    def model(self) -> None:
        """Define the same model for NumPyro."""
        epsilon = numpyro.sample("epsilon", dist.Normal(0.0, 1.0).expand([len(self.x) * len(self.v)]).to_event(1))
        numpyro.sample("x", dist.Bernoulli(logits=self.values(epsilon) @ self.v).to_event(1), obs=self.x)


class NumPyro:
    """NumPyro's chains, with its own adaptation: a step size and a diagonal metric for each."""

    def __init__(self, kernel: Any, cell: dict[str, Any], start: jax.Array) -> None:
        how = {"num_warmup": cell["warm_up"], "num_samples": cell["draws"], "num_chains": cell["chains"]}
        self.mcmc = MCMC(kernel, **how, chain_method="vectorized", progress_bar=False)
        self.mcmc.warmup(jax.random.PRNGKey(cell["seed"]), init_params={"epsilon": start})
        self.state, self._draw = self.mcmc.post_warmup_state, jax.jit(self._run)

    def _run(self, state: Any) -> tuple[Any, Found]:
        # By itself, `run` would compile again whenever it is called.
        self.mcmc.post_warmup_state = state
        self.mcmc.run(state.rng_key, extra_fields=("num_steps", "diverging"))
        found = self.mcmc.get_extra_fields(group_by_chain=True)
        epsilon = jnp.swapaxes(self.mcmc.get_samples(group_by_chain=True)["epsilon"], 0, 1)
        return self.mcmc.last_state, (epsilon, found["num_steps"], found["diverging"])

    def draw(self) -> Found:
        """Continue from the last draw."""
        self.state, found = self._draw(self.state)
        return found


class BlackJAX:
    """BlackJAX's chains.

    Parameters
    ----------
    warm : function
        Of key and start -> states, and parameters of every chain.
    step : function
        Of key, state and parameters of one chain -> state, and information on the transition.
    """

    def __init__(self, warm: Any, step: Any, cell: dict[str, Any], start: jax.Array) -> None:
        self.devices, self.draws = math.gcd(CORES, cell["chains"]), cell["draws"]
        self.key, key = jax.random.split(jax.random.PRNGKey(cell["seed"]))
        divide = partial(jax.tree.map, lambda part: part.reshape(self.devices, -1, *part.shape[1:]))
        self.states, self.parameters = divide(jax.jit(warm)(key, start))
        self._step, self._draw = jax.vmap(step), jax.pmap(self._chains)

    def _chains(self, key: jax.Array, states: Any, parameters: Any) -> tuple[Any, Found]:
        def transition(states: Any, key: jax.Array) -> tuple[Any, Found]:
            keys = jax.random.split(key, len(states.logdensity))
            states, info = self._step(keys, states, parameters)
            return states, (states.position, getattr(info, "num_integration_steps", 1), info.is_divergent)

        return jax.lax.scan(transition, states, jax.random.split(key, self.draws))

    def draw(self) -> Found:
        """Continue from the last draw."""
        self.key, *keys = jax.random.split(self.key, 1 + self.devices)
        self.states, (epsilon, steps, divergent) = self._draw(jnp.array(keys), self.states, self.parameters)
        epsilon = jnp.moveaxis(epsilon, 0, 1)
        return epsilon.reshape(epsilon.shape[0], -1, *epsilon.shape[3:]), steps, divergent


def windows(algorithm: Any, log_prob: Any, cell: dict[str, Any], **fixed: Any) -> tuple[Any, Any]:
    """Return warm-up and step of HMC or NUTS, with Stan's windows, each chain adapted by itself."""
    adaptation = blackjax.window_adaptation(algorithm, log_prob, **fixed)

    def warm(key: jax.Array, start: jax.Array) -> Any:
        def one(key: jax.Array, position: jax.Array) -> Any:
            (state, parameters), _ = adaptation.run(key, position, cell["warm_up"])
            return state, {name: parameters[name] for name in ("step_size", "inverse_mass_matrix")}

        return jax.vmap(one)(jax.random.split(key, len(start)), start)

    return warm, lambda key, state, parameters: algorithm(log_prob, **parameters, **fixed).step(key, state)


def ensemble(adaptation: Any, algorithm: Any, log_prob: Any, cell: dict[str, Any], *how: Any) -> tuple[Any, Any]:
    """Return warm-up and step of a sampler adapted by all chains together: ChEES-HMC, or generalised HMC by MEADS."""
    adapted, functions = adaptation(log_prob, cell["chains"]), {}

    def warm(key: jax.Array, start: jax.Array) -> Any:
        (states, found), _ = adapted.run(key, start, *how, cell["warm_up"])
        functions.update({name: value for name, value in found.items() if callable(value)})
        numbers = {name: value for name, value in found.items() if name not in functions}
        return states, jax.tree.map(lambda part: jnp.broadcast_to(part, (len(start), *jnp.shape(part))), numbers)

    return warm, lambda key, state, numbers: algorithm(log_prob, **numbers, **functions).step(key, state)


def contender(name: str, cell: dict[str, Any], start: jax.Array) -> NumPyro | BlackJAX:
    """Return chains after their warm-up."""
    net = Net(cell)
    if name == "numpyro-nuts":
        return NumPyro(NUTS(net.model), cell, start)
    if name == "numpyro-hmc":
        return NumPyro(HMC(net.model, num_steps=LEAPFROG, trajectory_length=None), cell, start)
    start_of_chees = (0.1, optax.adam(0.02))  # step size, and what moves the length
    kinds: dict[str, Callable[[], tuple[Any, Any]]] = {
        "blackjax-hmc": lambda: windows(blackjax.hmc, net.log_prob, cell, num_integration_steps=LEAPFROG),
        "blackjax-nuts": lambda: windows(blackjax.nuts, net.log_prob, cell),
        "blackjax-chees": lambda: ensemble(
            blackjax.chees_adaptation, blackjax.dynamic_hmc, net.log_prob, cell, *start_of_chees
        ),
        "blackjax-meads": lambda: ensemble(blackjax.meads_adaptation, blackjax.ghmc, net.log_prob, cell),
    }
    return BlackJAX(*kinds[name](), cell, start)


@click.command()
@click.argument("name")
def main(name: str) -> None:
    def prepare(cell: dict[str, Any]) -> interleave.Run:
        if cell["form"] != "auxiliary":
            raise interleave.UnfitError("it has the auxiliary form only")
        shape = (cell["chains"], len(cell["x"]) * len(cell["v"]))
        start = jnp.array(np.random.default_rng(cell["seed"]).normal(size=shape), jnp.float32)

        def run(count: int) -> dict[str, Any]:
            del count
            jax.clear_caches()
            began = time.perf_counter()
            chains = contender(name, cell, start)
            jax.block_until_ready(chains.draw())
            first = time.perf_counter() - began
            jax.block_until_ready(chains.draw())  # where arrays lie on other devices by now, it compiles again
            wall, cpu = time.perf_counter(), time.process_time()
            epsilon, steps, divergent = jax.block_until_ready(chains.draw())
            seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
            z = np.asarray(jax.vmap(jax.vmap(Net(cell).values))(epsilon))
            how = {"gradients": float(np.mean(steps)) * cell["draws"], "divergent": float(np.mean(divergent))}
            return summary(z, **how, seconds=seconds, cpu=cpu, before=first - seconds)

        return run

    interleave.serve(prepare)


if __name__ == "__main__":
    main()
