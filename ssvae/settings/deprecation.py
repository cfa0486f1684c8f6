"""Deprecated names: the warning that a user of one sees, and the modules that have moved."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# Former module -> its successor; the modules in a folder moved with it.
MOVED = {
    "ssvae.classifier": "ssvae.estimator.classifier",
    "ssvae.artefact": "ssvae.estimator.persistence",
    "ssvae.stopping": "ssvae.callbacks",
    "ssvae.sampling": "ssvae.bayes_nets.sampling",
    "ssvae.mcem": "ssvae.bayes_nets.mcem",
    "ssvae.diagnostics": "ssvae.bayes_nets.diagnostics",
    "ssvae.draws": "ssvae.bayes_nets.draws",
    "ssvae.chains": "ssvae.bayes_nets.chains",
    "ssvae.annealing": "ssvae.bayes_nets.annealed_importance",
    "ssvae.reciprocal": "ssvae.bayes_nets.reciprocal_estimator",
    "ssvae.quadrature": "ssvae.bayes_nets.grid_quadrature",
    "ssvae.metric": "ssvae.bayes_nets.mass_matrix",
    "ssvae.resampling": "ssvae.bayes_nets.iterated_sir",
    "ssvae.samplers": "ssvae.bayes_nets.samplers",
    "ssvae.bayes_nets.forms": "ssvae.bayes_nets.posterior_density",
    "ssvae.evidence": "ssvae.evaluation.log_likelihood",
    "ssvae.gap": "ssvae.evaluation.inference_gap",
    "ssvae.gap_report": "ssvae.evaluation.inference_gap_report",
    "ssvae.climbs": "ssvae.evaluation.refinement_paths",
    "ssvae.topics": "ssvae.evaluation.topics",
    "ssvae.config": "ssvae.settings.files",
    "ssvae.schema": "ssvae.settings.schema",
    "ssvae.checks": "ssvae.settings.checks",
    "ssvae.experiment": "ssvae.experiments.run",
    "ssvae.runs": "ssvae.experiments.run_folder",
    "ssvae.twin": "ssvae.experiments.supervised_baseline",
    "ssvae.exports": "ssvae.experiments.exports",
    "ssvae.report": "ssvae.experiments.report",
    "ssvae.reproductions": "ssvae.experiments.reproductions",
    "ssvae.figures": "ssvae.plots.primitives",
    "ssvae.gallery": "ssvae.plots.run_figures",
    "ssvae.climb_figures": "ssvae.plots.refinement_figures",
    "ssvae.climb_gallery": "ssvae.plots.refinement_figures",
    "ssvae.sources": "ssvae.readers",
    "ssvae.datasets.files": "ssvae.readers.read",
    "ssvae.datasets.labels": "ssvae.readers.label_columns",
    "ssvae.labels": "ssvae.estimator.labels",
    "ssvae.sparse": "ssvae.readers.sparse_table",
    "ssvae.peers": "ssvae.regularizers.nearest_neighbors",
    "ssvae.propagation": "ssvae.regularizers.label_propagation",
    "ssvae.distribution": "ssvae.distributed.strategy",
    "ssvae.cluster": "ssvae.distributed.cluster",
    "ssvae.launch": "ssvae.distributed.launch",
    "ssvae.engine": "ssvae.backend.engine",
    "ssvae.noise": "ssvae.backend.random",
    "ssvae.adam": "ssvae.backend.adam",
    "ssvae.piece": "ssvae.registry",
    "ssvae.files": "ssvae.atomic_files",
    "ssvae.binary": "ssvae.relaxations",
}


def warn_deprecated(old: str, new: str) -> None:
    """Say at the user's line, the nearest caller outside this library, that a name is deprecated."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in ("ssvae", "importlib"):
        frame = frame.f_back
    warnings.warn_explicit(
        f"{old} is deprecated and will be removed two minor versions later: use {new}",
        FutureWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__", "<unknown>"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


class _Moved(MetaPathFinder, Loader):
    """Imports former modules as their successors, the same objects, with a FutureWarning."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a specification for a former module, or for one in a folder that has moved."""
        del path, target
        return ModuleSpec(fullname, self) if _successor(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the successor where the import system looks for the former module."""
        name = module.__name__
        new = _successor(name)
        try:
            sys.modules[name] = importlib.import_module(new)
        except ModuleNotFoundError as error:
            if error.name != new:  # another package is missing
                raise
            raise ModuleNotFoundError(f"No module named {name!r}: it has moved to {new!r}", name=name) from None
        warn_deprecated(name, new)


def _successor(name: str) -> str:
    """Return where a former module is now, "" for one that is none."""
    folder, _, below = name.rpartition(".")
    if name in MOVED or not folder:
        return MOVED.get(name, "")
    return f"{MOVED[folder]}.{below}" if folder in MOVED else ""


def find_moved_modules() -> None:
    """Let `import` find the former modules; nothing is imported before one is asked for."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Moved())
