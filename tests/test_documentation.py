"""The documentation against the code: every link, command, file and name that it shows exists."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import ssvae
from ssvae.cli.main import COMMANDS, main
from ssvae.experiments.reproductions import REPRODUCTIONS
from ssvae.settings.deprecation import MOVED
from ssvae.settings.files import shipped

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "GLOSSARY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
BENCHMARKS = {path.stem: path.read_text("utf-8") for path in (ROOT / "benchmarks").glob("*.py")}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def text(page: Path) -> str:
    """Return a page; of the changelog its unreleased part, without the old names (first column) of its table."""
    whole = page.read_text("utf-8")
    if page.name != "CHANGELOG.md":
        return whole
    return re.sub(
        r"^  \| [^|]*\|", "", whole.partition("## [Unreleased]")[2].partition("\n## [")[0], flags=re.MULTILINE
    )


def commands(page: Path, program: str) -> list[str]:
    """Return what follows a program's name where a page shows it being called: in blocks of the shell, or in a line."""
    blocks = [body for language, body in BLOCK.findall(text(page)) if language in ("", "bash")]
    lines = [line.partition(" #")[0] for body in blocks for line in body.splitlines()]
    spans = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text(page)))
    called = re.compile(rf"(?:^\s*|exec |&& |`)(?:\w+=\S* )*{program}(?:\s+(.*))?$")
    calls = [found[1] or "" for found in map(called.search, [*lines, *spans]) if found]
    parts = [part.strip() for call in calls for part in call.split(" -- ")]
    return [part.rstrip("'") if part.count("'") % 2 else part for part in parts]  # the end of a quoted script


def slug(heading: str) -> str:
    """Return a heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_the_readme_is_one_screen():
    assert len(text(ROOT / "README.md").splitlines()) <= 160


def test_the_contents_name_every_page():
    named = re.findall(r"\]\(([\w.-]+)\)", text(ROOT / "docs/README.md"))
    assert sorted(named) == sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md")


@pages
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", text(page))):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target}: no such file"
        if anchor:
            assert anchor in {slug(line.lstrip("#")) for line in text(there).splitlines() if line.startswith("#")}


@pages
def test_commands_and_their_options_exist(page):
    for call in commands(page, "ssvae"):
        words = re.split(r"\s+", call)
        if words[0].startswith("-") or not re.fullmatch(r"[a-z]+", words[0]):
            continue  # `ssvae --help`, `ssvae SUBCOMMAND`
        assert words[0] in COMMANDS, call
        command = main.get_command(None, words[0])
        for name in [words[1]] if words[0] in ("config", "datasets") and len(words) > 1 else []:
            assert name in command.commands, call
            command = command.commands[name]
        if words[0] == "reproduce" and len(words) > 1 and words[1] in REPRODUCTIONS.names():
            rows = [row for before, row in pairwise(words[1:]) if re.match(r"\w", row) and not before.startswith("-")]
            assert set(rows) <= set(REPRODUCTIONS.get(words[1])), call
        known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        given = {word.partition("=")[0] for word in call.split() if re.match(r"--?[a-z]", word)}
        assert given <= known | {"--help"}, call


@pages
def test_benchmarks_and_their_options_exist(page):
    for call in commands(page, "python"):
        if not call.startswith("benchmarks/"):
            continue
        script, *arguments = call.split()
        stem = Path(script).stem
        assert stem in BENCHMARKS, call
        for flag in (word.partition("=")[0] for word in arguments if re.match(r"--[a-z]", word)):
            assert f'"{flag}"' in BENCHMARKS[stem] or f'"{flag}/' in BENCHMARKS[stem], f"{call}: no {flag}"


@pages
def test_shipped_settings_exist(page):
    shown = re.findall(r"(?:--config|draws\.py|--share-m1|config print) (\w+)", text(page))
    assert set(shown) <= set(shipped())


def bound(module: ast.Module) -> set[str]:
    """Return the names at a module's top level, and those that it resolves on first use (`__all__`)."""
    found = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update(alias.asname or alias.name for alias in node.names)
        else:
            found.update(name.id for name in ast.walk(node) if isinstance(name, ast.Name))
            if ast.unparse(node).startswith("__all__"):
                found.update(ast.literal_eval(node.value))
    return found


def defined(name: str) -> bool:
    """Whether a dotted name is a module, or at a module's top level; nothing is imported but where a folder has it."""
    place, parts = ROOT / "ssvae", name.split(".")[1:]
    if parts[:1] == ["cli"]:
        place, parts = ROOT / "cli", parts[1:]
    while parts and (place / parts[0]).is_dir():
        place, parts = place / parts[0], parts[1:]
    if parts and (place / f"{parts[0]}.py").exists():
        place, parts = place / f"{parts[0]}.py", parts[1:]
    if not parts or place.is_file():
        return set(parts) <= (bound(ast.parse(text(place))) if parts else set())
    if place == ROOT / "ssvae" and parts[0] not in dir(ssvae):
        return False
    value = importlib.import_module(".".join(["ssvae", *place.relative_to(ROOT / "ssvae").parts]))
    try:
        for part in parts:
            value = getattr(value, part)
    except AttributeError:
        return False
    return True


