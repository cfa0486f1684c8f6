"""A Bayes net: a directed acyclic graph of named nodes, checked once and kept in topological order."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.bayes_nets.base import Data, Latent, Node, Observed
from ssvae.distributions import Values
from ssvae.registry import unknown


def without_ones(lead: Sequence[int]) -> list[int]:
    """Return leading axes without those of one entry, at least one axis.

    TensorFlow 2.21 writes beyond the result of eager products of [a, 1, m, n] with [n, k] (its issue 117700).
    """
    return [int(n) for n in lead if n != 1] or [1]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].split(" [Op:")[0].removeprefix("{{function_node __wrapped__").strip()


class BayesNet:
    """A directed acyclic graph of nodes, each a distribution given its parents.

    ``BayesNet(z=Gaussian(2), x=Observed(lambda z: tfd.Normal(z, 0.1)))``; a node's parents are the arguments of its
    functions.

    Parameters
    ----------
    **nodes : Node
        The nodes by name, in any order.

    Raises
    ------
    ValueError
        If an argument is not a node, a parent is unknown or observed, or the net has a cycle or no latent.
    """

    def __init__(self, **nodes: Node) -> None:
        for name, node in nodes.items():
            if not isinstance(node, Node):
                raise ValueError(f"{name} must be a node such as Gaussian(2) or Observed(...), got {node!r}")
            for parent in node.parents:
                if parent not in nodes:
                    raise ValueError(f"{unknown(f'parent of {name!r}:', parent, list(nodes))}")
        try:
            order = list(TopologicalSorter({name: node.parents for name, node in nodes.items()}).static_order())
        except CycleError as error:
            raise ValueError(f"the net has a cycle: {' -> '.join(error.args[1])}; a Bayes net has none") from None
        self.latents = {name: node for name in order if isinstance(node := nodes[name], Latent)}
        self.observed = {name: node for name in order if isinstance(node := nodes[name], Observed)}
        if not self.latents:
            raise ValueError("the net has no latent node: there is nothing to infer")
        self._check_leaves()

    def _check_leaves(self) -> None:
        for name, node in {**self.latents, **self.observed}.items():
            seen = [parent for parent in node.parents if parent in self.observed]
            if seen:
                raise ValueError(
                    f"{name!r} depends on {seen[0]!r}, which is observed: an observed node has no children; put its "
                    "data into the function as a constant"
                )

    def values(self, epsilon: Values) -> Values:
        """Return z [..., *shape] by name for ε [..., *shape]."""
        found: Values = {}
        for name, node in self.latents.items():
            try:
                found[name] = node.bijector(found).forward(epsilon[name])
            except (tf.errors.InvalidArgumentError, ValueError) as error:
                raise ValueError(f"latent node {name!r} of shape {node.shape}: {_first_line(error)}") from error
            if found[name].shape != epsilon[name].shape:
                lead = len(epsilon[name].shape) - node.rank
                raise ValueError(
                    f"latent node {name!r} has shape {node.shape}, and the values of its functions make it "
                    f"{tuple(found[name].shape[lead:])}: make both agree"
                )
        return found

    def compact(self, z: Values) -> Values:
        """Return the latents of z [..., *shape] without leading axes of one entry."""
        lead = {name: len(z[name].shape) - node.rank for name, node in self.latents.items()}
        return {
            name: tf.reshape(z[name], [*without_ones(z[name].shape[: lead[name]]), *node.shape])
            for name, node in self.latents.items()
        }

    def noise(self, z: Values) -> Values:
        """Return ε for z, the inverse of `values`."""
        return {name: node.bijector(z).inverse(z[name]) for name, node in self.latents.items()}

    def sample(self, shape: tuple[int, ...], seed: int) -> Values:
        """Draw every node, latents first, each [*shape, *its own shape]."""
        seeds = np.random.SeedSequence(seed).generate_state(2 * (len(self.latents) + len(self.observed)))
        keys, lead = iter(seeds.astype(np.int32).reshape(-1, 2)), without_ones(shape)
        drawn = {name: (node.noise, (*lead, *node.shape)) for name, node in self.latents.items()}
        epsilon = {name: own.sample(of, seed=next(keys)) for name, (own, of) in drawn.items()}
        found = self.values(epsilon)
        found |= {name: node.given(found).sample(seed=next(keys)) for name, node in self.observed.items()}
        return {name: tf.reshape(value, [*shape, *value.shape[len(lead) :]]) for name, value in found.items()}

    def joint(self) -> tfd.JointDistributionCoroutine:
        """Return p(z, x), a tfd.JointDistributionCoroutine of all nodes by name."""
        root = tfd.JointDistributionCoroutine.Root

        def model() -> Generator[tfd.Distribution, tf.Tensor, None]:
            found: Values = {}
            lead: tf.TensorShape | list[int] = []
            for name, node in self.latents.items():
                noise = tfd.Sample(tfd.BatchBroadcast(node.noise, lead if node.parents else []), node.shape)
                own = tfd.TransformedDistribution(noise, node.bijector(found), name=name)
                found[name] = yield own if node.parents else root(own)
                lead = found[name].shape[: -node.rank]
            for name, leaf in self.observed.items():
                seen = leaf.given(found)
                yield tfd.Independent(seen, len(seen.batch_shape) - len(lead), name=name)

        return tfd.JointDistributionCoroutine(model)

    def log_likelihood(self, z: Values, data: Data, axes: int) -> tf.Tensor:
        """Return Σ log p(x | z) over the observed nodes, with `axes` leading axes (chains, rows), nats."""
        total: tf.Tensor = 0.0
        for name, node in self.observed.items():
            log_p = node.log_prob(data[name], z)
            total += tf.reduce_sum(log_p, axis=list(range(axes, len(log_p.shape))))
        return total
