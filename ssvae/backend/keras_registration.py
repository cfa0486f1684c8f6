"""Makes the models and likelihoods known to Keras as soon as both Keras and ssvae are imported, without importing them.

``keras.saving.load_model`` finds a class by the name that it is registered under. Until its own module is imported,
which registers it, a class stands there as a `Deferred`, which imports it when a model is made of it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from ssvae.registry import LazyTable, imported

TABLES = ("ssvae.models:MODELS", "ssvae.likelihoods:LIKELIHOODS")


class Deferred:
    """Stands for a class that has not been imported."""

    def __init__(self, where: str) -> None:
        self.where = where

    def from_config(self, config: Mapping[str, object]) -> object:
        """Return an object of the class, as its own ``from_config`` makes it."""
        return imported(self.where).from_config(config)


class WhenKerasIsImported(MetaPathFinder):
    """Registers the classes behind the import of Keras; others may look for Keras before, without importing it."""

    _looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname != "keras" or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec("keras")
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                    _register(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def register() -> None:
    """Register the classes, now if Keras is imported, else when it will be."""
    keras = sys.modules.get("keras")
    if keras is not None and "saving" in vars(keras):
        _register(keras)
    elif keras is None:
        sys.meta_path.insert(0, WhenKerasIsImported())


def _register(keras: ModuleType) -> None:
    known = keras.saving.get_custom_objects()
    for path in TABLES:
        table: LazyTable[type] = imported(path)
        for where in table.paths():
            known.setdefault(f"ssvae>{where.split(':')[1]}", Deferred(where))