@pages
def test_names_and_files_of_the_code_exist(page):
    for name in re.findall(r"(?<![\w/.-])ssvae(?:\.[A-Za-z_]\w*)+", text(page)):
        former = page.name == "CHANGELOG.md" and name in MOVED
        assert defined(name) or former or name in ("ssvae.cli", "ssvae.configs"), name
    files = r"(?<![\w/.-])(?:ssvae|tests|cli|configs|benchmarks|docs|notebooks)/[\w./*-]*\w\.\w+"
    for name in re.findall(files, text(page)):
        if "NAME" not in name:
            assert list(ROOT.glob(name)), name


@pytest.mark.parametrize("script", [*BENCHMARKS, "quickstart"])
def test_scripts_import_what_is_there(script):
    folder = "notebooks" if script == "quickstart" else "benchmarks"
    for node in ast.walk(ast.parse(text(ROOT / folder / f"{script}.py"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "ssvae":
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                assert defined(name), name


def test_names_for_users_are_there_after_the_plain_import():
    for_users = [page for page in PAGES if page.name == "README.md" or page.parent.name == "docs"]
    packages = "|".join(name for name in ssvae.__all__ if isinstance(getattr(ssvae, name), ModuleType))
    shown = re.compile(rf"(?<![\w/.-])(?:ssvae\.)?((?:{packages})(?:\.[A-Za-z_]\w*)+)(?!/)")
    names = sorted({name for page in for_users for name in shown.findall(text(page))})
    names = [name for name in names if not name.endswith((".py", ".md"))]
    assert "bayes_nets.of_model" in names
    code = f"import ssvae, operator\nprint(*[type(operator.attrgetter(n)(ssvae)).__name__ for n in {names}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kinds = done.stdout.split()
    assert "module" not in kinds, [name for name, kind in zip(names, kinds, strict=True) if kind == "module"]


def test_a_wrong_name_would_be_seen():
    assert defined("ssvae.bayes_nets.sampling.sample")
    for name in ("ssvae.sampling.sample", "ssvae.bayes_nets.sampling.samples", "ssvae.nothing"):
        assert not defined(name), name


def test_the_tree_in_contributing_is_that_of_the_code():
    tree = text(ROOT / "CONTRIBUTING.md").partition("## The tree")[2].partition("```")[2].partition("```")[0]
    named, folders = set(), ["ssvae"]
    for line in tree.partition("\nssvae/\n")[2].partition("\n\ncli/")[0].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        for word in re.findall(r"(?:[\w.]+\.py|\w+/)(?=\s|$)", re.split(r"\s{2,}", line.strip())[0]):
            here = ["ssvae", *folders[1:depth]]
            named.add("/".join([*here, word]))
            folders = [*here, word.rstrip("/")] if word.endswith("/") else folders
    package = ROOT / "ssvae"
    found = {path.relative_to(ROOT).as_posix() for path in package.rglob("*.py") if path.name != "__init__.py"}
    inside = {f"{path.parent.relative_to(ROOT).as_posix()}/" for path in package.rglob("*/__init__.py")}
    assert named - found - {"ssvae/__init__.py"} <= inside, "these are not there"
    assert inside <= named, "give these folders their line"
    listed = {name.rpartition("/")[0] for name in named if name.endswith(".py")}
    missing = {name for name in found - named if name.rpartition("/")[0] in listed}
    assert not missing, "give these modules their line"


def test_the_layers_in_contributing_are_those_of_the_test():
    tree = ast.parse(text(ROOT / "tests/test_layers.py"))
    (value,) = (
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "LAYERS"
    )
    section = text(ROOT / "CONTRIBUTING.md").partition("## Who may import whom")[2]
    shown = [line.replace("/", ".").split(", ") for line in section.split("```")[1].strip().splitlines()]
    tested = [[name for name in layer if name != "ssvae"] for layer in ast.literal_eval(value)]
    assert [sorted(layer) for layer in shown] == [sorted(layer) for layer in reversed(tested)]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load(text(ROOT / "CITATION.cff"))
    assert citation["version"] == ssvae.__version__
    assert citation["license"] == "MIT"
    assert len(citation["references"]) == 5


def shown_settings(page: Path) -> list[tuple[list[str], list[str]]]:
    """Return what goes with each `--set` that a page shows: (names of shipped settings, assignments)."""
    found = []
    for call in [*commands(page, "ssvae"), *commands(page, "python")]:
        pairs = list(pairwise(shlex.split(call)))
        assignments = [
            value for flag, value in pairs if flag == "--set" and value.startswith(("classifier.", "dataset."))
        ]
        named = [f"classifier.{flag[2:]}.name={value}" for flag, value in pairs if flag in ("--model", "--inference")]
        config = [value for flag, value in pairs if flag == "--config" or flag.endswith("draws.py")]
        if assignments:
            found.append((config, [*named, *assignments]))
    spans = re.findall(r"`(classifier\.[^`\s]+=[^`\s]+)`", text(page))
    return [*found, *(([], [span]) for span in spans)]


@pages
def test_settings_that_are_shown_are_allowed(page):
    cases = shown_settings(page)
    if cases:  # the schema is that of the constructors, which import TensorFlow
        from ssvae.settings.files import assignment, load
        from ssvae.settings.schema import resolve

        for config, assignments in cases:
            base = [load(name) for name in config or ["mnist_m1_m2"] if not any("model.name" in a for a in assignments)]
            resolve(*base, *map(assignment, assignments))
