"""What users reach after `import ssvae`, and what importing it costs."""

import os
import subprocess
import sys

import pytest

import ssvae

PACKAGES = ("models", "likelihoods", "inference", "gradients", "regularizers", "preprocessing")


def test_public_names_are_listed_without_being_imported():
    code = (
        "import sys, ssvae; print(*dir(ssvae)); from ssvae import models, datasets; dir(models), dir(datasets);"
        "print('tensorflow' in sys.modules, 'numpy' in sys.modules)"
    )
    listed, heavy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.splitlines()
    assert set(ssvae.__all__) <= set(listed.split())
    assert heavy.split() == ["False", "False"]


@pytest.mark.parametrize("name", ssvae.__all__)
def test_a_public_name_is_there(name):
    assert getattr(ssvae, name) is not None


def test_a_module_is_there_after_the_plain_import():
    code = "import ssvae; print(ssvae.callbacks.Checkpoint.__name__, ssvae.datasets.load_dataset.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["Checkpoint", "load_dataset"], done.stderr


@pytest.mark.parametrize("name", PACKAGES)
def test_components_are_reached_by_the_names_of_their_classes(name):
    package = getattr(ssvae, name)
    (table,) = (value for key, value in vars(package).items() if key.isupper() and hasattr(value, "classes"))
    assert set(table.classes()) <= set(dir(package))
    for component in table.classes():
        assert getattr(package, component).__name__ == component
    with pytest.raises(AttributeError, match="Nothing"):
        package.Nothing  # noqa: B018


@pytest.mark.parametrize("name", ssvae.bayes_nets.__all__)
def test_bayes_nets_have_all_that_samples_and_learns_them(name):
    assert callable(getattr(ssvae.bayes_nets, name))


def test_callbacks():
    for name in ssvae.callbacks.__all__:
        assert getattr(ssvae.callbacks, name).__name__ == name


def fresh(code: str) -> list[str]:
    """Return the lines that a new interpreter prints; its FutureWarnings are errors, and so is TensorFlow's log."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", code], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_only_public_names_are_listed():
    listed = [name for name in dir(ssvae) if not (name.startswith("__") and name.endswith("__"))]
    assert listed == sorted(set(ssvae.__all__) - {"__version__"})
    for package in (ssvae.bayes_nets, ssvae.models, ssvae.datasets):
        assert not {"importlib", "lazy_names", "annotations", "TYPE_CHECKING", "Registry"} & set(dir(package))


def test_former_modules_are_imported_under_both_names():
    (wrong,) = fresh("""
import importlib, sys, warnings
import ssvae
from ssvae.settings.deprecation import MOVED
assert "tensorflow" not in sys.modules
wrong = []
for old, new in MOVED.items():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        same = importlib.import_module(old) is importlib.import_module(new)
    said = [str(w.message) for w in seen if str(w.message).startswith(old)]
    if not same or said != [f"{old} is deprecated and will be removed two minor versions later: use {new}"]:
        wrong.append((old, said))
warnings.simplefilter("ignore")
from ssvae.samplers.hmc import HMC
from ssvae.bayes_nets.samplers import hmc
assert HMC is hmc.HMC and hmc.__spec__.name == hmc.__name__ == "ssvae.bayes_nets.samplers.hmc"
try:
    import ssvae.samplers.nothing
except ModuleNotFoundError as error:
    assert "ssvae.bayes_nets.samplers.nothing" in str(error)
print(wrong)
""")
    assert wrong == "[]"


@pytest.mark.parametrize(
    "statement",
    ["from ssvae.sampling import sample", "from ssvae import stopping", "import ssvae; ssvae.config"],
)
def test_the_warning_of_a_former_module_is_at_the_line_of_the_import(statement, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"# one line above\n{statement}\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{script}:2: FutureWarning: ssvae." in done.stderr


def test_functions_of_bayes_nets_stay_functions_whatever_is_imported_first():
    fresh("""
import ssvae
from ssvae.bayes_nets.of_model import _of
import ssvae.bayes_nets.annealed_importance, ssvae.bayes_nets.reciprocal_estimator
for name in ssvae.bayes_nets.__all__:
    assert callable(getattr(ssvae.bayes_nets, name)) and callable(getattr(ssvae.bayes_nets, name)), name
import tensorflow as tf
tf.constant(1.0)
""")
