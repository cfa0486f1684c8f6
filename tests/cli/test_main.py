"""The group of commands: quick help, exit codes, errors of one line."""

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from ssvae.backend.signals import Terminated
from ssvae.cli.main import COMMANDS, main

HEAVY = ("tensorflow", "keras", "sklearn", "matplotlib", "numpy", "pandas")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["fit", "--help"], ["launch", "--help"], ["predict", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\nfrom ssvae.cli.main import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_help_is_quick():
    seconds = []
    for _ in range(3):  # the quickest of three: the machine may be busy
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ssvae", "--help"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_its_line_in_the_table(command):
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0, result.output
    assert command in CliRunner().invoke(main, ["--help"]).output


def test_an_unknown_command_names_the_nearest():
    result = CliRunner().invoke(main, ["fti"])
    assert result.exit_code == 2
    assert "did you mean 'fit'" in result.stderr


class ResourceExhaustedError(Exception):
    """As TensorFlow calls its own."""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ValueError("labels=3 is too few"), 1, "Error: labels=3 is too few"),
        (FileNotFoundError(2, "No such file", "x.csv"), 1, "x.csv"),
        (FloatingPointError("the loss is not finite"), 1, "Error: the loss is not finite"),
        (ResourceExhaustedError("OOM when allocating\nnode"), 1, "memory (OOM when allocating): take a smaller"),
        (Terminated("`--resume` goes on"), 143, "Interrupted. `--resume` goes on"),
        (KeyboardInterrupt("`--resume` goes on"), 130, "Interrupted. `--resume` goes on"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(monkeypatch, error, code, words):
    def raise_it(*_args, **_kwargs):
        raise error

    errors = SimpleNamespace(ResourceExhaustedError=ResourceExhaustedError)
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(errors=errors))
    monkeypatch.setattr("ssvae.datasets.load.describe", raise_it)
    result = CliRunner().invoke(main, ["datasets", "list"])
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_defect_of_the_program_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr("ssvae.datasets.load.describe", lambda *_: 1 / 0)
    assert isinstance(CliRunner().invoke(main, ["datasets", "list"]).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("encoding", "shown"), [("latin-1", "caf\xe9 \\u8682"), ("ascii", "café 蚂"), ("utf-8", "café 蚂")]
)
def test_what_the_encoding_of_the_locale_lacks_is_escaped(encoding, shown, monkeypatch):
    monkeypatch.setattr("ssvae.datasets.load.describe", lambda *_: [{"name": "café 蚂"}])
    result = CliRunner(charset=encoding).invoke(main, ["datasets"])
    assert result.exit_code == 0, result.output
    assert shown in result.stdout_bytes.decode("utf-8" if encoding == "ascii" else encoding)


def test_the_command_that_resumes_a_run_is_shown_in_every_locale():
    code = """
from ssvae.cli.fit import resume_command
from ssvae.cli.main import main
import ssvae.datasets.load
def stop(*_):
    raise KeyboardInterrupt(resume_command())
ssvae.datasets.load.describe = stop
main(["datasets"])
"""
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", code, "fit", "--out", "küche"]
    done = subprocess.run(command, env={**os.environ, **locale}, capture_output=True)
    assert done.returncode == 130
    assert "ssvae fit --out 'küche' --resume" in done.stderr.decode("utf-8")


def test_datasets_lists_every_data_set():
    from ssvae.datasets import DATASETS

    output = CliRunner().invoke(main, ["datasets"]).stdout
    assert [line.split()[0] for line in output.splitlines()[1:]] == DATASETS.names()


def test_fetching_what_needs_no_file_says_so():
    result = CliRunner().invoke(main, ["datasets", "fetch", "digits"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "needs no files" in result.stderr
