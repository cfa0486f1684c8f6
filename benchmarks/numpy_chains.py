"""HMC on the dynamic Bayes net in plain numpy, without a framework: a worker of `mixing.py`.

Auxiliary form, gradient by hand, chains on the last axis so that every operation runs along them, one thread. Step size
by dual averaging for all chains together, then the number of leapfrog steps with the most ESS a gradient in short runs.

    python benchmarks/mixing.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import interleave
import numpy as np
from mixing_cells import summary

from ssvae.bayes_nets.diagnostics import bulk_ess

LENGTHS, PILOT = (4, 8, 16, 32), 100  # leapfrog steps to choose from, draws of each
DIVERGENT = 1000.0  # nats
Energy = tuple[np.ndarray, np.ndarray]  # log p [chains], its gradient [T, width, chains]


class Net(NamedTuple):
    """z_1 = ε_1, z_t = tanh(W' z_{t−1}) + σ ε_t, x_t ~ Bernoulli(sigmoid(v · z_t)) of one row x [T]."""

    w: np.ndarray
    v: np.ndarray
    x: np.ndarray
    scale: np.float32

    @classmethod
    def of(cls, cell: dict[str, Any]) -> Net:
        """Return the net that a cell describes."""
        return cls(*(np.array(cell[name], np.float32) for name in "wvx"), np.float32(cell["scale"]))

    def values(self, epsilon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return z [T, width, chains] and the tanh in it."""
        tanh, z = np.zeros_like(epsilon), self.scale * epsilon
        z[0], back = epsilon[0], np.ascontiguousarray(self.w.T)
        for t in range(1, len(z)):
            np.tanh(np.matmul(back, z[t - 1], out=tanh[t]), out=tanh[t])
            z[t] += tanh[t]
        return z, tanh

    def log_prob(self, epsilon: np.ndarray) -> Energy:
        """Return log p(ε, x) up to a constant, and its gradient."""
        z, tanh = self.values(epsilon)
        logits = self.v @ z
        log_p = np.sum(self.x[:, None] * logits - np.logaddexp(np.float32(0.0), logits), axis=0)
        log_p -= 0.5 * np.einsum("tdc,tdc->c", epsilon, epsilon)
        gradient = (self.x[:, None] - 0.5 - 0.5 * np.tanh(0.5 * logits))[:, None] * self.v[:, None]
        bend = np.float32(1.0) - tanh * tanh
        for t in range(len(z) - 1, 0, -1):
            gradient[t - 1] += self.w @ (bend[t] * gradient[t])
        gradient[1:] *= self.scale
        return log_p, gradient - epsilon


class HMC:
    """Chains that all take the same number of steps of the same size."""

    def __init__(self, net: Net, chains: int, seed: int) -> None:
        self.net, self.rng, self.step, self.gradients, self.divergent = net, np.random.default_rng(seed), 0.1, 0, 0.0
        self.state = self._normal((len(net.x), len(net.v), chains))
        self.log_p, self.gradient = net.log_prob(self.state)

    def _normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.rng.standard_normal(shape, np.float32)

    def transition(self, length: int) -> float:
        """Move all chains and return the mean probability of acceptance."""
        state, gradient, step = self.state.copy(), self.gradient, np.float32(self.step)
        momentum = self._normal(state.shape)
        before = self.log_p - 0.5 * np.einsum("tdc,tdc->c", momentum, momentum)
        momentum += 0.5 * step * gradient
        for i in range(length):
            state += step * momentum
            log_p, gradient = self.net.log_prob(state)
            momentum += (step if i < length - 1 else 0.5 * step) * gradient
        ratio = log_p - 0.5 * np.einsum("tdc,tdc->c", momentum, momentum) - before
        self.gradients += length
        self.divergent += float(np.mean(~(ratio > -DIVERGENT)))
        accepted = np.exp(np.minimum(np.where(np.isnan(ratio), -np.inf, ratio), 0.0))
        taken = self.rng.random(len(accepted)) < accepted
        self.state = np.where(taken, state, self.state)
        self.gradient = np.where(taken, gradient, self.gradient)
        self.log_p = np.where(taken, log_p, self.log_p)
        return float(accepted.mean())

    def warm(self, steps: int, accept: float = 0.8) -> int:
        """Adapt the step size (Hoffman and Gelman, 2014, §3.2) and return the best length."""
        centre, error, mean = np.log(10.0 * self.step), 0.0, 0.0
        for i in range(1, steps + 1):
            rate = 1.0 / (i + 10.0)
            error = (1.0 - rate) * error + rate * (accept - self.transition(LENGTHS[1]))
            log_step = centre - np.sqrt(i) / 0.05 * error
            mean += i**-0.75 * (log_step - mean)
            self.step = np.exp(log_step)
        self.step = np.exp(mean)
        return max(LENGTHS, key=lambda length: bulk_ess(self.draw(PILOT, length)).min() / length)

    def draw(self, draws: int, length: int) -> np.ndarray:
        """Return states ε [draws, chains, T, width]."""
        kept = np.empty((draws, *self.state.shape), np.float32)
        for i in range(draws):
            self.transition(length)
            kept[i] = self.state
        return np.moveaxis(kept, -1, 1)


def prepare(cell: dict[str, Any]) -> Callable[[int], dict[str, Any]]:
    """Return the function that runs a cell."""
    if cell["form"] != "auxiliary":
        raise interleave.UnfitError("it has the auxiliary form only")

    def run(count: int) -> dict[str, Any]:
        del count
        began = time.perf_counter()
        chains = HMC(Net.of(cell), cell["chains"], cell["seed"])
        length = chains.warm(cell["warm_up"])
        chains.gradients, chains.divergent = 0, 0.0
        wall, cpu = time.perf_counter(), time.process_time()
        epsilon = chains.draw(cell["draws"], length)
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        z = np.moveaxis([chains.net.values(np.moveaxis(each, 0, -1))[0] for each in epsilon], -1, 1)
        how = {"gradients": chains.gradients, "divergent": chains.divergent / cell["draws"]}
        return summary(z, **how, seconds=seconds, cpu=cpu, before=wall - began) | {"note": f"L = {length}"}

    return run


if __name__ == "__main__":
    interleave.serve(prepare)
