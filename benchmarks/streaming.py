"""Peak memory of fits of M2 on rows that stay on disk, files of one size against files of 20 times as much.

One epoch in steps of 100 unlabelled rows and 100 of 1000 labelled ones, each fit in a process of its own, whose peak
(ru_maxrss) holds the libraries, too. The files are made in a temporary folder.

    python benchmarks/streaming.py
    python benchmarks/streaming.py --megabytes 2 --forms npy
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np
from memory import MODELS, mebibytes

FEATURES, LABELS, TIMES = 784, 1000, 20
KEPT = 98  # cells of a sparse row
PIECE = 1000  # rows made at a time


def write_npy(path: Path, rows: int) -> None:
    """Write grey levels [rows, 784]."""
    x = np.lib.format.open_memmap(path, "w+", np.float32, (rows, FEATURES))
    for start in range(0, rows, PIECE):
        part = x[start : start + PIECE]
        part[:] = np.random.default_rng(start).random(part.shape, np.float32)


def write_npz(path: Path, rows: int) -> None:
    """Write counts [rows, 784] with 98 cells a row that are not 0."""
    from scipy import sparse

    rng = np.random.default_rng(0)
    columns = rng.integers(FEATURES // KEPT, size=(rows, KEPT), dtype=np.int32) + np.arange(KEPT) * (FEATURES // KEPT)
    values, starts = rng.integers(1, 5, rows * KEPT).astype(np.float32), np.arange(rows + 1) * KEPT
    matrix = sparse.csr_array((values, columns.ravel().astype(np.int32), starts), (rows, FEATURES))
    sparse.save_npz(path, matrix, compressed=False)


FORMS = {"npy": (write_npy, 4 * FEATURES, {}), "npz": (write_npz, 8 * KEPT, {"likelihood": "multinomial"})}


def work(path: Path, rows: int) -> dict[str, Any]:
    """Fit the file's rows and return the peak and the processor's time of this process."""
    from ssvae import SSVAEClassifier

    y = np.full(rows, -1)
    y[:: rows // LABELS][:LABELS] = np.arange(len(y[:: rows // LABELS][:LABELS])) % 10
    settings = {"regularizers": [], "epochs": 1, "batch_size": 100, "random_state": 0}
    classifier = SSVAEClassifier(MODELS["m2"], preprocessing="identity", **FORMS[path.suffix[1:]][2], **settings)
    classifier.fit(path, y)
    return {"peak": mebibytes(), "seconds": time.process_time(), "rows": rows}


@click.command(help=__doc__.split("\n")[0])
@click.option("--megabytes", default=25.0, show_default=True, help="Of the small file.")
@click.option("--forms", default=",".join(FORMS), show_default=True)
@click.option("--work", "worker", type=(Path, int), default=None, hidden=True)
def main(megabytes: float, forms: str, worker: tuple[Path, int] | None) -> None:
    if worker:
        return print(json.dumps(work(*worker)))
    print(machine.lines(machine.describe("tensorflow", "ssvae")))
    print(f"{'file':<8}{'MB':>8}{'rows':>10}{'peak, MiB':>11}{'CPU-s':>8}")
    for form in forms.split(","):
        peaks = []
        for size in (megabytes, TIMES * megabytes):
            found = measured(form, int(size * 1e6 / FORMS[form][1]))
            peaks.append(found["peak"])
            print(f"{form:<8}{size:>8.0f}{found['rows']:>10}{found['peak']:>11.0f}{found['seconds']:>8.0f}", flush=True)
        print(f"{form:<8}ratio of peaks {peaks[1] / peaks[0]:.3f}", flush=True)


def measured(form: str, rows: int) -> dict[str, Any]:
    """Return what `work` finds on a new file, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{form}"
        FORMS[form][0](path, rows)
        command = [sys.executable, str(Path(__file__)), "--work", str(path), str(rows)]
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode:
            raise click.ClickException(ran.stderr.strip())
        return json.loads(ran.stdout)


if __name__ == "__main__":
    main()
