"""The rows of Mnih and Gregor (2014) and of Hjelm et al. (2015) with binary latents, and others on the same nets.

References
----------
Neural Variational Inference and Learning in Belief Networks (Mnih and Gregor, 2014): its tables of binarised MNIST and
of documents.
Iterative Refinement of Approximate Posterior for Training Directed Belief Networks (Hjelm et al., 2015): its table of
binary models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ssvae.experiments.reproductions.base import Row

PLAIN = {"name": "amortized", "kl_warm_up": 0.0}
PIXELS = {"likelihood": "bernoulli", "batch_size": 100, "learning_rate": 3e-3, "inference": PLAIN}
COUNTS = {"likelihood": "multinomial", "preprocessing": "identity", "batch_size": 100, "learning_rate": 3e-3}
WAKE_SLEEP = "wake_sleep"
REWEIGHTED = {"name": "rws", "samples": 10}
REFINED = {
    "name": "importance_refined", "steps": 20, "samples": 20, "test_steps": 100, "test_samples": 100,
    "kl_warm_up": 0.0, "warm_start": 0.92,
}  # fmt: skip


def _pixels(
    latent: Sequence[int], paper: str, epochs: int, gradient: str | Mapping[str, object] = "nvil", **more: object
) -> Row:
    """Return a row of fixed binarised MNIST; `more` is of the model."""
    model = {"name": "sbn", "latent": list(latent), **more}
    return Row("binarized_mnist", {**PIXELS, "model": model, "gradient": gradient, "epochs": epochs}, "density", paper)


OF_WORDS: Mapping[str, list[str]] = {"sbn": [], "fdarn": ["latent"]}  # model -> what is autoregressive


def _words(
    data: str, model: str, latent: int, paper: str, epochs: int, gradient: str | Mapping[str, object] = "nvil"
) -> Row:
    """Return a row of word counts."""
    own = {"name": model, "latent": [latent], "autoregressive": OF_WORDS[model]}
    return Row(data, {**COUNTS, "model": own, "gradient": gradient, "epochs": epochs}, "words", paper)


def _refined(paper: str, epochs: int) -> Row:
    """Return the row of adaptive importance refinement."""
    settings = {**PIXELS, "model": {"name": "sbn", "latent": [200]}, "epochs": epochs}
    return Row("binarized_mnist", {**settings, "inference": REFINED, "gradient": REWEIGHTED}, "refined", paper)


POSTERIOR, BOTH = ["posterior"], ["latent", "visible"]
TABLE = {
    "sbn-200": _pixels([200], "113.1", 2000),
    "sbn-500": _pixels([500], "112.8", 1000),
    "sbn-200-200": _pixels([200, 200], "99.8", 1500),
    "sbn-200-200-200": _pixels([200, 200, 200], "96.7", 1500),
    "sbn-200-200-500": _pixels([200, 200, 500], "97.0", 1000),
    "sbn-200-wake-sleep": _pixels([200], "120.8", 2000, WAKE_SLEEP),
    "sbn-200-200-wake-sleep": _pixels([200, 200], "107.7", 1500, WAKE_SLEEP),
    "sbn-200-200-200-wake-sleep": _pixels([200, 200, 200], "102.2", 1500, WAKE_SLEEP),
    "sbn-200-200-200-best": _pixels([200, 200, 200], "96.7", 250, REWEIGHTED),
    "sbn-200-autoregressive": _pixels([200], "103.8", 1500, autoregressive=POSTERIOR),
    "sbn-500-autoregressive": _pixels([500], "104.4", 100, autoregressive=POSTERIOR),
    "sbn-200-200-200-autoregressive": _pixels([200, 200, 200], "94.5", 100, autoregressive=POSTERIOR),
    "sbn-200-200-500-autoregressive": _pixels([200, 200, 500], "96.0", 100, autoregressive=POSTERIOR),
    "fdarn-200": _pixels([200], "92.5", 400, name="fdarn", autoregressive=BOTH),
    "fdarn-500": _pixels([500], "90.7", 300, name="fdarn", autoregressive=BOTH),
    "sbn-200-refined": _refined("106.7 (bound), 102.4", 250),
    "newsgroups-sbn-50": _words("newsgroups", "sbn", 50, "909", 300),
    "newsgroups-fdarn-50": _words("newsgroups", "fdarn", 50, "917", 300),
    "newsgroups-sbn-50-best": _words("newsgroups", "sbn", 50, "909", 150, REWEIGHTED),
    "newsgroups-fdarn-50-best": _words("newsgroups", "fdarn", 50, "917", 150, REWEIGHTED),
    "rcv1-sbn-50": _words("rcv1", "sbn", 50, "784", 50),
    "rcv1-fdarn-50": _words("rcv1", "fdarn", 50, "724", 50),
    "rcv1-fdarn-200": _words("rcv1", "fdarn", 200, "598", 50),
}
