"""The supervised twin: the settings of the classifier network alone, learnt from the labelled rows alone."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import ssvae
from ssvae.registry import imported


def settings(classifier: Mapping[str, Any]) -> dict[str, Any]:
    """Return the twin's settings where they differ: the network of q(y | x), and a training of its own length.

    Widths and activation are those of the model's classifier network (M2's in a stack), if it has one.
    """
    slot = classifier["model"] if isinstance(classifier["model"], Mapping) else {"name": classifier["model"]}
    model = imported("ssvae.models:MODELS").get(slot["name"])
    network: dict[str, Any] = {}
    if issubclass(model, imported("ssvae.models.capabilities:HasClasses")):
        given = _defaults(model) | dict(slot)
        given |= given["m2"] if isinstance(given.get("m2"), Mapping) else {}
        network = {name: given[name] for name in ("activation", "normalization") if name in given}
        network["hidden"] = given.get("classifier_hidden") or imported("ssvae.networks.widths:deeper")(given["hidden"])
    own: dict[str, Any] = {
        "model": {"name": "supervised", **network},
        "epochs": _defaults(ssvae.SSVAEClassifier)["epochs"],
    }
    if "strategy" in classifier:
        own["strategy"] = "one"  # a small network, and few rows
    # A setting by stage: the twin has the one stage, and its network is trained in the model's last.
    staged = {key: value for key, value in classifier.items() if isinstance(value, Mapping) and "name" not in value}
    if staged.pop("early_stopping", None) is not None:
        own["early_stopping"] = None  # the network alone has no bound
    return {**{key: list(value.values())[-1] for key, value in staged.items()}, **own}


def _defaults(factory: Any) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(factory).parameters.items()}
