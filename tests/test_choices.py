"""No choice by hasattr, a default of getattr, a caught AttributeError, or a name: base classes say what there is."""

import ast
from pathlib import Path

import pytest

from ssvae.inference import INFERENCES
from ssvae.likelihoods import LIKELIHOODS
from ssvae.models import MODELS
from ssvae.preprocessing import PREPROCESSING

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "ssvae").rglob("*.py"), *(ROOT / "cli").glob("*.py")])
NAMES = {name for table in (MODELS, LIKELIHOODS, INFERENCES, PREPROCESSING) for name in table.names()}
# Asked of what is not ours, and so has no base class here: file -> the choice and its reason.
EXCEPTIONS = {
    "cli/fit.py": {"inference == 'amortized'": "a run folder's name leaves the default out"},
    "ssvae/backend/fork_guard.py": {
        "hasattr(tf, 'config')": "TensorFlow may be in the middle of its import",
        "hasattr(os, 'register_at_fork')": "not on every platform",
    },
    "ssvae/distributed/cluster.py": {"AttributeError": "TF_CONFIG holds what its user wrote"},
    "ssvae/estimator/auto.py": {"preprocessing in ('auto', 'identity'": "what the user asked for, by name"},
    "ssvae/estimator/validation.py": {"hasattr(X, 'iloc')": "X as its user gives it"},
    "ssvae/experiments/reproductions/base.py": {"AttributeError": "a damaged file holds anything"},
}


def choices(source: str) -> list[str]:
    """Return the choices in a source, each as "what: code"."""
    found = []
    for node in ast.walk(ast.parse(source)):
        what = _choice(node)
        if what:
            found.append(f"{what}: {ast.unparse(node).splitlines()[0]}")
    return found


def _choice(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "hasattr":
            return "hasattr"
        if node.func.id == "getattr" and len(node.args) == 3:
            return "getattr"
    if isinstance(node, ast.ExceptHandler) and node.type is not None:
        return "AttributeError" if "AttributeError" in _identifiers(node.type) else None
    asked = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        asked = [node.func.value]  # type(x).__module__.startswith(...)
    if isinstance(node, ast.Subscript):
        asked = [node.slice] if "__module__" not in ast.unparse(node) else []  # TABLE[type(x).__name__]
    if any(isinstance(part, ast.Attribute) and part.attr in CLASS_NAMES for part in asked):
        return "class name"
    if isinstance(node, ast.Compare) and any(_strings(part) & NAMES for part in asked):
        return "name"
    return None


CLASS_NAMES = ("__name__", "__qualname__", "__module__")


def _identifiers(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _strings(node: ast.AST) -> set[str]:
    """Return the strings that a value is compared with: one, or those of a tuple, list or set."""
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_component_offers_stands_in_its_base_class(path):
    found = choices(path.read_text("utf-8"))
    allowed = EXCEPTIONS.get(path.relative_to(ROOT).as_posix(), {})
    assert not [choice for choice in found if not any(each in choice for each in allowed)]
    assert all(any(each in choice for choice in found) for each in allowed), "an exception that is no longer needed"


@pytest.mark.parametrize(
    "code",
    [
        "hasattr(model, 'classify')",
        "getattr(model, 'binary', False)",
        "try:\n    model.first\nexcept (KeyError, AttributeError):\n    pass",
        "type(likelihood).__name__ == 'Bernoulli'",
        "TABLE[type(likelihood).__name__]",
        "type(model).__module__.startswith('sklearn')",
        "stage.name == 'm1'",
        "name in ('m1', 'm2')",
    ],
)
def test_a_choice_would_be_seen(code):
    assert len(choices(code)) == 1


@pytest.mark.parametrize("code", ["isinstance(model, M1)", "getattr(self, name)", "f'{type(x).__name__} is wrong'"])
def test_other_code_is_no_choice(code):
    assert not choices(code)
