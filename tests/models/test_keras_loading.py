"""Models that were saved by Keras are loaded in a new process, with ssvae imported before or after Keras."""

import os
import subprocess
import sys

import pytest

SAVE = """
import keras
from ssvae.likelihoods import Bernoulli
from ssvae.models import M1, M2
M2(4, 3, Bernoulli(), latent=2, hidden=[5]).save("m2.keras")
M1(4, Bernoulli(), latent=2, hidden=[5]).save("m1.keras")
"""
LOAD = """
import {}
import {}
import sys
assert "ssvae.models.m2" not in sys.modules
import keras
for name in ("m2", "m1"):
    print(type(keras.saving.load_model(name + ".keras")).__name__)
"""


def python(code: str, folder) -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    python(SAVE, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("order", [("ssvae", "keras"), ("keras", "ssvae"), ("ssvae.models", "tensorflow")])
def test_a_model_is_loaded_in_a_new_process(saved, order):
    assert python(LOAD.format(*order), saved).split() == ["M2", "M1"]


def test_importing_ssvae_imports_neither_keras_nor_tensorflow(tmp_path):
    assert (
        python("import sys, ssvae, ssvae.models; print({'keras', 'tensorflow'} & {*sys.modules})", tmp_path)
        == "set()\n"
    )
