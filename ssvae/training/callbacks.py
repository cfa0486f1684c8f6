"""Training callbacks: the base class, and what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import keras

    from ssvae.models.base import Model
    from ssvae.objective import Objective

# Columns of the history, one entry an epoch: the stage's name, the epoch's number, and numbers. What is written to disk
# and read again is of no known type.
History: TypeAlias = dict[str, list[Any]]
# Arrays of a model's weights, or of the whole state of its training.
Arrays: TypeAlias = list[np.ndarray]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a fit, after the state has been handed to the checkpoint."""


class State(NamedTuple):
    """The state of a stage at the end of an epoch.

    Attributes
    ----------
    stage : str
        Its name.
    epoch : int
        Epochs that are done.
    arrays : list of ndarray
        Weights, then the optimizer's variables.
    """

    stage: str
    epoch: int
    arrays: Arrays


class StagePlan(NamedTuple):
    """What is known of a stage before a fit begins.

    Attributes
    ----------
    epochs : int
        Of the stage in all.
    engine : str
        What runs its steps: "graph mode" or "XLA".
    seconds : float
        Expected, on two cores.
    before : Mapping of str to float
        Other work that comes before it, and the seconds expected of each part.
    """

    epochs: int
    engine: str
    seconds: float
    before: Mapping[str, float] = MappingProxyType({})


class View(NamedTuple):
    """A stage after an epoch, with the weights of that moment.

    Attributes
    ----------
    stage : str
        Its name.
    model : Model
        The model that the stage trains.
    objective : Objective
        What is minimised.
    epochs : int
        Of the stage in all.
    epoch : int
        Those that are done.
    history : dict of list
        Of the fit so far, as in `SSVAEClassifier.history_`.
    """

    stage: str
    model: Model
    objective: Objective
    epochs: int
    epoch: int
    history: History


class Verdict(NamedTuple):
    """What a callback makes of a `View`.

    Attributes
    ----------
    numbers : Mapping of str to float
        For the epoch's line of the history.
    best : bool
        Whether the stage shall end with these weights, unless later ones are better.
    stop : bool
        Whether the stage ends here.
    """

    numbers: Mapping[str, float] = MappingProxyType({})
    best: bool = False
    stop: bool = False


class Callback:
    """Base class of callbacks; override what you need. `keras.callbacks.Callback`s are taken as well."""

    def fit_begin(self, stages: Mapping[str, StagePlan]) -> None:
        """Begin a fit; `stages` are those that are not trained yet, by name and in order."""

    def working(self, what: str) -> None:
        """Note that the fit does something else than steps from here on, such as "compiling"; "": steps again."""

    def worked(self, share: float) -> None:
        """Note that this share is done of what `working` has begun; nothing is said of work that is short."""

    def stage_begin(self, stage: str, epochs: int, done: int) -> None:
        """Stage `stage` begins; `done` of its epochs were run by an earlier, interrupted fit."""

    def advance(self, stage: str, epochs: float) -> None:
        """`epochs` (with a fraction) of the stage are done."""

    def epoch_end(self, stage: str, epoch: int, logs: dict[str, float]) -> None:
        """Epoch number `epoch` (from 0) ended with these mean losses."""

    def watch(self, view: View) -> Verdict:
        """Judge the weights where a stage begins, or resumes, and after each epoch.

        Where a callback overrides this, the compiled loop takes one epoch a call and hands its weights out.
        """
        return Verdict()

    def stage_end(self, stage: str, weights: Arrays) -> None:
        """Stage `stage` is trained."""

    def interrupted(self) -> None:
        """Ctrl-C: the fit ends here."""

    def fit_end(self) -> None:
        """Note that the fit has ended, also where it failed."""


# What the argument `callbacks` takes.
AnyCallback: TypeAlias = "Callback | keras.callbacks.Callback"
