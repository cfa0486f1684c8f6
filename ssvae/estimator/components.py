"""The components of one fit, built from the estimator's arguments and checked against each other and the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

from ssvae.estimator import auto
from ssvae.estimator.arguments import SUPPLIED_BY_FIT, check, present
from ssvae.estimator.validation import feature_names, refuse_missing
from ssvae.estimator.value_range import check_range
from ssvae.gradients import GRADIENTS
from ssvae.inference import INFERENCES
from ssvae.likelihoods import LIKELIHOODS
from ssvae.likelihoods.base import Likelihood
from ssvae.models import MODELS
from ssvae.models.base import Model
from ssvae.models.capabilities import HasClasses, HasDensity
from ssvae.models.m1 import M1
from ssvae.objective import Objective
from ssvae.preprocessing import PREPROCESSING
from ssvae.preprocessing.base import Preprocessing
from ssvae.readers.base import Rows, RowSource
from ssvae.registry import Slot
from ssvae.regularizers import REGULARIZERS
from ssvae.regularizers.base import Regularizer

if TYPE_CHECKING:
    from ssvae.estimator.classifier import SSVAEClassifier

RESIDENT = 2**30  # bytes of rows on disk that are read into memory where a regularizer compares all of them


class Components(NamedTuple):
    """What `fit` trains and applies."""

    likelihood: Likelihood
    preprocessing: Preprocessing  # fitted
    model: Model
    objective: Objective

    @classmethod
    def build(
        cls,
        estimator: SSVAEClassifier,
        x: Rows,
        extremes: tuple[float, float],
        classes: int,
        load: Callable[[str], SSVAEClassifier],
    ) -> tuple[Self, Rows]:
        """Build every slot of the estimator for rows x [N, D]; return the preprocessed rows, too.

        Parameters
        ----------
        estimator : SSVAEClassifier
        x : Rows
        extremes : tuple of float
            The least and the greatest cell of x, NaN where cells are missing.
        classes : int
            K.
        load : callable
            Opens a saved M1.

        Raises
        ------
        ValueError
            If a name, a number or a combination is not allowed.
        """
        check(estimator)
        slot = _own_likelihood(estimator.model, estimator.likelihood)
        named = feature_names(estimator)
        names = () if named is None else named.tolist()
        given = slot, estimator.preprocessing, estimator.columns
        likelihood = LIKELIHOODS.build(auto.likelihood(x, extremes, names, *given))
        preprocessing = PREPROCESSING.build(auto.preprocessing(estimator.preprocessing, likelihood))
        if math.isnan(extremes[0]) and not preprocessing.takes_gaps:
            refuse_missing(x, named)
        objective = _objective(estimator)
        x = with_all_rows(x, objective.regularizers)
        rows = preprocessing.fit(x).transformed(x)
        likelihood = likelihood.with_gaps(x.shape[1], preprocessing.gaps)
        kinds = type(likelihood).__name__, type(preprocessing).__name__
        known = extremes if preprocessing.identity else None
        check_range(kinds[0], likelihood.support, kinds[1], rows, known)
        features = rows.shape[1]
        model = MODELS.build(
            _with_trained_m1(estimator.model, load), **_context(features, classes, likelihood, objective)
        )
        _fits(model, features, classes)
        return cls(likelihood, preprocessing, model, objective), rows

    @classmethod
    def rebuild(
        cls,
        estimator: SSVAEClassifier,
        likelihood: Slot[Likelihood],
        model: Slot[Model],
        features: int,
        classes: int,
    ) -> Self:
        """Build the components of a saved estimator, whose preprocessing is there already, from names and arguments."""
        built = LIKELIHOODS.build(likelihood)
        objective = _objective(estimator)
        context = _context(features, classes, built, objective)
        return cls(built, estimator.preprocessing_, MODELS.build(model, **context), objective)


def _with_trained_m1(slot: Slot[Model], load: Callable[[str], SSVAEClassifier]) -> Slot[Model]:
    """Replace ``m1: {trained: FOLDER}`` in a model's slot by the M1 that is saved there.

    Raises
    ------
    ValueError
        If the path holds no saved M1, or the slot has an argument that fit sets.
    """
    if not isinstance(slot, Mapping):
        return slot
    for name in sorted({*SUPPLIED_BY_FIT} & {*slot} - {"seed"}):
        raise ValueError(f"{name} of a model is set by fit: leave it out, got {slot[name]!r}")
    first = slot.get("m1")
    if not isinstance(first, Mapping) or "trained" not in first:
        return slot
    model = load(first["trained"]).model_
    if not isinstance(model, M1):
        raise ValueError(f"model.m1.trained: {first['trained']} holds {MODELS.name_of(model)!r}, not 'm1'")
    return {**slot, "m1": model}


def _own_likelihood(model: Slot[Model], slot: Slot[Likelihood]) -> Slot[Likelihood]:
    """Return the slot of the likelihood; where the model is an object, that of the model in place of "auto".

    Raises
    ------
    ValueError
        If the slot holds another likelihood than the model.
    """
    if not isinstance(model, Model):
        return slot
    if not auto.is_auto(slot) and LIKELIHOODS.build(slot) != model.likelihood:
        raise ValueError(
            f"likelihood={slot!r} is not that of the model, {model.likelihood!r}: leave likelihood out, or make the "
            "model with this one"
        )
    return model.likelihood


def _context(features: int, classes: int, likelihood: Likelihood, objective: Objective) -> dict[str, object]:
    """Return what a model may ask for in its constructor."""
    latent, update = LIKELIHOODS.build("gaussian"), objective.inference.update
    known = {"features": features, "classes": classes, "likelihood": likelihood, "latent_likelihood": latent}
    return {**known, "update": update, "baseline": objective.gradient.baseline}


def _objective(estimator: SSVAEClassifier) -> Objective:
    arguments = present(estimator)
    return Objective(
        INFERENCES.build(arguments["inference"]),
        GRADIENTS.build(arguments["gradient"]),
        GRADIENTS.build(arguments["class_gradient"]),
        alpha=float(arguments["alpha"]),
        weight_prior=float(arguments["weight_prior"]),
        bound_gradient_weight=float(arguments["bound_gradient_weight"]),
        regularizers=_regularizers(arguments["regularizers"]),
    )


def _regularizers(slots: Sequence[Slot[Regularizer]]) -> tuple[Regularizer, ...]:
    if not isinstance(slots, list | tuple):
        raise ValueError(f"regularizers must be a list, [] for none, got {slots!r}: write [{slots!r}]")
    return tuple(REGULARIZERS.build(slot) for slot in slots)


def with_all_rows(x: Rows, regularizers: tuple[Regularizer, ...]) -> Rows:
    """Return rows x [N, D]; of a source that is no larger than `RESIDENT`, in memory if a regularizer compares them."""
    wanted = any(own.neighbours or own.needs_propagated_labels for own in regularizers)
    return x[:] if isinstance(x, RowSource) and wanted and x.nbytes <= RESIDENT else x


def _fits(model: Model, features: int, classes: int) -> None:
    """Check a model that was handed in as an object."""
    if not isinstance(model, HasDensity | HasClasses):
        raise ValueError(
            "a model must subclass HasDensity or HasClasses of ssvae.models.capabilities, and "
            f"{type(model).__name__} subclasses neither"
        )
    own = model.classes if isinstance(model, HasClasses) else classes
    for name, has, wanted in (("features", model.features, features), ("classes", own, classes)):
        if has != wanted:
            raise ValueError(f"the model was made for {name}={has}, the data have {wanted}: make a new one")
