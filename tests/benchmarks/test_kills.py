"""A fit that is killed again and again ends where one does that is left in peace; `kills.py` does it more often."""

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).parents[2] / "benchmarks" / "kills.py"


@pytest.mark.slow
def test_a_killed_fit_ends_where_one_left_in_peace_does():
    often = ["--kills", "2", "--every", "0", "--within", "0.3", "0.8", "--epochs", "{m1: 300, m2: 150}"]
    small = ["regularizers=[]", "model.latent=4", "model.hidden=[16]", "model.m1.hidden=[16]", "model.m2.latent=3"]
    sets = [f"--set={setting}" for setting in small]
    done = subprocess.run([sys.executable, KILLS, *often, *sets], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "2 kills, 0 runs with another result"
    assert done.stdout.count("equal bit for bit") >= 1
