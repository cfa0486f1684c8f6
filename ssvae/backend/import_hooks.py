"""What is done around the first import of a module, without importing it now."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class AroundImport(MetaPathFinder):
    """Runs a module within a context when it is imported; others may look for it before, without importing it.

    Parameters
    ----------
    name : str
        Of the module.
    context : function
        Returns the context; it is called when the module is about to run.
    """

    def __init__(self, name: str, context: Callable[[], AbstractContextManager[object]]) -> None:
        self.name, self.context = name, context
        self._looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname != self.name or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                with self.context():
                    execute(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
