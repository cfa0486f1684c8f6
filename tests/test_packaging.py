"""What is installed, and under which names."""

import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import ssvae

ROOT = Path(__file__).parents[1]


def test_version_is_written_once():
    assert metadata.version("ssvae") == ssvae.__version__


def test_console_script():
    (script,) = (entry for entry in metadata.entry_points(group="console_scripts") if entry.name == "ssvae")
    assert script.value == "ssvae.cli.main:main"


def test_the_folder_cli_is_refused_under_its_own_name():
    done = subprocess.run([sys.executable, "-c", "import cli"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ssvae.cli" in done.stderr


def test_public_names_are_lazy():
    code = "import sys, ssvae; dir(ssvae); print('tensorflow' in sys.modules, 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["False"] * 2


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="SSVAEClassifier"):
        ssvae.Classifier  # noqa: B018


@pytest.mark.slow
def test_the_wheel_has_one_top_level_name(tmp_path):
    tree = tmp_path / "tree"
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("ssvae", "cli", "configs"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=skip)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tree / name)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*build, "-w", str(tmp_path), str(tree)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    info = f"ssvae-{ssvae.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"ssvae", info}
    assert {"ssvae/cli/main.py", "ssvae/configs/digits.yaml", "ssvae/models/__init__.py"} <= set(names)
    lines = zipfile.ZipFile(wheel).read(f"{info}/METADATA").decode().splitlines()
    (python,) = (line for line in lines if line.startswith("Requires-Python"))
    assert set(python.partition(": ")[2].split(",")) == {">=3.11", "<3.14"}
