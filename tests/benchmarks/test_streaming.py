"""The peak memory of a fit does not depend on the size of the file that its rows stay in."""

import subprocess
import sys
from pathlib import Path

import pytest

STREAMING = Path(__file__).parents[2] / "benchmarks" / "streaming.py"


@pytest.mark.slow
def test_20_times_the_rows_take_the_same_memory():
    few = ["--megabytes", "30", "--forms", "npy", "--models", "m1"]  # in memory, 570 MB more would be a ratio of 1.6
    done = subprocess.run([sys.executable, STREAMING, *few], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert float(done.stdout.split()[-1]) <= 1.05, done.stdout
