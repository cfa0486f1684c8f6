"""The log that TensorFlow writes while it is imported, by a stand-in for TensorFlow that writes such lines."""

import os
import subprocess
import sys

import pytest

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
NOISE = "I0000 00:00:1795797894.144420   28864 port.cc:153] oneDNN custom operations are on."
STAND_IN = f"""
import os, sys, types
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
os.write(2, b"{NOISE}\\n2025-01-02 03:04:05.678: I tensorflow/core/util/port.cc:153] another form\\n")
os.write(2, b"of another thread\\n")
print("of Python", file=sys.stderr)
def list_physical_devices():
    os.write(2, b"E0000 00:00:1795797899.950004   28864 cuda_platform.cc:52] failed call to cuInit\\n")
config = types.SimpleNamespace(list_physical_devices=list_physical_devices)
"""
OURS = "import ssvae; from ssvae.registry import imported; imported('tensorflow:config').list_physical_devices"
THEIRS = "import ssvae, tensorflow"


def stderr(code: str, folder, **environment: str) -> list[str]:
    """Return the lines that a new process writes to stderr; its TensorFlow is the stand-in."""
    (folder / "tensorflow.py").write_text(STAND_IN)
    kept = {name: value for name, value in os.environ.items() if name != LEVEL}
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); {code}; import os; print(os.environ.get({LEVEL!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [environment.get(LEVEL, "None")]  # as the user has it
    return done.stderr.splitlines()


def test_lines_of_the_log_are_dropped_and_no_others(tmp_path):
    assert stderr(OURS, tmp_path) == ["of another thread", "of Python"]


@pytest.mark.parametrize(("code", "environment"), [(THEIRS, {}), (OURS, {LEVEL: "0"})])
def test_what_the_user_imports_or_sets_is_left_alone(code, environment, tmp_path):
    assert NOISE in stderr(code, tmp_path, **environment)
