"""Docstrings of what is public, by scikit-learn's own checks (its tests/test_docstrings.py) and against the code."""

import inspect
import re

import numpy as np
import pytest
from numpydoc import validate

import ssvae
from ssvae.settings.renamed import RENAMED

# What scikit-learn does not ask for either, of any object ...
IGNORED = {
    "GL01",  # the summary starts in the line of the opening quotes, as PEP 257 and ruff have it
    "GL02",  # the closing quotes of one line stand in that line
    "RT02",  # a returned value may have a name
}
# ... and not of methods, nor of classes and functions beside the main ones.
OF_CLASSES = {
    "ES01",  # an extended summary
    "SA01",  # See Also
    "EX01",  # Examples
}
MAIN = {"ssvae.SSVAEClassifier", "ssvae.load"}
# Of the methods of other classes, whose docstring is a sentence with the arguments' names.
OF_METHODS = {
    "PR01",  # a section of parameters
    "RT01",  # a section of what is returned
}
RECORDS = {"PR01"}  # of records, which users do not make: their fields stand under Attributes


def methods(name: str) -> list[str]:
    """Return a class's public methods that the package itself defines."""
    kind = resolve(name)
    if not inspect.isclass(kind):
        return []
    own = {key for base in kind.__mro__ if base.__module__.startswith("ssvae") for key in vars(base)}
    public = (key for key in sorted(own) if not key.startswith("_") and not key.endswith("_request"))
    return [f"{name}.{key}" for key in public if inspect.isfunction(getattr(kind, key))]


def resolve(name: str) -> object:
    found = ssvae
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


TOP = [
    "ssvae.SSVAEClassifier",
    "ssvae.load",
    "ssvae.Objective",
    *(f"ssvae.callbacks.{name}" for name in ssvae.callbacks.__all__),
    *(f"ssvae.bayes_nets.{name}" for name in ssvae.bayes_nets.__all__),
]


@pytest.mark.parametrize("name", [name for top in TOP for name in (top, *methods(top))])
def test_docstring(name):
    found = resolve(name)
    where = f"{found.__module__}.{found.__qualname__}"
    ignored = IGNORED | (set() if name in MAIN else OF_CLASSES)
    if name not in TOP and not name.startswith("ssvae.SSVAEClassifier."):
        ignored |= OF_METHODS
    if inspect.isclass(found) and "Attributes\n" in found.__doc__ and name not in MAIN:
        ignored |= RECORDS
    errors = [f"{code}: {text}" for code, text in validate.validate(where)["errors"] if code not in ignored]
    assert not errors, "\n".join(errors)


def test_each_argument_states_its_default():
    sections = dict(
        re.findall(r"^    (\w+) : (.*?)\n        ", ssvae.SSVAEClassifier.__doc__, re.MULTILINE | re.DOTALL)
    )
    for name, parameter in inspect.signature(ssvae.SSVAEClassifier).parameters.items():
        default = eval(sections[name].partition("default=")[2])
        assert default == parameter.default, name


def test_each_fitted_attribute_is_listed():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), np.array([0, 1, 2] + [-1] * 9)
    attributes = ssvae.SSVAEClassifier.__doc__.partition("Attributes\n")[2].partition("See Also")[0]
    listed = set(re.findall(r"^    (\w+_) : ", attributes, re.MULTILINE))
    for model in ("m1", "m2"):
        fitted = ssvae.SSVAEClassifier(model, epochs=1, regularizers=(), random_state=0).fit(x, y)
        assert {name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")} <= listed
    assert set(RENAMED) <= set(inspect.signature(ssvae.SSVAEClassifier).parameters)
