"""Which files of a folder a run wrote: they alone are removed when a run is replaced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ssvae.atomic_files import drafts, remove
from ssvae.experiments import folder_lock
from ssvae.experiments.run_folder import FILES, FOLDERS, LABELS
from ssvae.settings.signatures import constant


def of_folder(name: str) -> Sequence[str]:
    """Return the names of the files that a run writes to its folder model, figures or checkpoint."""
    if name == "model":
        persistence = "ssvae.estimator.persistence:"
        return (*constant(persistence + "FILES"), constant(persistence + "MANIFEST"))
    if name == "figures":
        return [f"{figure}.png" for figure in constant("ssvae.plots.run_figures:NAMES")]
    return [constant("ssvae.training.checkpoint:NAME")]


def contents(folder: Path) -> list[str]:
    """Return the names in a folder, but for drafts and the lock; none where there is no folder."""
    there = {*folder.iterdir()} - {*drafts(folder), folder / folder_lock.NAME} if folder.is_dir() else set()
    return sorted(path.name for path in there)


def others(folder: Path, *names: str) -> list[str]:
    """Return what a run's folder holds that no run wrote; with names, what its folders of these names do."""
    found = [] if names else [name for name in contents(folder) if name not in (*FILES, LABELS, *FOLDERS)]
    for name in names or FOLDERS:
        own, there = of_folder(name), folder / name
        found += [f"{name}/{file}" for file in contents(there) if file not in own or not (there / file).is_file()]
    return found


def clear(folder: Path) -> None:
    """Remove what a run wrote and nothing else: metrics.json, which marks it finished, first, config.yaml last."""
    for name in (*reversed(FILES[1:]), LABELS):
        (folder / name).unlink(missing_ok=True)
    for name in FOLDERS:
        clear_folder(folder, name)
    for path in drafts(folder):
        remove(path)
    (folder / FILES[0]).unlink(missing_ok=True)


def clear_folder(folder: Path, name: str) -> None:
    """Remove the files that a run wrote to its folder model, figures or checkpoint, and the folder if it is empty."""
    there = folder / name
    for path in (*(there / file for file in of_folder(name)), *drafts(there)):
        if path.is_file() or path.is_symlink():
            path.unlink()
    if there.is_dir() and not there.is_symlink() and not any(there.iterdir()):
        there.rmdir()
