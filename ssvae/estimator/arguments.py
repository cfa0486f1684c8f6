"""The constructor's arguments: checked, under their present names, and as JSON can hold them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, get_type_hints

import keras
import numpy as np

from ssvae.gradients import GRADIENTS
from ssvae.inference import INFERENCES
from ssvae.likelihoods import LIKELIHOODS
from ssvae.models import MODELS
from ssvae.models.base import Model
from ssvae.preprocessing import PREPROCESSING
from ssvae.preprocessing.base import Preprocessing
from ssvae.registry import Component, LazyTable, former_names, slot_name
from ssvae.regularizers import REGULARIZERS
from ssvae.settings.checks import Setting, Settings, accepts, describe
from ssvae.settings.ranges import check_ranges
from ssvae.settings.renamed import DEPRECATED, RENAMED, present_names, refuse_both, warn
from ssvae.training.callbacks import Callback

if TYPE_CHECKING:
    from ssvae.estimator.classifier import SSVAEClassifier

TABLES: dict[str, LazyTable[type]] = {
    "model": MODELS,
    "likelihood": LIKELIHOODS,
    "preprocessing": PREPROCESSING,
    "inference": INFERENCES,
    "gradient": GRADIENTS,
    "class_gradient": GRADIENTS,
    "regularizers": REGULARIZERS,
}
# Arguments of a call of `fit`, not of what is learnt: no saved classifier or checkpoint depends on them.
NOT_STORED = ("callbacks", "verbose", "random_state", "strategy")
# Keras' callbacks that work through its optimizer or its count of steps, and what to do instead.
NEED_KERAS_LOOP: dict[type, str] = {
    keras.callbacks.BackupAndRestore: "give ssvae.callbacks.Checkpoint",
    keras.callbacks.LearningRateScheduler: "give learning_rate and schedule='cosine' or 'constant'",
    keras.callbacks.ProgbarLogger: "give verbose=1",
    keras.callbacks.ReduceLROnPlateau: "give learning_rate and schedule='cosine'",
    keras.callbacks.SwapEMAWeights: "leave it out",
    keras.callbacks.TensorBoard: "give keras.callbacks.CSVLogger, or a ssvae.callbacks.Callback with epoch_end",
}
# Arguments of a model's constructor that `fit` supplies, so that a slot neither may nor need hold them.
SUPPLIED_BY_FIT = ("features", "classes", "likelihood", "latent_likelihood", "update", "baseline", "seed")


def present(estimator: SSVAEClassifier) -> Settings:
    """Return all arguments by their present names; a value given under an old name counts."""
    found = estimator.get_params(deep=False)
    for old, name in RENAMED.items():
        value = found.pop(old)
        found[name] = found[name] if _is_default(value, DEPRECATED) else value
    return found


def _is_default(value: object, default: object) -> bool:
    """Say whether a value is the default; arrays, which have no one answer, are none."""
    return isinstance(value, type(default)) and value == default


def read(written: Mapping[str, object]) -> Settings:
    """Return arguments that this or an older version wrote, and their components' arguments, by their present names."""
    found = present_names(written)
    return {name: _read_slot(TABLES[name], value) if name in TABLES else value for name, value in found.items()}


def _read_slot(table: LazyTable[type], slot: object) -> object:
    if isinstance(slot, list):
        return [_read_slot(table, each) for each in slot]
    name = slot_name(slot)
    if not isinstance(slot, Mapping) or name not in table.names():
        return slot
    former = former_names(table.get(name))
    return {former.get(key, key): value for key, value in slot.items()}


def stored(estimator: SSVAEClassifier) -> Settings:
    """Return the arguments that a trained classifier depends on."""
    return {name: value for name, value in present(estimator).items() if name not in NOT_STORED}


def check(estimator: SSVAEClassifier) -> None:
    """Check the types, numbers and names that can be checked without data.

    Raises
    ------
    ValueError
        Naming the argument.
    """
    given, defaults = estimator.get_params(deep=False), inspect.signature(type(estimator)).parameters
    for old, new in RENAMED.items():
        if not _is_default(given[old], DEPRECATED):
            if not _is_default(given[new], defaults[new].default):
                refuse_both(old)
            warn(old)
    arguments, hints = present(estimator), get_type_hints(type(estimator).__init__)
    for name, value in arguments.items():
        plain = value.item() if isinstance(value, np.generic) else value
        if name != "regularizers" and name in hints and not accepts(hints[name], plain):
            raise ValueError(f"{name} must be {describe(hints[name])}, got {value!r}")
    check_ranges(arguments)
    _check_callbacks(arguments["callbacks"] or ())


# Of Keras' callbacks: steps run many at a time, inside one program.
BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


def _check_callbacks(callbacks: Sequence[object]) -> None:
    """Check that each is a callback, and none that needs Keras' own training loop."""
    for callback in callbacks:
        if not isinstance(callback, Callback | keras.callbacks.Callback):
            raise ValueError(
                f"callbacks holds {callback!r}: give objects of ssvae.callbacks.Callback or keras.callbacks.Callback"
            )
        for kind, instead in NEED_KERAS_LOOP.items():
            if isinstance(callback, kind):
                raise ValueError(
                    f"callback {kind.__name__} works through Keras' own training loop, not used here: {instead}"
                )
        if isinstance(callback, keras.callbacks.ModelCheckpoint) and callback.save_freq != "epoch":
            raise ValueError(f"callback ModelCheckpoint has save_freq={callback.save_freq!r}: give 'epoch'")
        hooks = [name for name in BATCH_HOOKS if name in _own_methods(callback)]
        if hooks:
            warnings.warn(
                f"callback {type(callback).__name__}: {hooks[0]} is never called, as steps run many at a time; use "
                "on_epoch_end",
                UserWarning,
                stacklevel=5,
            )


def _own_methods(callback: object) -> set[str]:
    """Return the names of what a user's own classes define, below the first of Keras' own."""
    found: set[str] = set()
    for kind in type(callback).__mro__:
        if kind in vars(keras.callbacks).values():
            break
        found |= vars(kind).keys()
    return found


def as_json(slot: str, value: object) -> Setting:
    """Return an argument's value as JSON can hold it: an object becomes its name and constructor arguments.

    Raises
    ------
    ValueError
        If the object is not registered, so that `ssvae.load` could not make it again.
    """
    if isinstance(value, list | tuple):
        return [as_json(slot, part) for part in value]
    if isinstance(value, Mapping):
        return {key: as_json("", part) for key, part in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    return {key: as_json("", part) for key, part in described(slot, value).items()}


def described(slot: str, component: object) -> dict[str, object]:
    """Return a component as JSON: its name and constructor arguments, but for those that `fit` supplies.

    Raises
    ------
    ValueError
        If it is not registered.
    """
    name = TABLES[slot].name_of(component) if slot in TABLES else None
    if name is None or not isinstance(component, Component | Preprocessing | Model):
        raise ValueError(
            f"{slot or 'a setting'} holds {type(component).__name__}, which is not registered: it cannot be saved"
        )
    config = component.get_config()
    own = {key: part for key, part in config.items() if slot != "model" or key not in SUPPLIED_BY_FIT}
    return {**{key: as_json("", part) for key, part in own.items()}, "name": name}
