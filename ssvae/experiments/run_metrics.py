"""The numbers of a run: errors of the classifier and of its supervised baseline, calibration, bounds, times."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import numpy as np

from ssvae.evaluation.metrics import bits_per_dim, evaluate
from ssvae.experiments.cross_validation import cross_validate
from ssvae.experiments.report import RunMetrics
from ssvae.experiments.run_training import Fitted, fit_supervised_baseline
from ssvae.registry import slot_name
from ssvae.settings.checks import Settings
from ssvae.types import Dataset

if TYPE_CHECKING:
    from ssvae import SSVAEClassifier


def measure(
    config: Settings,
    dataset: Dataset,
    fitted: Fitted,
    labeled: np.ndarray,
    part: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> tuple[RunMetrics, Mapping[str, object]]:
    """Return the numbers of metrics.json but for the time in all, and every number on the test rows.

    `part` shows what is done inside of it under a name of `PARTS`.
    """
    model, numbers = fitted.classifier, _identity(config, dataset, labeled)
    with part("evaluation"):
        test = {} if dataset.x_test is None else evaluate(model, dataset.x_test, dataset.y_test)
        if dataset.x_valid is not None:
            numbers["valid_error"] = evaluate(model, dataset.x_valid, dataset.y_valid)["error"]
    numbers["test_error"], numbers["supervised_error"] = test.get("error"), None
    if test:
        with part("supervised baseline"):
            numbers["supervised_error"] = _baseline_error(config, dataset, labeled)
    for key in ("bound", "perplexity", "wordless", "ece", "nll", "recall"):
        if key in test:
            numbers[key] = test[key]
    if model.collapse_ is not None:
        numbers["collapse"] = model.collapse_
    levels = _levels(model)
    if "bound" in numbers and levels is not None:
        numbers["bits_per_dim"] = bits_per_dim(numbers["bound"], dataset.x.shape[1], levels)
    if dataset.row_keys is not None:
        with part("plain classifiers"):
            group = config["dataset"].get("group")
            groups = None if group is None else dataset.row_keys[group]
            numbers["cross_validation"] = cross_validate(dataset.x, labeled, dataset.y, config["seed"], groups)
    if safe := vars(model).get("safe_report_"):
        numbers["safe"] = {**safe, "groups_split": config["dataset"].get("group") is not None}
    numbers["seconds_fit"] = fitted.seconds
    return numbers, test


def _baseline_error(config: Settings, dataset: Dataset, labeled: np.ndarray) -> float:
    baseline = fit_supervised_baseline(config, dataset, labeled).classifier
    with warnings.catch_warnings():  # few rows have no gap in many a column; the classifier's own warning counts
        warnings.filterwarnings("ignore", "columns .* have missing cells, and had none in fit")
        return float(evaluate(baseline, dataset.x_test, dataset.y_test)["error"])


def _levels(classifier: SSVAEClassifier) -> int | None:
    """Return n where the bound less log n nats a column is of a probability, 1 where it is of one as it stands.

    None: it is of a density, which depends on the units and has no bits, or of words, which have a perplexity.
    """
    levels, identity = classifier.likelihood_.bits_levels, classifier.preprocessing_.identity
    return levels if levels == 1 or identity else None  # another scale makes another density of grey levels


def _identity(config: Settings, dataset: Dataset, labeled: np.ndarray) -> RunMetrics:
    name = slot_name(config["classifier"]["model"])
    return {"dataset": dataset.name, "model": name, "labels": len(labeled), "seed": config["seed"]}
