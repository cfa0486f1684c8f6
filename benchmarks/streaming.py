"""Peak memory of fits on rows that stay on disk: a file of one size against a file of 20 times as much.

One epoch of each stage in steps of 500 unlabelled rows and 100 of 1000 labelled ones, each fit in a process of its own,
whose peak (ru_maxrss) includes the libraries; the growth is the difference from the peak before the fit. The engine is
the same for both sizes, because XLA's compiler takes 300 MiB and "auto" takes XLA for long fits only. Files are made in
a temporary folder: tables of grey levels, and for .npz counts of which most are 0.

    python benchmarks/streaming.py
    python benchmarks/streaming.py --megabytes 2 --forms npy --models m2
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np
from memory import mebibytes

FEATURES, LABELS, TIMES = 784, 1000, 20
KEPT = 98  # cells of a sparse row
PIECE = 4096  # rows made at a time
GROUP = 16384  # rows of a row group
MODELS = {
    "m1": {"name": "m1", "latent": 2, "hidden": [4]},  # quick, for the tests
    "m2": {"name": "m2", "latent": 20, "hidden": [100]},
    "m1_m2": {"name": "m1_m2", "latent": 20, "hidden": [100], "m1": {"hidden": [100]}},
}


def batched(pieces: Iterator[np.ndarray], count: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield batches of some length; `itertools` has it from Python 3.12 on."""
    while group := tuple(islice(pieces, count)):
        yield group


def made(rows: int) -> Iterator[np.ndarray]:
    """Yield grey levels [PIECE, 784]."""
    for start in range(0, rows, PIECE):
        yield np.random.default_rng(start).random((min(PIECE, rows - start), FEATURES), np.float32)


def write_npy(path: Path, rows: int) -> None:
    """Write an array row by row."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, FEATURES)})
        for piece in made(rows):
            file.write(piece.data)


def write_h5(path: Path, rows: int) -> None:
    """Write a dataset in zipped chunks of 256 rows."""
    import h5py

    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", (rows, FEATURES), np.float32, chunks=(256, FEATURES), compression="lzf")
        for number, piece in enumerate(made(rows)):
            x[number * PIECE : number * PIECE + len(piece)] = piece


def write_parquet(path: Path, rows: int) -> None:
    """Write row groups of 16384 rows, which are unpacked in parts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [f"pixel{n}" for n in range(FEATURES)]
    with pq.ParquetWriter(path, pa.schema([(name, pa.float32()) for name in names])) as writer:
        for group in batched(made(rows), GROUP // PIECE):
            writer.write_table(pa.table(dict(zip(names, np.concatenate(group).T, strict=True))), GROUP)


def write_tfrecord(path: Path, rows: int) -> None:
    """Write a record a row."""
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for piece in made(rows):
            for row in piece:
                feature = {"x": tf.train.Feature(float_list=tf.train.FloatList(value=row))}
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def write_npz(path: Path, rows: int) -> None:
    """Write counts [rows, 784] with 98 cells a row that are not 0, array by array, as scipy.sparse.save_npz does."""
    step = FEATURES // KEPT
    parts = [(start, min(PIECE, rows - start)) for start in range(0, rows, PIECE)]

    def columns(start: int, count: int) -> np.ndarray:
        return np.random.default_rng(start).integers(step, size=(count, KEPT)) + np.arange(KEPT) * step

    def values(start: int, count: int) -> np.ndarray:
        return np.random.default_rng([start, 1]).integers(1, 5, (count, KEPT))

    with zipfile.ZipFile(path, "w") as archive:
        for name, kind, made in (("indices", "<i4", columns), ("data", "<f4", values)):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                form = {"descr": kind, "fortran_order": False, "shape": (rows * KEPT,)}
                np.lib.format.write_array_header_1_0(file, form)
                for part in parts:
                    file.write(made(*part).astype(kind).tobytes())
        small = {"indptr": np.arange(rows + 1) * KEPT, "shape": np.array([rows, FEATURES]), "format": np.array(b"csr")}
        for name, array in small.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array)


DENSE = 4 * FEATURES
FORMS = {
    "npy": (write_npy, DENSE),
    "h5": (write_h5, DENSE),
    "parquet": (write_parquet, DENSE),
    "tfrecord": (write_tfrecord, DENSE),
    "npz": (write_npz, 8 * KEPT),
}


def work(path: Path, rows: int, model: str, engine: str) -> dict[str, Any]:
    """Fit the file's rows and return the peak memory and the processor time of this process."""
    import tensorflow as tf

    from ssvae import SSVAEClassifier

    tf.constant(0.0) + 1.0  # what TensorFlow sets up at its first operation
    y, every = np.full(rows, -1), max(rows // LABELS, 1)
    y[: every * LABELS : every] = np.arange(len(y[: every * LABELS : every])) % 10
    settings: dict[str, Any] = {"regularizers": [], "epochs": 1, "batch_size": 500, "labeled_batch_size": 100}
    settings |= {"preprocessing": "identity", "likelihood": "multinomial" if path.suffix == ".npz" else "bernoulli"}
    before, start = mebibytes(), time.process_time()
    SSVAEClassifier(MODELS[model], **settings, engine=engine, random_state=0).fit(path, y)
    return {"peak": mebibytes(), "growth": mebibytes() - before, "seconds": time.process_time() - start}


@click.command(help=__doc__.split("\n")[0])
@click.option("--megabytes", default=60.0, show_default=True, help="Of the small file's rows in memory.")
@click.option("--forms", default=",".join(FORMS), show_default=True)
@click.option("--models", default="m2,m1_m2", show_default=True)
@click.option("--engine", default="graph", show_default=True)
@click.option("--work", "worker", type=(Path, int, str), default=None, hidden=True)
def main(megabytes: float, forms: str, models: str, engine: str, worker: tuple[Path, int, str] | None) -> None:
    if worker:
        return print(json.dumps(work(*worker, engine)))
    print(machine.lines(machine.describe("tensorflow", "ssvae")))
    heads = f"{'rows':>9}{'file, MB':>10}{'peak, MiB':>11}{'growth, MiB':>13}{'CPU-s':>8}{'ratio':>8}"
    print(f"{'file':<10}{'model':<8}{heads}")
    with tempfile.TemporaryDirectory() as folder:
        for form in forms.split(","):
            for model in models.split(","):
                peaks: list[float] = []
                for size in (megabytes, TIMES * megabytes):
                    path, rows = Path(folder) / f"x{size:.0f}.{form}", int(size * 1e6 / FORMS[form][1])
                    report(path, rows, model, engine, peaks)
            for path in Path(folder).iterdir():
                path.unlink()


def report(path: Path, rows: int, model: str, engine: str, peaks: list[float]) -> None:
    """Print the result of `work` on a file, in its own process, and the ratio to the peak before."""
    if not path.exists():
        FORMS[path.suffix[1:]][0](path, rows)
    command = [sys.executable, str(Path(__file__)), "--engine", engine, "--work", str(path), str(rows), model]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise click.ClickException(ran.stderr.strip())
    found = json.loads(ran.stdout.splitlines()[-1])
    peaks.append(found["peak"])
    numbers = f"{rows:>9}{path.stat().st_size / 1e6:>10.0f}{found['peak']:>11.0f}{found['growth']:>13.0f}"
    ratio = f"{peaks[1] / peaks[0]:>8.3f}" if len(peaks) > 1 else ""
    print(f"{path.suffix[1:]:<10}{model:<8}{numbers}{found['seconds']:>8.0f}{ratio}", flush=True)


if __name__ == "__main__":
    main()
