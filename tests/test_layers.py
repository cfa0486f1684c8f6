"""Who may import whom, read from the source: one direction, and peers never import peers."""

import ast
import importlib
from pathlib import Path

import pytest

from ssvae.registry import Registry

ROOT = Path(__file__).parents[1]
HEAVY = {"tensorflow", "tensorflow_probability", "keras", "tf_keras", "sklearn", "matplotlib", "pandas", "scipy"}

# From the ground up; a part may import its own layer and those below it. "" is ssvae/__init__.py, which is lazy.
LAYERS = (
    ("", "registry", "types", "files", "cluster", "launch", "checks", "config", "splits"),
    ("noise", "piece", "engine", "softplus", "adam", "moments"),
    ("binary", "interrupts", "forks", "sparse", "state_file", "replicas"),
    ("distributions",),
    ("datasets", "likelihoods", "networks", "gradients", "preprocessing", "regularizers", "sources"),
    ("models", "inference"),
    ("bayes_nets", "samplers", "diagnostics"),
    ("draws", "metric", "chains", "sampling", "choose_form", "resampling"),
    ("mcem", "quadrature", "annealing", "reciprocal"),
    ("objective", "batches", "streams", "plans", "programs", "distribution", "gathering", "hooks", "callbacks"),
    ("compiled", "feeding", "training", "prediction", "stopping", "evidence", "local_optimum", "climbs"),
    ("gap_report", "gap", "topics"),
    ("auto", "labels", "validation", "peers", "propagation", "feature_classifiers"),
    (
        "workers",
        "assembly",
        "fitting",
        "generation",
        "classifier",
        "artefact",
    ),  # a classifier may start from a saved M1
    ("schema", "environment", "evaluation", "report", "figures", "gap_figures", "climb_figures"),
    ("gallery", "climb_gallery"),
    ("runs", "exports", "twin", "experiment", "reproductions"),
    ("configs", "cli", "__main__"),
)
# Folders of interchangeable pieces, and which others they may use beyond the base.py of any.
PIECES = {
    "likelihoods": set(),
    "networks": set(),
    "gradients": {"networks"},
    "inference": {"networks"},
    "models": {"networks"},
    "datasets": {"sources"},  # the front door, where rows stay on disk
    "preprocessing": set(),
    "regularizers": set(),
    "sources": {"datasets"},  # tables are the same features in memory and on disk
}
# A piece that is made of its peers, by definition.
COMPOSED = {
    "models/m1_m2.py": {"m1", "m2"},
    "models/fdarn.py": {"sbn"},
    "models/conditional_sbn.py": {"sbn"},
}
LIGHT = (
    "__init__",
    "cluster",
    "launch",
    "__main__",
    "registry",
    "types",
    "files",
    "checks",
    "config",
    "splits",
    "schema",
    "runs",
)


def sources() -> list[Path]:
    return sorted([*(ROOT / "ssvae").rglob("*.py"), *(ROOT / "cli").glob("*.py")])


def part(path: Path) -> str:
    if path.is_relative_to(ROOT / "cli"):
        return "cli"
    name = path.relative_to(ROOT / "ssvae").parts[0].removesuffix(".py")
    return "" if name == "__init__" else name


def imports(path: Path, top: bool = False) -> set[str]:
    """Modules that a file imports, as dotted names; with `top` only those that importing the file imports."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if for_types or (top and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            skipped.update(id(inner) for inner in ast.walk(node))
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import absolutely"
            found.update(f"{node.module}.{name.name}" for name in node.names)
    return found


def own(names: set[str]) -> set[tuple[str, ...]]:
    return {tuple(name.split(".")[1:]) for name in names if name.split(".")[0] == "ssvae"}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path):
    height = {name: n for n, layer in enumerate(LAYERS) for name in layer}
    here = part(path)
    assert here in height, f"give {here!r} its place in LAYERS of {Path(__file__).name}, and in CONTRIBUTING.md"
    for target in own(imports(path)):
        there = target[0] if target and target[0] in height else ""
        assert height[there] <= height[here], f"{path.name} imports {'.'.join(target)}, which stands above it"


@pytest.mark.parametrize("folder", PIECES)
def test_peers_never_import_peers(folder):
    peers = {entry.split(":")[0].rpartition(".")[2] for table in tables(folder) for entry in table._table.values()}
    for path in (ROOT / "ssvae" / folder).glob("*.py"):
        name = path.relative_to(ROOT / "ssvae").as_posix()
        for target in own(imports(path)):
            if target[0] == folder and path.stem in peers and len(target) > 1:
                assert target[1] not in peers - COMPOSED.get(name, set()), f"{name} imports its peer {target[1]}"
            if target[0] in PIECES and target[0] not in {folder, *PIECES[folder]}:
                assert target[1:2] == ("base",), f"{name} imports {'.'.join(target)}: pieces meet in assembly.py"


def tables(folder: str) -> list[Registry]:
    return [table for table in vars(importlib.import_module(f"ssvae.{folder}")).values() if isinstance(table, Registry)]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_must_stay_light_is_light(path):
    used = {name.split(".")[0] for name in imports(path)}
    at_import = {name.split(".")[0] for name in imports(path, top=True)}
    if part(path) == "datasets":
        assert not used & {"tensorflow", "tensorflow_probability", "keras", "tf_keras"}
    if part(path) == "cli":
        assert not at_import & (HEAVY | {"numpy", "rich"}), "import it inside the command's function"
        assert not {t for t in own(imports(path, top=True)) if t and t[0] != "cli"}, "import it inside the function"
    if path.parent == ROOT / "ssvae" and path.stem in LIGHT:
        assert not at_import & HEAVY


def test_a_wrong_import_would_be_seen(tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text("def f():\n    import tensorflow.math\n\nfrom ssvae import classifier\n")
    assert imports(path) == {"tensorflow.math", "ssvae.classifier"}
    assert imports(path, top=True) == {"ssvae.classifier"}
