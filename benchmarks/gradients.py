"""Variance and direction of gradient estimators at equal cost.

On a belief network that can be enumerated, on one of 200 units and binarised MNIST, or on M2, whose latents are
continuous, and the digits with their classes. Every estimator takes as many samples as fit into the CPU-seconds of one
evaluation of the most expensive one (value plus gradient of one minibatch); on M2 one sample, or the least it can do
with. Variance is that of the gradient by q's weights, summed over them; cosine is that of single estimates with the
exact gradient, or with the mean of all unbiased ones.

    python benchmarks/gradients.py enumerable
    python benchmarks/gradients.py sbn-200 --epochs 10
    python benchmarks/gradients.py sbn-200 --model runs/reproduce/nvil/sbn-200-0/model
    python benchmarks/gradients.py m2 --epochs 100
"""

from __future__ import annotations

import json
import time
from typing import Any

import click
import numpy as np

NVIL = {"name": "nvil", "normalization": False}  # which would only change the unit of the gradient
# Estimator -> its settings, and the least number of samples.
ESTIMATORS: dict[str, tuple[dict[str, Any], int]] = {
    "nvil": (NVIL, 1),
    "nvil, no baselines": ({**NVIL, "running_mean": False, "input_baseline": False}, 1),
    "nvil, whole signals": ({**NVIL, "local_signals": False}, 1),
    "pathwise": ({"name": "pathwise"}, 1),
    "score_function": ({"name": "score_function"}, 2),
    "double_control": ({"name": "double_control"}, 2),
    "vimco": ({"name": "vimco"}, 2),
    "local_expectation": ({"name": "local_expectation"}, 1),
    "straight_through": ({"name": "straight_through"}, 1),
    "gumbel_softmax": ({"name": "gumbel_softmax"}, 1),
    "mean_propagation": ({"name": "mean_propagation"}, 1),
    "rws": ({"name": "rws", "wake": 1.0}, 2),
}
OF_M2 = ("pathwise", "nvil", "nvil, no baselines", "score_function")  # the others need binary latents
DEAREST = "local_expectation"  # one sample of it is what all may cost
MOST = 1024  # samples, however cheap they are
NOT_OF_THE_BOUND = ("vimco", "rws", "straight_through", "gumbel_softmax", "mean_propagation")


def evaluator(model: Any, rows: tuple[np.ndarray, np.ndarray | None], slot: dict[str, Any]) -> Any:
    """Return a compiled function seed -> gradient of the mean bound by the weights of q, flat."""
    import tensorflow as tf

    from ssvae.gradients import GRADIENTS
    from ssvae.inference.base import BoundArguments
    from ssvae.inference.evidence import elbo

    gradient = GRADIENTS.build(slot)
    x, y = (None if part is None else tf.constant(part) for part in rows)
    encoders = getattr(model, "encoders", None) or [model.encoder]
    weights = [weight.value for network in encoders for weight in network.trainable_weights]

    @tf.function(autograph=False, jit_compile=True)
    def estimate(seed: Any) -> Any:
        with tf.GradientTape() as tape:
            bound = tf.reduce_mean(elbo(BoundArguments(model, x, y, gradient, seed, True), model.encode(x, y)))
        found = tape.gradient(bound, weights, unconnected_gradients="zero")
        return tf.concat([tf.reshape(each, [-1]) for each in found], 0)

    return estimate


def cost(estimate: Any, seeds: list[Any]) -> float:
    """Return CPU-seconds of one evaluation: the least of five parts of the seeds."""
    estimate(seeds[0])
    spent = []
    for part in np.array_split(np.arange(len(seeds)), 5):
        begin = time.process_time()
        for i in part:
            estimate(seeds[i])
        spent.append((time.process_time() - begin) / len(part))
    return min(spent)


def most_samples(model: Any, rows: Any, slot: dict[str, Any], least: int, budget: float, seeds: list[Any]) -> int:
    """Return how many samples fit into the budget, from the cost of 4 and 32 times the least number; at most `MOST`."""
    few, many = (cost(evaluator(model, rows, {**slot, "samples": n * least}), seeds) for n in (4, 32))
    each = max((many - few) / (28 * least), budget / MOST)
    return int(np.clip((budget - few) / each + 4 * least, least, MOST))


