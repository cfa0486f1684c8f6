"""Makes the models and likelihoods known to Keras as soon as both Keras and ssvae are imported, without importing them.

``keras.saving.load_model`` finds a class by the name that it is registered under. Until its own module is imported,
which registers it, a class stands there as a `Deferred`, which imports it when a model is made of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

from ssvae.backend.import_hooks import AroundImport
from ssvae.registry import LazyTable, imported

TABLES = ("ssvae.models:MODELS", "ssvae.likelihoods:LIKELIHOODS")


class Deferred:
    """Stands for a class that has not been imported."""

    def __init__(self, where: str) -> None:
        self.where = where

    def from_config(self, config: Mapping[str, object]) -> object:
        """Return an object of the class, as its own ``from_config`` makes it."""
        return imported(self.where).from_config(config)


@contextmanager
def registering() -> Iterator[None]:
    """Register the classes behind what is done meanwhile, the import of Keras."""
    yield
    _register(sys.modules["keras"])


def register() -> None:
    """Register the classes, now if Keras is imported, else when it will be."""
    keras = sys.modules.get("keras")
    if keras is not None and "saving" in vars(keras):
        _register(keras)
    elif keras is None:
        sys.meta_path.insert(0, AroundImport("keras", registering))


def _register(keras: ModuleType) -> None:
    known = keras.saving.get_custom_objects()
    for path in TABLES:
        table: LazyTable[type] = imported(path)
        for where in table.paths():
            known.setdefault(f"ssvae>{where.split(':')[1]}", Deferred(where))
