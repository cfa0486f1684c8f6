"""Models that were saved by Keras are loaded in a new process, with ssvae imported before or after Keras."""

import os
import subprocess
import sys

import pytest

from ssvae.likelihoods import Bernoulli
from ssvae.models import M1, M2

ORDERS = [("ssvae", "keras"), ("keras", "ssvae"), ("ssvae.models", "tensorflow")]
LOAD = """
import {}
import {}
import sys
assert "ssvae.models.m2" not in sys.modules
import keras
for name in ("M2", "M1"):
    assert "ssvae.backend.keras_registration" in str(keras.saving.get_registered_object("ssvae>" + name))
for name in {!r}:
    print(type(keras.saving.load_model(name + ".keras")).__name__)
"""


def python(code: str, folder) -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_a_model_is_loaded_in_a_new_process(order, tmp_path):
    """Classes are known whichever comes first; they are imported when they are loaded, which is done once."""
    M2(4, 3, Bernoulli(), latent=2, hidden=[5]).save(tmp_path / "m2.keras")
    M1(4, Bernoulli(), latent=2, hidden=[5]).save(tmp_path / "m1.keras")
    names = ["m2", "m1"] if order == ORDERS[0] else []
    assert python(LOAD.format(*order, names), tmp_path).split() == [name.upper() for name in names]


def test_importing_ssvae_imports_neither_keras_nor_tensorflow(tmp_path):
    assert (
        python("import sys, ssvae, ssvae.models; print({'keras', 'tensorflow'} & {*sys.modules})", tmp_path)
        == "set()\n"
    )
