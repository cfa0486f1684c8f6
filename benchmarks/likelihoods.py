"""Bounds, log p(x) and perplexity of test rows for density models trained with several inference methods.

A row is one model, trained without labels for a fixed number of epochs. Its state is kept: a command that was
interrupted continues from there, and a model that is trained already is only measured.

    python benchmarks/likelihoods.py single-standard single-iterative
    python benchmarks/likelihoods.py fixed-refined newsgroups-standard newsgroups-refined
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

SINGLE = {"name": "m1", "latent": 64, "hidden": [512, 512], "activation": "elu"}
LEVELS = {"name": "hierarchical", "latent": [64, 32], "hidden": [512, 256], "activation": "elu", "top_down": "ladder"}
WIDE = {**SINGLE, "latent": 200}
WORDS = {"name": "m1", "latent": 100, "hidden": [500, 500], "decoder_hidden": []}
STANDARD = {"name": "amortized", "kl_warm_up": 0.1}
ITERATIVE = {"name": "iterative", "samples": 1, "kl_warm_up": 0.1, "warm_start": 0.7}
ITERATIVE_LEVELS = {**ITERATIVE, "warm_start": 0.8}
REFINED = {"name": "gradient_refined", "samples": 2, "kl_warm_up": 0.1, "warm_start": 0.7}
EARLY = {**REFINED, "kl_warm_up": 0.3, "warm_start": 0.1}
PIXELS = {"likelihood": "bernoulli", "batch_size": 128, "learning_rate": 2e-3}
COUNTS = {"likelihood": "multinomial", "batch_size": 200, "learning_rate": 2e-3, "epochs": 60}


class Row(NamedTuple):
    """A model to train and what to measure of it."""

    data: str
    settings: dict[str, Any]  # of the classifier
    measure: str  # "log_p", "refined" or "perplexity"


ROWS = {
    "single-standard": Row("mnist", {**PIXELS, "model": SINGLE, "inference": STANDARD, "epochs": 700}, "log_p"),
    "single-iterative": Row("mnist", {**PIXELS, "model": SINGLE, "inference": ITERATIVE, "epochs": 360}, "log_p"),
    "levels-standard": Row("mnist", {**PIXELS, "model": LEVELS, "inference": STANDARD, "epochs": 480}, "log_p"),
    "levels-iterative": Row(
        "mnist", {**PIXELS, "model": LEVELS, "inference": ITERATIVE_LEVELS, "epochs": 280}, "log_p"
    ),
    "fixed-refined": Row("binarized_mnist", {**PIXELS, "model": WIDE, "inference": REFINED, "epochs": 240}, "refined"),
    "newsgroups-standard": Row(
        "newsgroups", {**COUNTS, "model": WORDS, "inference": {**STANDARD, "kl_warm_up": 0.3}}, "perplexity"
    ),
    "newsgroups-refined": Row("newsgroups", {**COUNTS, "model": WORDS, "inference": EARLY}, "perplexity"),
}


WHOLE = {"mnist": {"pool": 60_000}}  # data set -> what makes all of its training rows ones to learn from


def rows_of(data: str) -> tuple[np.ndarray, ...]:
    """Return x and y to learn from, validation rows and test rows; MNIST with all of its 60,000 rows."""
    from ssvae.datasets import DATASETS

    dataset = DATASETS.get(data)(**WHOLE.get(data, {}))
    y = np.full(len(dataset.x), -1)
    y[:100] = dataset.y[:100]  # the estimator wants classes; a density does not see them
    return dataset.x, y, dataset.x_valid, dataset.x_test


def train(settings: dict[str, Any], seed: int, folder: Path, x: np.ndarray, y: np.ndarray) -> Any:
    """Train a row's classifier, save it, and return it."""
    import ssvae
    from ssvae.training.checkpoint import Checkpoint

    if (folder / "model").exists():
        return ssvae.load(folder / "model")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {**settings, "model": {**settings["model"], "classifier": "knn"}}
    classifier = ssvae.SSVAEClassifier(
        **wanted, random_state=seed, callbacks=[Checkpoint(folder, every=60.0)], verbose=1
    )
    begin = time.process_time()
    classifier.fit(x, y)
    seconds = sum(classifier.history_["seconds"])
    cpu = time.process_time() - begin
    (folder / "cost.json").write_text(json.dumps({"seconds": seconds, "cpu_seconds": cpu}))
    classifier.save(folder / "model")
    return classifier


