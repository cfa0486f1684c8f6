"""MKL's kernels for Intel processors on every x86 processor.

PyTorch's float32 products on x86 are MKL's, which checks whether the processor is Intel's and takes its AVX2 kernels
where it is not, even if the processor has AVX-512. A library of one line, loaded first, makes the check succeed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

SOURCE = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"


def environment(folder: Path) -> dict[str, str]:
    """Compile the library into the folder and return the environment variables of a process that loads it."""
    source, library = folder / "unlock.c", folder / "unlock.so"
    source.write_text(SOURCE)
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise click.ClickException(f"contenders with '-unlocked' need a C compiler, 'cc': {error}") from error
    return {"LD_PRELOAD": str(library)}
