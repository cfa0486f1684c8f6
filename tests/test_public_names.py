"""What users reach after `import ssvae`, and what importing it costs."""

import importlib
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


@pytest.mark.parametrize(("old", "new"), ssvae._FORMER.items())
def test_a_former_module_is_a_future_warning(old, new):
    with pytest.warns(FutureWarning, match=f"ssvae.{old} has moved to {new}"):
        assert getattr(ssvae, old) is importlib.import_module(new)