def elbo(classifier: Any, x: np.ndarray, inference: Any, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bound and the importance-weighted log p of rows by an inference method, nats."""
    from ssvae.evaluation import log_likelihood
    from ssvae.inference import INFERENCES

    method = INFERENCES.build(inference) if inference else classifier.objective_.inference
    found = log_likelihood.estimate(
        classifier.model_, log_likelihood.observed(classifier.model_, x, 1), samples, method, 1
    )
    return found.bound, found.log_p


def log_p(classifier: Any, x: np.ndarray, samples: int) -> tuple[str, np.ndarray | None]:
    """Return −log p and −bound by the fitted inference as text, and log p of each row."""
    bound, found = elbo(classifier, x, None, samples)
    error = found.std(ddof=1) / np.sqrt(len(found))
    text = f"-log p {-found.mean():.2f} ± {error:.2f}, -bound {-bound.mean():.2f} ({samples} draws, {len(x)} rows)"
    return text, found


def refined(classifier: Any, x: np.ndarray, samples: int) -> tuple[str, np.ndarray | None]:
    """Return −bound and −log p of the first 1,000 rows at the model's own q_0 and after steps of refinement."""
    x, parts = x[:1000], []
    for steps in (0, 5, 20, 100):
        bound, found = elbo(classifier, x, {"name": "gradient_refined", "test_steps": steps}, min(samples, 1000))
        parts.append(f"{steps} steps {-bound.mean():.2f} / {-found.mean():.2f}")
    text = f"-bound / -log p after {', '.join(parts)} ({min(samples, 1000)} draws, first {len(x)} rows)"
    return text, None


def words(classifier: Any, x: np.ndarray, samples: int) -> tuple[str, np.ndarray | None]:
    """Return the perplexity by the bound at the model's own q_0, by the fitted inference and after more steps."""
    from ssvae.evaluation.metrics import perplexity

    ways = {"q_0": "amortized", "fitted": None}
    ways |= {f"{steps} steps": {"name": "gradient_refined", "test_steps": steps} for steps in (5, 20, 100)}
    found = {name: perplexity(elbo(classifier, x, way, min(samples, 100))[0], x) for name, way in ways.items()}
    text = "perplexity " + ", ".join(f"{name} {number:.1f}" for name, number in found.items()) + f" ({len(x)} rows)"
    return text, None


def compared(found: np.ndarray, folder: Path, name: str) -> str:
    """Keep log p of each row; return how much better its mean is than that of standard models of the same family."""
    np.save(folder / name, found)
    family, method = folder.name.split("-")[:2]
    text = ""
    for other in sorted(folder.parent.glob(f"{family}-standard-*/{name}")) if method != "standard" else []:
        gain = found - np.load(other)
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        text += f", {gain.mean():.3f} ± {error:.3f} nats better than {other.parent.name} on the same rows"
    return text


MEASURES = {"log_p": log_p, "refined": refined, "perplexity": words}


@click.command(help=__doc__.split("\n")[0])
@click.argument("names", nargs=-1, required=True, type=click.Choice(sorted(ROWS)))
@click.option("--seed", default=0)
@click.option("--epochs", type=int, help="Fewer or more than the row's own.")
@click.option("--samples", default=5000, help="Importance samples a row.")
@click.option("--test-rows", default=10_000)
@click.option("--held-out", is_flag=True, help="Measure validation rows in place of test rows.")
@click.option(
    "--set", "assignments", multiple=True, help="KEY=VALUE of the model or the inference, as model.latent=50."
)
@click.option("--runs", default="runs/likelihoods", type=click.Path(path_type=Path))
def main(
    names: tuple[str, ...],
    seed: int,
    epochs: int | None,
    samples: int,
    test_rows: int,
    held_out: bool,
    assignments: tuple[str, ...],
    runs: Path,
) -> None:
    """Print a line for each row."""
    whole = [name for name in names if ROWS[name].data in WHOLE]
    if held_out and whole:
        raise click.UsageError(
            f"{', '.join(whole)}: all training rows of MNIST are learnt from and none held out; leave --held-out out"
        )
    for name in names:
        row = ROWS[name]
        settings = changed({**row.settings, "epochs": epochs or row.settings["epochs"]}, assignments)
        folder = runs / "-".join([name, str(settings["epochs"]), str(seed), *assignments])
        x, y, x_held, x_test = rows_of(row.data)
        classifier = train(settings, seed, folder, x, y)
        rows = (x_held if held_out else x_test)[:test_rows]
        measured, found = MEASURES[row.measure](classifier, rows, samples)
        if found is not None:
            part = "held-out" if held_out else "test"
            measured += compared(found, folder, f"log_p-{part}-{len(rows)}-{samples}.npy")
        cost = json.loads((folder / "cost.json").read_text())
        print(f"{name}: {measured}; trained {cost['seconds']:.0f} s, {cost['cpu_seconds']:.0f} CPU-s", flush=True)


def changed(settings: dict[str, Any], assignments: tuple[str, ...]) -> dict[str, Any]:
    """Return settings with ``slot.argument=value`` applied."""
    for assignment in assignments:
        path, value = assignment.split("=", 1)
        slot, argument = path.split(".")
        settings = {**settings, slot: {**settings[slot], argument: json.loads(value)}}
    return settings


if __name__ == "__main__":
    main()
