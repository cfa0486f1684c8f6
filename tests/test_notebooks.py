"""The notebooks run from top to bottom, as scripts, with few epochs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(notebook, tmp_path):
    environment = {**os.environ, "SSVAE_NOTEBOOK_EPOCHS": "2", "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, str(notebook)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "error on held-out rows" in run.stdout
    assert run.stdout.rstrip().endswith("True")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_a_notebook_for_jupytext(notebook):
    jupytext = pytest.importorskip("jupytext", reason="jupytext, of the extra 'test', reads the notebooks' source")
    cells = jupytext.read(notebook).cells
    assert {cell.cell_type for cell in cells} == {"markdown", "code"}
    assert not any(" def " in f" {cell.source}" for cell in cells if cell.cell_type == "code"), "no logic in notebooks"