@click.command(help=__doc__.split("\n")[0])
@click.argument("net", type=click.Choice(["enumerable", "sbn-200", "m2"]))
@click.option("--model", "folder", help="A trained belief network of 200 numbers; by default one with new weights.")
@click.option("--epochs", default=0, help="Train one of 200, or M2, by NVIL for so long.")
@click.option("--draws", default=200, help="Estimates, of which variance and cosine are taken.")
@click.option("--rows", default=100, help="Of the minibatch.")
@click.option("--json", "as_json", is_flag=True)
def main(net: str, folder: str | None, epochs: int, draws: int, rows: int, as_json: bool) -> None:
    """Print a line an estimator."""
    from ssvae.backend import random

    model, batch = m2(epochs, rows) if net == "m2" else opened(net, folder, epochs, rows)
    seeds = [random.seed_tensor(seed) for seed in range(draws)]
    budget = 0.0 if net == "m2" else cost(evaluator(model, batch, {"name": DEAREST}), seeds[:10])
    exact = np.array(evaluator(model, batch, {"name": "enumeration"})(seeds[0])) if net == "enumerable" else None
    found, means = {}, []
    for name in OF_M2 if net == "m2" else [name for name in ESTIMATORS if name != "pathwise"]:
        slot, least = ESTIMATORS[name]
        free = name == DEAREST or net == "m2"
        samples = least if free else most_samples(model, batch, slot, least, budget, seeds[:10])
        estimate = evaluator(model, batch, {**slot, "samples": samples})
        drawn = np.array([np.array(estimate(seed)) for seed in seeds])
        spent = cost(estimate, seeds[:10])
        found[name] = {"samples": samples, "cpu_seconds": spent, "drawn": drawn}
        if name not in NOT_OF_THE_BOUND:
            means.append((drawn.mean(axis=0), 1.0 / drawn.var(axis=0, ddof=1).sum()))
    truth = exact if exact is not None else np.average([m for m, _ in means], axis=0, weights=[w for _, w in means])
    for name, numbers in found.items():
        drawn = numbers.pop("drawn")
        numbers["variance"] = float(drawn.var(axis=0, ddof=1).sum())
        numbers["bias"] = float(
            np.sqrt(max(0.0, ((drawn.mean(axis=0) - truth) ** 2).sum() - numbers["variance"] / draws))
        )
        scale = np.linalg.norm(drawn, axis=1) * np.linalg.norm(truth)
        numbers["cosine"] = float((drawn @ truth / np.maximum(scale, 1e-30)).mean())
        click.echo(json.dumps({"name": name, **numbers}) if as_json else line(name, numbers))


def m2(epochs: int, rows: int) -> tuple[Any, tuple[np.ndarray, np.ndarray]]:
    """Return an M2 with baselines, new or after some epochs of NVIL with 100 labels, and digits with their classes."""
    import ssvae
    from ssvae.datasets import DATASETS
    from ssvae.likelihoods.bernoulli import Bernoulli
    from ssvae.models.m2 import M2
    from ssvae.splits import choose_labeled, hide_labels

    digits = DATASETS.get("digits")()
    x, y = digits.x.astype(np.float32), digits.y
    batch = x[:rows], np.eye(10, dtype=np.float32)[y[:rows]]
    if not epochs:
        return M2(64, 10, Bernoulli(), baseline={"hidden": [100], "momentum": 0.8}), batch
    known = hide_labels(y, choose_labeled(y, 100, 0))
    own = ssvae.SSVAEClassifier("m2", gradient="nvil", epochs=epochs, regularizers=(), random_state=0)
    return own.fit(x, known).model_, batch


def opened(net: str, folder: str | None, epochs: int, rows: int) -> tuple[Any, tuple[np.ndarray, None]]:
    """Return a belief network with baselines, and a minibatch."""
    import ssvae
    from ssvae.datasets import DATASETS
    from ssvae.likelihoods.bernoulli import Bernoulli
    from ssvae.models.sbn import SBN

    if net == "enumerable":
        model = SBN(20, Bernoulli(), latent=[6, 4], baseline={"hidden": [20], "momentum": 0.8})
        rng = np.random.default_rng(0)
        for weight in model.trainable_weights:
            weight.assign(rng.normal(0, 0.5, weight.shape))
        return model, ((rng.uniform(size=(rows, 20)) < 0.5).astype(np.float32), None)
    every = DATASETS.get("binarized_mnist")().x
    x = every[:rows].astype(np.float32)
    if folder is not None:
        return ssvae.load(folder).model_, (x, None)
    if epochs:
        return trained(every, epochs), (x, None)
    return SBN(784, Bernoulli(), latent=200, baseline={"hidden": [100], "momentum": 0.8}), (x, None)


def trained(x: np.ndarray, epochs: int) -> Any:
    """Return a belief network of 200 numbers after some epochs of NVIL."""
    import ssvae
    from ssvae.experiments.reproductions.nvil import TABLE

    y = np.full(len(x), -1)
    y[:2] = 0, 1  # the estimator wants two classes; a density does not see them
    settings = dict(TABLE["sbn-200"].settings)
    settings |= {"epochs": epochs, "model": {**settings["model"], "classifier": {"name": "knn", "n_neighbors": 1}}}
    return ssvae.SSVAEClassifier(**settings, random_state=0).fit(x, y).model_


def line(name: str, numbers: dict[str, Any]) -> str:
    """Return one estimator's numbers as a line of text."""
    return (
        f"{name:<20} {numbers['samples']:>4} samples, {1000 * numbers['cpu_seconds']:7.1f} CPU-ms: variance "
        f"{numbers['variance']:.3g}, bias {numbers['bias']:.3g}, cosine {numbers['cosine']:.3f}"
    )


if __name__ == "__main__":
    main()
