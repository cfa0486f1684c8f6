"""The pieces of one fit, made from the estimator's slots and checked against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self, get_type_hints

import numpy as np

from ssvae.backend.engine import ENGINES, PRECISIONS
from ssvae.estimator import auto
from ssvae.gradients import GRADIENTS
from ssvae.inference import INFERENCES
from ssvae.likelihoods import LIKELIHOODS
from ssvae.models import MODELS
from ssvae.objective import Objective
from ssvae.preprocessing import PREPROCESSING
from ssvae.readers.base import transformed
from ssvae.registry import LazyTable
from ssvae.regularizers import REGULARIZERS
from ssvae.settings.checks import accepts, describe

TABLES: dict[str, LazyTable[type]] = {
    "model": MODELS,
    "likelihood": LIKELIHOODS,
    "preprocessing": PREPROCESSING,
    "inference": INFERENCES,
    "gradient": GRADIENTS,
    "class_gradient": GRADIENTS,
    "regularizers": REGULARIZERS,
}
ROWS = 256  # made dense at a time, where the first that is out of range is looked for
# What fit supplies.
NOT_PLAIN = ("features", "classes", "likelihood", "latent_likelihood", "update", "baseline", "seed")


class Assembly(NamedTuple):
    """What `fit` works with."""

    likelihood: Any
    preprocessing: Any  # fitted
    model: Any
    objective: Objective

    @classmethod
    def of(cls, estimator: Any, x: np.ndarray, index: np.ndarray, load: Callable[[str], Any]) -> Self:
        """Build every slot of the estimator for rows x [N, D] with class index [N]; `load` opens a saved M1.

        Raises
        ------
        ValueError
            If a name, a number or a combination is not allowed.
        """
        _kinds(estimator)
        _numbers(estimator)
        likelihood = LIKELIHOODS.build(auto.likelihood(x, estimator.likelihood, estimator.preprocessing))
        preprocessing = PREPROCESSING.build(auto.preprocessing(estimator.preprocessing, likelihood))
        preprocessing.fit(x)
        features, classes = preprocessing.transform(x[:1]).shape[1], int(index.max()) + 1
        _range(likelihood, preprocessing, x)
        objective = _objective(estimator)
        model = MODELS.build(_opened(estimator.model, load), **_context(features, classes, likelihood, objective))
        _fits(model, features, classes)
        return cls(likelihood, preprocessing, model, objective)

    @classmethod
    def restored(cls, estimator: Any, likelihood: Any, model: Any, features: int, classes: int) -> Self:
        """Build the pieces of a saved estimator, whose preprocessing stands already, from plain slots."""
        built = LIKELIHOODS.build(likelihood)
        objective = _objective(estimator)
        context = _context(features, classes, built, objective)
        return cls(built, estimator.preprocessing_, MODELS.build(model, **context), objective)


def plain(slot: str, value: Any) -> Any:
    """Return a slot's value as JSON can hold it: an object becomes its name and constructor arguments.

    Raises
    ------
    ValueError
        If the object stands in no table, so that `ssvae.load` could not make it again.
    """
    if isinstance(value, list | tuple):
        return [plain(slot, part) for part in value]
    if isinstance(value, dict):
        return {key: plain("", part) for key, part in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    name = TABLES[slot].name_of(value) if slot in TABLES else None
    if name is None:
        raise ValueError(
            f"{slot or 'a setting'} holds {type(value).__name__}, which stands in no table: it cannot be saved"
        )
    config = {key: part for key, part in value.get_config().items() if slot != "model" or key not in NOT_PLAIN}
    return {**plain("", config), "name": name}


def _opened(slot: Any, load: Callable[[str], Any]) -> Any:
    """Replace ``m1: {trained: FOLDER}`` in a model's slot by the M1 that is saved there.

    Raises
    ------
    ValueError
        If the path holds no saved M1, or the slot has an argument that fit supplies.
    """
    for name in sorted({*NOT_PLAIN} & {*slot} - {"seed"}) if isinstance(slot, Mapping) else ():
        raise ValueError(f"{name} of a model is what fit supplies: leave it out, got {slot[name]!r}")
    first = slot.get("m1") if isinstance(slot, Mapping) else None
    if not isinstance(first, Mapping) or "trained" not in first:
        return slot
    model = load(first["trained"]).model_
    if MODELS.name_of(model) != "m1":
        raise ValueError(f"model.m1.trained: {first['trained']} holds {MODELS.name_of(model)!r}, not 'm1'")
    return {**slot, "m1": model}


def _context(features: int, classes: int, likelihood: Any, objective: Objective) -> dict[str, Any]:
    """Return what a model may ask for in its constructor."""
    latent, update = LIKELIHOODS.build("gaussian"), getattr(objective.inference, "update", None)
    known = {"features": features, "classes": classes, "likelihood": likelihood, "latent_likelihood": latent}
    return {**known, "update": update, "baseline": getattr(objective.gradient, "baseline", None)}


def _objective(estimator: Any) -> Objective:
    return Objective(
        INFERENCES.build(estimator.inference),
        GRADIENTS.build(estimator.gradient),
        GRADIENTS.build(estimator.class_gradient),
        alpha=float(estimator.alpha),
        pull=float(estimator.pull),
        regularizers=_regularizers(estimator.regularizers),
    )


def _regularizers(slots: Any) -> tuple[Any, ...]:
    if not isinstance(slots, list | tuple):
        raise ValueError(f"regularizers must be a list, [] for none, got {slots!r}: write [{slots!r}]")
    return tuple(REGULARIZERS.build(slot) for slot in slots)


def _kinds(estimator: Any) -> None:
    """Check every argument against its annotation, as settings in YAML are."""
    hints = get_type_hints(type(estimator).__init__)
    for name, value in estimator.get_params(deep=False).items():
        plain_value = value.item() if isinstance(value, np.generic) else value
        if name != "regularizers" and not accepts(hints.get(name, Any), plain_value):
            raise ValueError(f"{name} must be {describe(hints[name])}, got {value!r}")


def _numbers(estimator: Any) -> None:
    """Check the plain numbers and words of the estimator."""
    if not 0.0 <= estimator.alpha < np.inf:
        raise ValueError(f"alpha must be >= 0, got {estimator.alpha!r}")
    for argument in ("epochs", "batch_size", "labeled_batch_size", "learning_rate"):
        value = getattr(estimator, argument)
        if value is None and argument == "labeled_batch_size":
            continue
        for number in value.values() if isinstance(value, dict) else [value]:
            if number == "auto" and argument == "epochs":
                continue
            if not (isinstance(number, int | float | np.number) and 0 < number < np.inf):
                raise ValueError(f"{argument} must be > 0 (or a dict of such by stage), got {value!r}")
    for argument, allowed in (("engine", ENGINES), ("precision", PRECISIONS)):
        if getattr(estimator, argument) not in allowed:
            raise ValueError(f"{argument} must be one of {list(allowed)}, got {getattr(estimator, argument)!r}")
    if estimator.schedule not in ("cosine", "constant"):
        raise ValueError(f"schedule must be 'cosine' or 'constant', got {estimator.schedule!r}")
    if not 0.0 <= estimator.pull <= 1.0:
        raise ValueError(f"pull must be in [0, 1], got {estimator.pull!r}")


def _range(likelihood: Any, preprocessing: Any, x: np.ndarray) -> None:
    low, high = getattr(likelihood, "support", (-np.inf, np.inf))
    t = transformed(x, preprocessing.transform)
    if t.min() < low or t.max() > high:
        row, column, value = _first_outside(t, low, high)
        raise ValueError(
            f"likelihood {type(likelihood).__name__} needs values in [{low:g}, {high:g}], row {row}, column {column} "
            f"is {value:g} after preprocessing {type(preprocessing).__name__}: scale the columns, or use "
            "likelihood='gaussian'"
        )


def _first_outside(t: Any, low: float, high: float) -> tuple[int, int, float]:
    """Return row, column and value of the first cell that is out of range."""
    for start in range(0, len(t), ROWS):
        values = np.asarray(t[start : start + ROWS])
        for row, column in np.argwhere((values < low) | (values > high)):
            return start + int(row), int(column), float(values[row, column])
    raise AssertionError("all cells are in range")


def _fits(model: Any, features: int, classes: int) -> None:
    """Check a model that was handed in as an object."""
    for name, wanted in (("features", features), ("classes", classes)):
        has = getattr(model, name, wanted)
        if has != wanted:
            raise ValueError(f"the model was made for {name}={has}, the data have {wanted}: make it anew")
