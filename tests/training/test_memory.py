"""A fit of many rows holds them once: the memory that it needs beside X, as Linux counts it."""

import json
import subprocess
import sys

CHILD = """
import json
from pathlib import Path
import numpy as np
from ssvae import SSVAEClassifier

def known(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))

def fit(x):
    y = np.where(np.arange(len(x)) < 20, np.arange(len(x)) % 2, -1)
    settings = {"epochs": 1, "batch_size": 2000, "regularizers": [], "engine": "graph", "random_state": 0}
    SSVAEClassifier({"name": "m2", "latent": 2, "hidden": [8]}, **settings).fit(x, y)

found, grey = [], np.random.default_rng(0).integers(0, 256, (40_000, 800), np.uint8) / np.float32(255)
for x in (grey, grey.astype(np.float64) * 3.0):
    fit(x[:6000])  # what is compiled is no copy of X
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    before = known("VmRSS")
    fit(x)
    found.append((known("VmHWM") - before) / grey.nbytes)
print(json.dumps(found))
"""


def test_a_fit_keeps_no_second_copy_of_x():
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    single, double = json.loads(done.stdout.splitlines()[-1])
    assert single < 0.7  # float32 grey levels, taken as they are: the rows of a few steps, and none besides
    assert 0.9 < double < 1.9  # float64, standardised: once more as float32
