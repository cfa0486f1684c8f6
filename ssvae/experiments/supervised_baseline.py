"""The supervised baseline: settings that train the classifier network alone on the labelled rows alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import ssvae
from ssvae.registry import imported
from ssvae.settings.checks import Settings


def settings(classifier: Settings) -> Settings:
    """Return the settings of the classifier that differ: the network of q(y | x), and epochs of its own.

    Widths and activation are those of the model's network of q(y | x), if it has one.
    """
    slot = classifier["model"] if isinstance(classifier["model"], Mapping) else {"name": classifier["model"]}
    model = imported("ssvae.models:MODELS").get(slot["name"])
    network: Settings = {}
    if issubclass(model, imported("ssvae.models.capabilities:HasClasses")):
        given = model.classifier_arguments(_defaults(model) | dict(slot))
        network = {name: given[name] for name in ("activation", "normalization") if name in given}
        network["hidden"] = given.get("classifier_hidden") or imported("ssvae.networks.widths:deeper")(given["hidden"])
    own: Settings = {
        "model": {"name": "supervised", **network},
        "epochs": _defaults(ssvae.SSVAEClassifier)["epochs"],
    }
    if "strategy" in classifier:
        own["strategy"] = "one"  # a small network, and few rows
    if classifier.get("safe"):
        own["safe"] = False  # the network alone
    # Of settings by stage the last stage's, in which the model trains this network: the baseline has one stage.
    staged = {key: value for key, value in classifier.items() if isinstance(value, Mapping) and "name" not in value}
    if staged.pop("early_stopping", None) is not None:
        own["early_stopping"] = None  # the network alone has no bound
    return {**{key: list(value.values())[-1] for key, value in staged.items()}, **own}


def _defaults(factory: Callable[..., object]) -> Settings:
    return {name: p.default for name, p in inspect.signature(factory).parameters.items()}
