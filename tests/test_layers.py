"""Who may import whom, read from the source: one direction between folders, no circle, and peers never import peers."""

import ast
import importlib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from ssvae.registry import LazyTable

ROOT = Path(__file__).parents[1]
HEAVY = {"tensorflow", "tensorflow_probability", "keras", "tf_keras", "sklearn", "matplotlib", "pandas", "scipy"}

# Folders and root modules from the ground up; each may import its own layer and those below it.
LAYERS = (
    ("ssvae", "registry", "types", "label_vector", "splits", "atomic_files", "settings"),
    ("backend",),
    ("relaxations", "distributions"),
    ("readers",),
    ("datasets", "preprocessing", "networks", "averaging"),
    ("likelihoods", "gradients", "regularizers"),
    ("models",),
    ("inference", "distributed"),
    ("bayes_nets",),
    ("objective", "prediction"),
    ("training", "evaluation", "callbacks"),
    ("estimator", "settings.schema"),  # the constructors are the schema
    ("plots",),
    ("experiments",),
    ("configs", "cli", "__main__"),
)
HEIGHT = {name: n for n, layer in enumerate(LAYERS) for name in layer}
# Folders of interchangeable components, and which others they may use beyond readers and the base.py of any.
COMPONENTS = {
    "likelihoods": set(),
    "networks": set(),
    "gradients": {"networks"},
    "inference": {"networks"},
    "models": {"networks"},
    "datasets": set(),
    "preprocessing": set(),
    "averaging": set(),
    "regularizers": set(),
    "readers": set(),
}
# Components that are made of their peers, by definition.
COMPOSED = {
    "models/m1_m2.py": {"m1", "m2", "padded_m2"},
    "models/padded_m2.py": {"m2"},
    "models/fdarn.py": {"sbn"},
}
LIGHT = (
    "ssvae",
    "registry",
    "types",
    "label_vector",
    "splits",
    "atomic_files",
    "settings",
    "__main__",
    "distributed.cluster",
)


def sources() -> list[Path]:
    return sorted([*(ROOT / "ssvae").rglob("*.py"), *(ROOT / "cli").glob("*.py")])


def module(path: Path) -> str:
    """Return the dotted name of a file below ssvae, "ssvae" for the package itself."""
    base, above = (ROOT / "cli", ("cli",)) if path.is_relative_to(ROOT / "cli") else (ROOT / "ssvae", ())
    parts = (*above, *path.relative_to(base).with_suffix("").parts)
    return ".".join(part for part in parts if part != "__init__") or "ssvae"


def place(name: str, known: object = None) -> str:
    """Return the longest beginning of a dotted name that is known, by default the place in LAYERS."""
    parts = name.split(".")
    known = HEIGHT if known is None else known
    beginnings = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((name for name in beginnings if name in known), "ssvae")


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


def own(names: set[str]) -> set[str]:
    """Return what is imported of the package, without its name in front."""
    return {name.partition(".")[2] or "ssvae" for name in names if name.split(".")[0] == "ssvae"}


def test_the_package_shows_few_modules_beside_its_folders():
    assert len({path.stem for path in (ROOT / "ssvae").glob("*.py")} - {"__init__", "__main__"}) <= 10


@pytest.mark.parametrize("path", sources(), ids=module)
def test_imports_go_down(path):
    name = module(path)
    here = place(name)
    assert here != "ssvae" or name == "ssvae", f"give {name!r} its place in LAYERS, and in CONTRIBUTING.md"
    for target in own(imports(path)):
        assert HEIGHT[place(target)] <= HEIGHT[here], f"{name} imports {target}, which stands above it"


def test_no_module_imports_itself_by_way_of_others():
    files = {module(path): path for path in sources()}
    graph = {name: {place(t, files) for t in own(imports(path))} - {name} for name, path in files.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("folder", COMPONENTS)
def test_peers_never_import_peers(folder):
    peers = {entry.split(":")[0].rpartition(".")[2] for table in tables(folder) for entry in table._table.values()}
    for path in (ROOT / "ssvae" / folder).glob("*.py"):
        name = path.relative_to(ROOT / "ssvae").as_posix()
        for target in (target.split(".") for target in own(imports(path))):
            if target[0] == folder and path.stem in peers and len(target) > 1:
                assert target[1] not in peers - COMPOSED.get(name, set()), f"{name} imports its peer {target[1]}"
            if target[0] in COMPONENTS and target[0] not in {folder, "readers", *COMPONENTS[folder]}:
                assert target[1:2] in (["base"], ["capabilities"]), (
                    f"{name} imports {'.'.join(target)}: they meet in estimator/components"
                )


def tables(folder: str) -> list[LazyTable]:
    return [
        table for table in vars(importlib.import_module(f"ssvae.{folder}")).values() if isinstance(table, LazyTable)
    ]


@pytest.mark.parametrize("path", sources(), ids=module)
def test_what_must_stay_light_is_light(path):
    name = module(path)
    used = {imported.split(".")[0] for imported in imports(path)}
    at_import = {imported.split(".")[0] for imported in imports(path, top=True)}
    if place(name) == "datasets":
        assert not used & {"tensorflow", "tensorflow_probability", "keras", "tf_keras"}
    if place(name) == "cli":
        assert not at_import & (HEAVY | {"numpy", "rich"}), "import it inside the command's function"
        assert all(place(t) in ("cli", "ssvae") for t in own(imports(path, top=True))), "import it inside the function"
    if place(name, LIGHT) == place(name, [name, *LIGHT]) or place(name) == "settings":
        assert not at_import & HEAVY


def test_a_wrong_import_would_be_seen(tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text("def f():\n    import tensorflow.math\n\nfrom ssvae import estimator\n")
    assert imports(path) == {"tensorflow.math", "ssvae.estimator"}
    assert imports(path, top=True) == {"ssvae.estimator"}
    assert own(imports(path)) == {"estimator"}
